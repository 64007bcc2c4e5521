import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.tokens import WORDS, text_config, token_generator
from tgan_tf.config import ConfigError
from tgan_tf.networks import build_discriminator
from tgan_tf.objectives.policy import advantages

SCORE = {"token_gradient": "score", "r1_gamma": 0, "r2_gamma": 0}


@pytest.mark.parametrize("discount", [0.0, 0.5, 1.0])
def test_sum_of_later_rewards(discount):
    logits = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    rewards = np.diff(logits, axis=1, prepend=0)
    sums = np.zeros_like(logits)
    for t in range(6):
        for s in range(t, 6):
            sums[:, t] += discount ** (s - t) * rewards[:, s]
    found = advantages(tf.constant(logits), discount)
    np.testing.assert_allclose(found, sums - sums.mean(axis=0), atol=1e-5)


def test_expected_gradient_is_that_of_the_expected_reward():
    """Over all texts of two tokens, each as often as the generator makes it."""
    generator = token_generator(text_config(tuple("abc"), length=2, num_classes=0, **SCORE))
    texts = np.array(list(itertools.product(range(3), repeat=2)))
    reward = tf.constant(np.random.default_rng(0).normal(size=9), tf.float32)
    weights = generator.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        w = tf.repeat(generator.mapping(tf.ones((1, 4))), 9, axis=0)
        logs = tf.nn.log_softmax(generator.logits(tf.constant(texts), w))
        logs = tf.gather(logs, texts, batch_dims=2)  # [9, 2]
        probability = tf.exp(tf.reduce_sum(logs, axis=1))
        expected = tf.reduce_sum(probability * reward)
        # Noise that makes each text.
        noise = np.full((9, 2, 3), 0.5, np.float32)
        np.put_along_axis(noise, texts[..., None], 1 - 1e-7, axis=2)
        signals = generator.synthesis(w, tf.constant(noise.reshape(9, -1)))
    np.testing.assert_array_equal(tf.argmax(signals[:, :, 0], axis=-1), texts)
    np.testing.assert_array_equal(tf.reduce_max(signals, axis=-1), 1)
    weight = tf.stop_gradient(probability * reward)[:, None, None, None] * signals
    found = tape.gradient(signals, weights, output_gradients=weight)
    for ours, wanted in zip(found, tape.gradient(expected, weights), strict=True):
        ours, wanted = (tf.convert_to_tensor(x).numpy() for x in (ours, wanted))
        np.testing.assert_allclose(ours, wanted, atol=2e-5)


def test_beginnings_are_judged_alone():
    config = text_config(WORDS, length=7, **SCORE)
    discriminator = build_discriminator(config)
    for weight in discriminator.trainable_variables:
        weight.assign(np.random.default_rng(0).normal(0, 0.5, weight.shape))
    tokens = np.random.default_rng(1).integers(1, 6, (3, 7))
    other = tokens.copy()
    other[:, 4:] = 6 - other[:, 4:]
    label = tf.constant([0, 1, 1])

    def judged(tokens, **how):
        return discriminator(tf.one_hot(tokens, 6)[:, :, None], label, **how).numpy()

    one, two = judged(tokens, beginnings=True), judged(other, beginnings=True)
    assert one.shape == (3, 7)
    np.testing.assert_allclose(one[:, :4], two[:, :4], rtol=1e-5, atol=1e-6)
    assert (np.abs(one - two)[:, 4] > 1e-4).any()
    np.testing.assert_array_equal(judged(tokens), one[:, -1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"r1_gamma": 0.5}, "--r1_gamma=0.5 --token_gradient=score"),
        ({"d_pack": 2}, "--d_pack=2 --token_gradient=score"),
        ({"d_patch": 7, "d_stem": "patch"}, "--d_patch=7 --token_gradient=score"),
        ({"loss": "dual_contrastive"}, "use another loss"),
        ({"top_k": 0.5}, "--top_k is not for"),
    ],
)
def test_what_does_not_go_together(changes, message):
    with pytest.raises(ConfigError, match=message):
        text_config(WORDS, length=7, **{**SCORE, **changes})
