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


def test_the_last_given_frame_is_carried_on(generator, clips):
    """Shares of what is made, of that frame as it is, and of it moved: an image's mean of them."""
    z = tf.random.stateless_normal((BATCH, 6), (0, 0), dtype="float64")
    given = tf.cast(generator.modality.give(tf.constant(clips[:, :GIVEN])), "float64")
    last, weights = given[:, -1, ..., :1], generator.get_weights()
    bias = generator.output_layer.linear.bias
    assert bias.shape == (3 * 4,)  # of a patch of 2x2
    try:
        for channel, factor in ((1, "stays"), (2, "moves")):
            generator.set_weights(weights)
            chosen = np.zeros((4, 3))
            chosen[:, channel] = 1000.0
            bias.assign_add(chosen.ravel())
            clip = generator.imagined(generator.mapping(z), given).numpy()
            for t in range(6):
                same = np.abs(clip[:, t] - last).max(axis=(1, 2, 3)) < 1e-9
                assert same.all() == (factor == "stays" or t == GIVEN - 1), (factor, t)
            assert np.abs(clip - np.clip(clip, -1, 1)).max() < 1e-9
    finally:
        generator.set_weights(weights)


def missed(apart):
    """By hand, of clips ``[B, F, H, W, C]``: means of four by four pixels, every second of them."""
    total = np.square(apart).mean(axis=(1, 2, 3, 4))
    for factor in (2, 4, 8):
        for axis in (2, 3):
            size = apart.shape[axis]
            rows = 2 * np.arange(size // 2)[:, None] + np.arange(-1, 3)  # [size / 2, 4]
            there = ((rows >= 0) & (rows < size)).astype(float)
            near = np.take(apart, np.clip(rows, 0, size - 1), axis=axis)  # a new axis after it
            there = there.reshape(1, *[1] * (axis - 1), *there.shape, *[1] * (4 - axis))
            apart = (near * there).sum(axis=axis + 1) / there.sum(axis=axis + 1)
        total = total + factor * np.square(apart).mean(axis=(1, 2, 3, 4))
    return total / 4


def test_reconstruction_by_hand():
    made, real = np.random.default_rng(2).normal(size=(2, 3, 2, 8, 16, 1))
    found = reconstruction(tf.constant(made), tf.constant(real))
    np.testing.assert_allclose(found, missed(made - real))


def test_coarser_scales_say_where_to_go():
    """A line that is five pixels off has hardly a slope pixel by pixel."""
    places = tf.Variable(tf.constant([10.3], tf.float64))

    def clip(place):
        line = tf.exp(-tf.square(tf.range(32, dtype=tf.float64) - place) / 2)
        return tf.tile(line[None, None, None, :, None], (1, 2, 32, 1, 1))

    with tf.GradientTape(persistent=True) as tape:
        fine = tf.reduce_mean(tf.square(clip(places) - clip(15.5)))
        scales = reconstruction(clip(places), clip(15.5))
    fine, scales = (float(tape.gradient(x, places)[0]) for x in (fine, scales))
    assert scales < -0.005
    assert abs(fine) < 0.05 * abs(scales)


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
            fake, parts = g(z, given=given), g.parts(g.mapping(z), given)
            real_logit = gan.discriminator(real, None, noise[1])
            logit = gan.discriminator(fake, None, noise[0])
            adversarial = tf.reduce_mean(tf.nn.softplus(real_logit - logit))
            wrong = reconstruction(parts.placed, real) + reconstruction(parts.carried, real)
            loss = adversarial + weight * tf.reduce_mean(there * wrong)
        gradients = tape.gradient(loss, [w.value for w in g.trainable_variables])
        norm = tf.linalg.global_norm([tf.convert_to_tensor(x) for x in gradients if x is not None])
        return adversarial, parts.clip, norm

    adversarial, own, norm = by_hand()
    np.testing.assert_allclose(logs["loss_g"], adversarial, rtol=1e-10)
    # Half of the clips are given frames, on average.
    expected = 2 * np.mean(there * missed((own - real).numpy()))
    np.testing.assert_allclose(logs["reconstruction"], expected, rtol=1e-10)
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
