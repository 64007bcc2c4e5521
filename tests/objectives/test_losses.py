"""Losses against closed forms in probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf import config
from tgan_tf.objectives.losses import LOSSES, top_k_weights

RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.normal(0, 3, (2, 64))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def contrast(r: np.ndarray, f: np.ndarray) -> np.ndarray:
    """-log of the share of each among itself and all of the other kind."""
    return -np.log(np.exp(r) / (np.exp(r) + np.exp(f).sum())) - np.log(
        np.exp(-f) / (np.exp(-f) + np.exp(-r).sum())
    )


CLOSED_FORMS = {
    "dual_contrastive": (contrast, lambda r, f: contrast(f, r)),
    "non_saturating": (
        lambda r, f: -np.log(sigmoid(r)) - np.log(1 - sigmoid(f)),
        lambda r, f: -np.log(sigmoid(f)),
    ),
    "relativistic": (
        lambda r, f: -np.log(sigmoid(r - f)),
        lambda r, f: -np.log(sigmoid(f - r)),
    ),
    "minimax": (
        lambda r, f: -np.log(sigmoid(r)) - np.log(1 - sigmoid(f)),
        lambda r, f: np.log(1 - sigmoid(f)),
    ),
    "least_squares": (
        lambda r, f: ((r - 1) ** 2 + f**2) / 2,
        lambda r, f: (f - 1) ** 2 / 2,
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
        lambda r, f: -f,
    ),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
}


def test_every_loss_of_the_configuration():
    assert set(LOSSES) == set(config.LOSSES) == set(CLOSED_FORMS)


@pytest.mark.parametrize("player", [0, 1], ids=["d", "g"])
@pytest.mark.parametrize("name", LOSSES)
def test_closed_form(name, player):
    given = LOSSES[name][player](tf.constant(REAL), tf.constant(FAKE))
    assert given.shape == REAL.shape
    np.testing.assert_allclose(given, CLOSED_FORMS[name][player](REAL, FAKE), rtol=1e-10)


@pytest.mark.parametrize("name", ["non_saturating", "minimax", "relativistic", "dual_contrastive"])
def test_large_logits_stay_finite(name):
    """Where the closed form in probabilities is infinite."""
    real, fake = tf.constant([-1e4, 1e4]), tf.constant([1e4, -1e4])
    for loss in LOSSES[name]:
        with tf.GradientTape() as tape:
            tape.watch(fake)
            value = loss(real, fake)
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, fake)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_directions(name):
    """D pushes real up and fake down, G pushes fake up, whoever is winning."""
    real, fake = tf.constant([0.75, 0.25]), tf.constant([0.25, 0.75])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        d_loss, g_loss = (loss(real, fake) for loss in LOSSES[name])
    assert (tape.gradient(d_loss, real).numpy() < 0).all()
    assert (tape.gradient(d_loss, fake).numpy() > 0).all()
    assert (tape.gradient(g_loss, fake).numpy() < 0).all()


def test_minimax_saturates():
    """Where D is sure, the reason for the other form."""
    fake = tf.constant([-20.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(fake)
        minimax, usual = LOSSES["minimax"][1](0, fake), LOSSES["non_saturating"][1](0, fake)
    assert -1e-8 < float(tape.gradient(minimax, fake)[0]) < 0
    np.testing.assert_allclose(tape.gradient(usual, fake), [-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"), [("non_saturating", 2 * np.log(2)), ("relativistic", np.log(2))]
)
def test_without_a_signal(name, expected):
    zero = tf.zeros(1, tf.float64)
    np.testing.assert_allclose(LOSSES[name][0](zero, zero), [expected])
    np.testing.assert_allclose(LOSSES[name][1](zero, zero), [np.log(2)])


class TestTopK:
    LOGITS = tf.constant(np.random.default_rng(1).permutation(12).astype(float))

    @pytest.mark.parametrize(("share", "k"), [(1.0, 12), (0.5, 6), (0.3, 4), (0.01, 1)])
    def test_mean_over_the_best(self, share, k):
        weights = top_k_weights(self.LOGITS, self.LOGITS, tf.constant(share)).numpy()
        assert set(np.flatnonzero(weights)) == set(np.argsort(-self.LOGITS.numpy())[:k])
        losses = RANDOM.normal(size=12)
        best = losses[np.argsort(-self.LOGITS.numpy())[:k]]
        np.testing.assert_allclose((weights * losses).mean(), best.mean())

    def test_a_share_of_the_batch(self):
        """As one of two replicas sees it."""
        whole = top_k_weights(self.LOGITS, self.LOGITS, tf.constant(0.5))
        half = top_k_weights(self.LOGITS[6:], self.LOGITS, tf.constant(0.5))
        np.testing.assert_array_equal(half, whole[6:])
