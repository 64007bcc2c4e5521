import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.networks.token_choice import Choice, choose, never

PROBABILITIES = np.array([0.5, 0.3, 0.15, 0.05])


def shares(temperature=1.0, top_k=0, top_p=1.0, forbidden=None, draws=20_000):
    """How often each token is chosen."""
    logits = tf.tile(never(tf.math.log(PROBABILITIES[None]), forbidden), (draws, 1))
    noise = tf.constant(np.random.default_rng(0).gumbel(size=(draws, 4)))
    values = (np.full(draws, value) for value in (float(temperature), top_k, float(top_p)))
    choice = Choice(*(tf.constant(value) for value in values))
    choice = choice._replace(top_k=tf.cast(choice.top_k, tf.int32))
    return np.bincount(choose(tf.cast(logits, tf.float64), noise, choice), minlength=4) / draws


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PROBABILITIES),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, PROBABILITIES**2 / (PROBABILITIES**2).sum()),
        ({"top_k": 2}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.6}, [0.625, 0.375, 0, 0]),  # 0.5 is not enough
        ({"top_p": 0.5}, [1, 0, 0, 0]),
        ({"top_p": 0.01}, [1, 0, 0, 0]),
        ({"forbidden": np.array([[True, False, False, False]])}, [0, 0.6, 0.3, 0.1]),
    ],
)
def test_shares(options, expected):
    np.testing.assert_allclose(shares(**options), expected, atol=0.012)


def test_without_controls():
    logits, noise = tf.constant([[0.0, 1.0]]), tf.constant([[2.0, 0.5]])
    assert choose(logits, noise).numpy().tolist() == [0]


def test_forbidden_at_some_places():
    forbidden = np.array([[True, False], [False, False]])
    logits = never(tf.zeros((3, 2, 2)), forbidden).numpy()
    np.testing.assert_array_equal(logits < -1, np.broadcast_to(forbidden, (3, 2, 2)))
    for place, row in enumerate(forbidden):
        found = never(tf.zeros((3, 2)), forbidden, tf.constant(place)).numpy()
        np.testing.assert_array_equal(found < -1, np.broadcast_to(row, (3, 2)))
