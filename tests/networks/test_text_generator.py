from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.texts import WORDS, text_config, text_generator

BATCH = 3
Z = np.random.default_rng(1).normal(size=(BATCH, 4)).astype(np.float32)
LABEL = tf.constant([0, 1, 1])


@pytest.fixture(scope="module", params=["poems", "words"])
def generator(request):
    return text_generator(
        text_config() if request.param == "poems" else text_config(WORDS, length=7)
    )


def gumbel(generator) -> np.ndarray:
    """float32 ``[T, B, V]``."""
    shape = (generator.tokens, BATCH, generator.vocabulary)
    return np.random.default_rng(2).gumbel(size=shape).astype(np.float32)


def test_rollout_takes_the_greatest_of_logits_and_noise(generator):
    w, noise = generator.mapping(tf.constant(Z), LABEL), gumbel(generator)
    tokens = generator.rollout(w, lambda place: tf.gather(tf.constant(noise), place)).numpy()
    logits = generator.logits(generator._before(tf.constant(tokens)), w).numpy()  # [B, T, V]
    logits[..., list(generator.forbidden)] = -np.inf
    greatest = (logits + noise.transpose(1, 0, 2)).argmax(-1)
    for row, expected in zip(tokens, greatest, strict=True):
        ended = np.flatnonzero(row == 0) if generator.ends else []
        end = ended[0] + 1 if len(ended) else len(row)
        np.testing.assert_array_equal(row[:end], expected[:end])
        assert not generator.ends or not row[end:].any()


def test_prefix_is_kept(generator):
    w, noise = generator.mapping(tf.constant(Z), LABEL), gumbel(generator)
    prefix = np.full((BATCH, generator.tokens), -1, np.int32)
    prefix[:, :2] = [[3, 4], [5, 3], [4, 4]]
    tokens = generator.rollout(w, lambda place: tf.gather(noise, place), prefix=prefix).numpy()
    np.testing.assert_array_equal(tokens[:, :2], prefix[:, :2])


def test_signals_are_one_hot_with_a_gradient(generator):
    noise = tf.random.stateless_uniform((BATCH, generator.noise_numbers), (0, 0))
    with tf.GradientTape() as tape:
        signals = generator(tf.constant(Z), LABEL, noise)
        total = tf.reduce_sum(signals * tf.random.stateless_normal(signals.shape, (1, 1)))
    assert signals.shape == (BATCH, *generator.config.data.signal_shape)
    np.testing.assert_allclose(np.sort(signals.numpy(), axis=-1)[..., -1], 1, atol=1e-6)
    np.testing.assert_allclose(signals.numpy().sum(-1), 1, atol=1e-5)
    gradients = tape.gradient(total, generator.trainable_variables)
    # The start and the embedding, the noise and the class: all of it learns.
    assert all(np.abs(tf.convert_to_tensor(g)).max() > 0 for g in gradients)


def test_likelihood_is_a_distribution():
    generator = text_generator(text_config(WORDS, length=2, num_classes=0))
    texts = [(0, 0), *((first, last) for first in range(1, 6) for last in range(6))]
    signals = tf.one_hot(texts, 6)[:, :, None]
    z = tf.constant(np.tile(Z[:1], (len(texts), 1)))
    mean = generator.likelihood(signals, z).numpy()
    lengths = [1 if text == (0, 0) else 2 for text in texts]
    np.testing.assert_allclose(np.exp(-mean * lengths).sum(), 1, rtol=1e-5)


def test_dropout_changes_what_is_followed_and_not_what_is_learned(generator):
    shape = (BATCH, generator.tokens, 2)
    signals = tf.one_hot(np.full(shape[:2], 3), generator.vocabulary)[:, :, None]
    dropout = tf.random.stateless_uniform(shape, (0, 0))
    plain = generator.likelihood(signals, tf.constant(Z), LABEL)
    # All tokens of this batch are the same one: nothing can be replaced by another.
    dropped = generator.likelihood(signals, tf.constant(Z), LABEL, dropout, 0.5)
    np.testing.assert_allclose(plain, dropped, rtol=1e-6)
    mixed = tf.one_hot(np.arange(shape[1])[None] % 3 + [[3], [2], [1]], generator.vocabulary)
    plain = generator.likelihood(mixed[:, :, None], tf.constant(Z), LABEL)
    dropped = generator.likelihood(mixed[:, :, None], tf.constant(Z), LABEL, dropout, 0.5)
    assert np.abs(plain - dropped).min() > 1e-4
