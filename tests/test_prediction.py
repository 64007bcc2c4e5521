"""Clips that go on from given frames: what is kept, what it changes, and how that is learned."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.gan import TransformerGAN
from tgan_tf.networks import build_generator
from tgan_tf.objectives import randomness
from tgan_tf.objectives.generator import reconstruction

BATCH, GIVEN = 4, 2
SMALL = {
    **{"dataset": "moving_digits", "given_frames": GIVEN, "precision": "float64"},
    **{"latent_dim": 6, "g_motion_dim": 3, "w_dim": 8, "g_moving_grid": True, "g_heads": 2},
    **{"g_widths": (8, 8), "g_depths": (1, 1), "g_windows": (0, 0), "g_output": "patch"},
    **{"d_width": 8, "d_depth": 1, "d_motion_depth": 1, "d_heads": 2, "d_frames": 2},
    **{"batch_size": BATCH, "r1_gamma": 0.0, "r2_gamma": 0.0, "conditional": False},
}


def configure(**options):
    return Config().replace(**SMALL, **options).resolve(modality="video", shape=(6, 16, 16, 1))


@pytest.fixture(scope="module")
def clips():
    return np.random.default_rng(0).integers(0, 256, (BATCH, 6, 16, 16, 1), np.uint8)


@pytest.fixture(scope="module")
def generator():
    """One that listens in time, which it does not at first."""
    generator = build_generator(configure())
    rng = np.random.default_rng(1)
    for weight in generator.weights:
        weight.assign(weight + 0.1 * rng.standard_normal(weight.shape))
    return generator


def test_given_frames_are_kept_and_change_what_follows(generator, clips):
    z = tf.random.stateless_normal((BATCH, 6), (0, 0), dtype="float64")
    video = generator.modality
    given = tf.cast(video.give(tf.constant(clips[:, :GIVEN])), "float64")
    made = generator(z, given=given)
    np.testing.assert_array_equal(made[:, :GIVEN], given[..., :1])
    alone, none = generator(z), generator(z, given=tf.zeros_like(given))
    np.testing.assert_allclose(none, alone, rtol=1e-12, atol=1e-12)
    own = generator.imagined(generator.mapping(z), given)
    np.testing.assert_array_equal(own[:, GIVEN:], made[:, GIVEN:])
    assert (abs(own - alone).numpy().reshape(BATCH, 6, -1).max(axis=-1) > 1e-3).all()
    # Each clip by what was given of it, and not by what was given of others.
    mixed = tf.concat([given[:2], tf.zeros_like(given[2:])], axis=0)
    np.testing.assert_allclose(generator(z, given=mixed)[2:], alone[2:], rtol=1e-12, atol=1e-12)


def test_reconstruction_by_hand():
    made, real = np.random.default_rng(2).normal(size=(2, 3, 4, 5))
    expected = [np.mean((a - b) ** 2) for a, b in zip(made, real, strict=True)]
    np.testing.assert_allclose(reconstruction(tf.constant(made), tf.constant(real)), expected)


def test_the_generator_learns_what_it_missed(clips):
    """Loss and gradient by hand: of clips of which frames were given, those frames too."""
    weight = 3.0
    gan = TransformerGAN(configure(reconstruction_weight=weight, reconstruction_final=0.5))
    real = tf.constant(clips / 127.5 - 1)
    draw = randomness.Draw(
        gan.config.training.seed, gan.step, tf.distribute.get_replica_context(), BATCH, real.dtype
    )
    causes = gan._causes(draw, None, real)
    z, given = causes["z"], causes["given"]
    there = tf.cast(given[:, 0, 0, 0, -1], tf.float64)
    assert 0 < tf.reduce_sum(there) < BATCH
    noise = draw.normal(randomness.TOKENS_FAKE, (1,)), draw.normal(randomness.TOKENS_REAL, (1,))
    g = build_generator(gan.config)
    g.set_weights(gan.generator.get_weights())
    logs = gan.make_step()(real)

    @tf.function(autograph=False)  # as the step is: sines of moments are rounded otherwise outside
    def by_hand():
        with tf.GradientTape() as tape:
            fake, own = g(z, given=given), g.imagined(g.mapping(z), given)
            real_logit = gan.discriminator(real, None, noise[1])
            logit = gan.discriminator(fake, None, noise[0])
            adversarial = tf.reduce_mean(tf.nn.softplus(real_logit - logit))
            missed = tf.reduce_mean(there * tf.reduce_mean((own - real) ** 2, axis=(1, 2, 3, 4)))
            loss = adversarial + weight * missed
        gradients = tape.gradient(loss, [w.value for w in g.trainable_variables])
        norm = tf.linalg.global_norm([tf.convert_to_tensor(x) for x in gradients if x is not None])
        return adversarial, missed, norm

    adversarial, missed, norm = by_hand()
    np.testing.assert_allclose(logs["loss_g"], adversarial, rtol=1e-10)
    # Half of the clips are given frames, on average.
    np.testing.assert_allclose(logs["reconstruction"], 2 * missed, rtol=1e-10)
    np.testing.assert_allclose(logs["g_grad_norm"], norm, rtol=1e-8)


def test_what_is_missed_weighs_less_and_less():
    """By a cosine of the logarithm: half way there at the middle."""
    config = configure(reconstruction_weight=100.0, reconstruction_final=0.01, total_kimg=0.4)
    gan = TransformerGAN(config)
    weights = []
    for step in (0, 25, 50, 75, 100, 200):
        gan.step.assign(step)
        weights.append(float(gan._reconstruction_weight()))
    expected = [100, 100 * 0.01**0.1464466, 10, 100 * 0.01**0.8535534, 1, 1]
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


def test_parts_of_a_batch_that_take_turns(clips):
    config = configure(zcr_d=2.0, zcr_g=0.5)
    gans = [TransformerGAN(config.replace(micro_batches=n)) for n in (1, 2)]
    logs = [gan.make_step()(clips) for gan in gans]
    assert set(logs[0]) == set(logs[1]) >= {"reconstruction"}
    for name, value in logs[0].items():
        np.testing.assert_allclose(value, logs[1][name], rtol=1e-10, err_msg=name)
    for one, two in zip(*(gan.generator.weights for gan in gans), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-11)


def test_of_clips_without_given_frames_nothing_is_missed(clips):
    gan = TransformerGAN(configure().replace(given_frames=0))
    assert "reconstruction" not in gan.make_step()(clips)


def test_the_discriminator_sees_a_pair_with_the_frame_after_it():
    """So what is made must go on from what is given: each frame is in a token with the next."""
    numbers = tf.reshape(tf.range(12.0), (2, 6, 1, 1, 1))
    alone = TransformerGAN(configure().replace(given_frames=0)).discriminator
    seen = alone._in_pairs(numbers)[:, 0, 0].numpy().tolist()
    assert seen == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
    seen = TransformerGAN(configure()).discriminator._in_pairs(numbers)[:, 0, 0].numpy().tolist()
    assert seen == [[0, 1, 2], [2, 3, 4], [4, 5, 5], [6, 7, 8], [8, 9, 10], [10, 11, 11]]
