from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tokens import PITCHES, WORDS, music_config, text_config, token_generator
from tgan_tf.data.score import HOLD, NOT_GIVEN, REST

BATCH = 3
Z = np.random.default_rng(1).normal(size=(BATCH, 4)).astype(np.float32)
LABEL = tf.constant([0, 1, 1])


CONFIGS = {
    "poems": text_config(),
    "words": text_config(WORDS, length=7),
    "music": music_config(steps=8),
    "one voice": music_config(steps=8, voices=1, given_voices=()),
}


@pytest.fixture(scope="module", params=CONFIGS)
def generator(request):
    return token_generator(CONFIGS[request.param])


@pytest.fixture(scope="module")
def music():
    return token_generator(CONFIGS["music"])


def windows() -> np.ndarray:
    """uint8 ``[3, 8, 2]``, as in data."""
    tokens = np.full((BATCH, 8, 2), HOLD, np.uint8)
    tokens[:, ::2] = np.random.default_rng(3).integers(60, 64, (BATCH, 4, 2))
    tokens[0, 4, 1], tokens[2, 0, 0] = REST, REST
    return tokens


def given_tune(music) -> tuple[np.ndarray, tf.Tensor]:
    """Windows whose first voice is given in all but the last, and what the generator takes."""
    tokens = np.full_like(windows(), NOT_GIVEN)
    tokens[:2, :, 0] = windows()[:2, :, 0]
    return tokens, music.modality.give(tf.constant(tokens))


def gumbel(generator) -> np.ndarray:
    """float32 ``[T, B, V]``."""
    shape = (generator.tokens, BATCH, generator.vocabulary)
    return np.random.default_rng(2).gumbel(size=shape).astype(np.float32)


def test_rollout_takes_the_greatest_of_logits_and_noise(generator):
    w, noise = generator.mapping(tf.constant(Z), LABEL), gumbel(generator)
    tokens = generator.rollout(w, lambda place: tf.gather(tf.constant(noise), place)).numpy()
    logits = generator.logits(tf.constant(tokens), w, generator._hints(None, w)).numpy()
    if generator.forbidden is not None:  # of [B, T, V]
        logits[np.broadcast_to(generator.forbidden, logits.shape)] = -np.inf
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


def test_given_voices_are_kept_and_heard(music):
    w, noise = music.mapping(tf.constant(Z), LABEL), gumbel(music)
    tokens, given = given_tune(music)

    def made(given):
        found = music.rollout(w, lambda place: tf.gather(noise, place), given=given)
        return music.modality.of_tokens(found).numpy()

    around, free = made(given), made(None)
    np.testing.assert_array_equal(around[:2, :, 0], tokens[:2, :, 0])
    np.testing.assert_array_equal(around[2], free[2])
    # The end of the tune changes the beginning of the other voice.
    other = tokens.copy()
    other[:2, -2, 0] = 123 - other[:2, -2, 0]
    hints = [music._hints(g, w).numpy() for g in (given, music.modality.give(tf.constant(other)))]
    assert (hints[0] != hints[1])[:2, 0].any()
    # And signals that have a gradient are the same windows.
    uniform = tf.exp(-tf.exp(-tf.constant(noise.transpose(1, 0, 2))))
    signals = music.synthesis(w, tf.reshape(uniform, (BATCH, -1)), given)
    np.testing.assert_array_equal(music.modality.decode(signals), around)


def test_what_is_given_does_not_count(music):
    signals, (_, given) = music.modality.encode(tf.constant(windows())), given_tune(music)
    w = music.mapping(tf.constant(Z), LABEL)
    tokens = music.modality.tokenize(signals)
    logits = music.logits(tokens, w, music._hints(given, w))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits).numpy()
    losses = losses.reshape(BATCH, 8, 2)
    expected = [losses[0, :, 1].mean(), losses[1, :, 1].mean(), losses[2].mean()]
    found = music.likelihood(signals, tf.constant(Z), LABEL, given=given)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_hears_what_is_held(music):
    """The same tokens after another note: a hold is another one."""
    tokens = np.full((2, 16), len(PITCHES) - 1, np.int32)
    tokens[:, :2] = [[1, 3], [2, 3]]
    far = music._before(tf.constant(tokens))[:, -1].numpy()  # of the second voice's last token
    expected = music.sounding[0, 2] - music.sounding[0, 1]
    np.testing.assert_allclose(far[1] - far[0], expected, atol=1e-5)


def test_signals_are_one_hot_with_a_gradient(generator):
    noise = tf.random.stateless_uniform((BATCH, generator.noise_numbers), (0, 0))
    with tf.GradientTape() as tape:
        signals = generator(tf.constant(Z), LABEL, noise)
        total = tf.reduce_sum(signals * tf.random.stateless_normal(signals.shape, (1, 1)))
    assert signals.shape == (BATCH, *generator.config.data.signal_shape)
    kinds = signals.numpy()[..., :-1] if generator.voices else signals.numpy()
    np.testing.assert_allclose(np.sort(kinds, axis=-1)[..., -1], 1, atol=1e-6)
    np.testing.assert_allclose(kinds.sum(-1), 1, atol=1e-5)
    gradients = tape.gradient(total, generator.trainable_variables)
    # The start and the embedding, the noise and the class: all of it learns.
    for weight, gradient in zip(generator.trainable_variables, gradients, strict=True):
        if not weight.path.endswith("given/kernel"):  # nothing was given
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def test_likelihood_is_a_distribution():
    generator = token_generator(text_config(WORDS, length=2, num_classes=0))
    texts = [(0, 0), *((first, last) for first in range(1, 6) for last in range(6))]
    signals = tf.one_hot(texts, 6)[:, :, None]
    z = tf.constant(np.tile(Z[:1], (len(texts), 1)))
    mean = generator.likelihood(signals, z).numpy()
    lengths = [1 if text == (0, 0) else 2 for text in texts]
    np.testing.assert_allclose(np.exp(-mean * lengths).sum(), 1, rtol=1e-5)


def test_dropout_changes_what_is_followed_and_not_what_is_learned(generator):
    shape = (BATCH, generator.tokens, 2)

    def signals_of(tokens):
        return generator.modality.detokenize(tf.one_hot(tokens, generator.vocabulary))

    signals = signals_of(np.full(shape[:2], 3))
    dropout = tf.random.stateless_uniform(shape, (0, 0))
    plain = generator.likelihood(signals, tf.constant(Z), LABEL)
    # All tokens of this batch are the same one: nothing can be replaced by another.
    dropped = generator.likelihood(signals, tf.constant(Z), LABEL, dropout, 0.5)
    np.testing.assert_allclose(plain, dropped, rtol=1e-6)
    mixed = signals_of(np.arange(shape[1])[None] % 3 + [[2], [1], [1]])
    plain = generator.likelihood(mixed, tf.constant(Z), LABEL)
    dropped = generator.likelihood(mixed, tf.constant(Z), LABEL, dropout, 0.5)
    assert np.abs(plain - dropped).min() > 1e-4
