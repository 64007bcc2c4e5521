"""Attention in space and time, and codes that move."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.layers import (
    CarriedFrame,
    Keypoints,
    MotionCode,
    MovingGrid,
    SpaceTimeBlock,
    time_features,
)

B, F, N, C = 2, 3, 4, 8


def make_block(in_time: bool) -> SpaceTimeBlock:
    block = SpaceTimeBlock(C, 2, in_time, block={"modulation": "shift"}, dtype="float64")
    block.build((None, F, N, C), (None, F, 5))
    return block


@pytest.fixture
def tokens():
    rng = np.random.default_rng(0)
    return tf.constant(rng.normal(size=(B, F, N, C))), tf.constant(rng.normal(size=(B, F, 5)))


def reach(block: SpaceTimeBlock, tokens) -> np.ndarray:
    """Which tokens [F, N] of the first clip see the one in frame 1, place 2."""
    x, w = tokens
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = block(x, w)
    jacobian = tape.jacobian(y, x)[0, :, :, :, 0, 1, 2]  # [F, N, C, C]
    return (np.abs(jacobian.numpy()).max(axis=(2, 3)) > 1e-12).astype(int)


def test_tokens_see_their_frame_and_then_their_place_in_time(tokens):
    assert reach(make_block(False), tokens).tolist() == [[0] * N, [1] * N, [0] * N]
    block = make_block(True)
    # In time it is silent at the start.
    assert reach(block, tokens).tolist() == [[0] * N, [1] * N, [0] * N]
    block.time.project.kernel.assign(tf.eye(C, dtype=tf.float64))
    # What a token has seen in its own frame, its place sees in all frames.
    assert reach(block, tokens).tolist() == [[1] * N] * F


def test_tokens_of_all_frames_see_the_context(tokens):
    x, w = tokens
    block = SpaceTimeBlock(C, 2, False, block={"modulation": "shift"}, dtype="float64")
    block.build((None, F, N, C), (None, F, 5), (None, 6, 7))
    context = tf.random.stateless_normal((B, 6, 7), [0, 0], dtype=tf.float64)
    for place in range(6):
        changed = tf.tensor_scatter_nd_add(context, [[0, place]], [tf.ones(7, tf.float64)])
        different = (block(x, w, context) != block(x, w, changed)).numpy().any(axis=-1)
        assert different[0].all()
        assert not different[1].any()


def test_each_frame_has_its_own_modulation(tokens):
    x, w = tokens
    block = make_block(False)
    changed = tf.tensor_scatter_nd_add(w, [[0, 1]], [tf.ones(5, tf.float64)])
    different = (block(x, w) != block(x, changed)).numpy().any(axis=(2, 3))
    assert different.tolist() == [[False, True, False], [False] * F]


def test_any_number_of_frames(tokens):
    x, w = tokens
    block = make_block(True)
    assert block(tf.tile(x, (1, 3, 1, 1)), tf.tile(w, (1, 3, 1))).shape == (B, 3 * F, N, C)


def test_codes_are_functions_of_time_alone():
    rng = np.random.default_rng(0)
    layer = MotionCode(6, waves=5, dtype="float64")
    layer.build((None, 4), (None,))
    v, times = tf.constant(rng.normal(size=(B, 4))), np.linspace(0, 2, 9)
    codes = layer(v, tf.constant(times)).numpy()
    assert codes.shape == (B, 9, 6)
    np.testing.assert_allclose(codes[:, 3:5], layer(v, tf.constant(times[3:5])), rtol=1e-12)
    frequency, phase = np.split((v.numpy() @ layer.to_waves.kernel.numpy())[:, None], 2, axis=-1)
    hidden = np.sin(np.pi * (frequency * times[:, None] + phase)) @ layer.hidden.kernel.numpy()
    expected = np.where(hidden > 0, hidden, 0.2 * hidden) @ layer.output_layer.kernel.numpy()
    np.testing.assert_allclose(codes, expected, atol=1e-7)


def test_a_grid_that_moves_by_a_row_is_the_next_row():
    rng = np.random.default_rng(0)
    layer = MovingGrid((4, 2), 6, dtype="float64")
    layer.build((None, None, 3))
    codes = tf.constant(rng.normal(size=(B, 2, 3)))
    kernel = np.linalg.lstsq(codes[0].numpy(), np.array([[0, 0], [0.25, 0]]), rcond=None)[0]
    layer.to_shift.kernel.assign(kernel)
    stays, moves = layer(codes)[0].numpy().reshape(2, 4, 2, 6)
    np.testing.assert_allclose(moves[:3], stays[1:], atol=1e-6)
    assert np.abs(moves[3] - stays[3]).min() > 1e-3
    different = stays.reshape(8, 1, 6) - stays.reshape(1, 8, 6)  # places are told apart
    assert (np.abs(different).max(axis=-1) + np.eye(8)).min() > 1e-2


def test_time_features_tell_moments_apart():
    features = time_features(tf.range(32, dtype=tf.float64) / 16).numpy()
    assert features.shape == (32, 8)
    distance = np.linalg.norm(features[:, None] - features, axis=-1)
    assert distance[~np.eye(32, dtype=bool)].min() > 0.1


def moved(line, way):
    """Pixels by linear interpolation; beyond them the last ones."""
    places = np.arange(len(line))
    return np.interp(places - way, places, line)


def test_a_frame_is_carried_between_pixels():
    layer = CarriedFrame(1, dtype="float64")
    layer.build((None, 4, 3))
    rng = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(0.2 * rng.standard_normal(weight.shape))
    known, frame = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 6, 9, 2))
    carried, seen = (x.numpy() for x in layer(tf.constant(known), tf.constant(frame)))
    np.testing.assert_allclose(carried[:, 1], frame, atol=1e-12)  # its own moment
    x = known
    for hidden in layer.hidden:
        x = x @ hidden.kernel.numpy() + hidden.bias.numpy()
        x = np.maximum(x, np.float32(0.2) * x)  # TensorFlow rounds it
    shifts = x @ layer.to_shift.kernel.numpy() + known @ layer.straight.kernel.numpy()
    assert abs(shifts).max() > 0.3
    for clip, t in itertools.product(range(2), range(4)):
        down, right = (shifts[clip, t] - shifts[clip, 1]) * (6, 9)
        expected = np.apply_along_axis(moved, 0, frame[clip], down)
        expected = np.apply_along_axis(moved, 1, expected, right)
        ones = np.pad(np.ones((6, 9)), 20)  # of which nothing is seen beyond
        inside = np.apply_along_axis(moved, 0, ones, down)
        inside = np.apply_along_axis(moved, 1, inside, right)[20:-20, 20:-20]
        np.testing.assert_allclose(seen[clip, t, ..., 0], inside, atol=1e-12)
        np.testing.assert_allclose(carried[clip, t], expected, atol=1e-12)


def test_a_frame_nearly_stays_at_first_and_can_go():
    """At a whole pixel there is no slope: nothing that stays there would learn to move."""
    layer = CarriedFrame(0, dtype="float64")
    layer.build((None, 3, 4))
    rng = np.random.default_rng(5)
    known, frame = rng.standard_normal((8, 3, 4)), rng.standard_normal((8, 8, 8, 1))
    with tf.GradientTape() as tape:
        carried, _ = layer(tf.constant(known), tf.constant(frame))
        loss = tf.reduce_mean(tf.square(carried - np.roll(frame, 1, axis=2)[:, None]))
    assert 1e-6 < abs(carried - frame[:, None]).numpy().mean() < 0.2
    weights = [weight.value for weight in layer.trainable_weights]
    for gradient in tape.gradient(loss, weights)[:-1]:
        assert np.abs(gradient).max() > 1e-9


def test_keypoints_by_hand():
    layer = Keypoints(2, dtype="float64")
    layer.build((None, 5, 8, 1))
    first, second = layer.convolutions
    kernels = np.zeros(first.kernel.shape), np.zeros(second.kernel.shape)
    kernels[0][1, 1, 0, 0] = 1  # each pixel itself
    gains = kernels[1][1, 1, 0] = (3, 40)  # light counts; hardly anything but the lightest
    for convolution, kernel in zip(layer.convolutions, kernels, strict=True):
        convolution.kernel.assign(kernel)
    frames = np.random.default_rng(4).uniform(0, 1, (3, 5, 8, 1))
    points = layer(tf.constant(frames)).numpy()
    rows, columns = np.linspace(-0.8, 0.8, 5), np.linspace(-0.875, 0.875, 8)
    for frame, found in zip(frames[..., 0], points, strict=True):
        for gain, point in zip(gains, found, strict=True):
            shares = np.exp(gain * frame) / np.exp(gain * frame).sum()
            expected = (shares.sum(axis=1) * rows).sum(), (shares.sum(axis=0) * columns).sum()
            np.testing.assert_allclose(point, expected)
