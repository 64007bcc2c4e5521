"""Penalties of the generator against closed forms and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tests.games import configure
from tgan_tf.networks import build_generator
from tgan_tf.objectives.generator import mix_styles, orthogonal, path_lengths

RANDOM = np.random.default_rng(0)


def test_orthogonal():
    """The sum over all pairs of filters; 0 where they are orthogonal, however long they are."""
    kernel = RANDOM.normal(size=(2, 3, 4, 5))
    filters = kernel.reshape(-1, 5).T
    pairs = sum(
        (a @ b) ** 2 for i, a in enumerate(filters) for j, b in enumerate(filters) if i != j
    )
    np.testing.assert_allclose(orthogonal(tf.constant(kernel)), pairs)
    basis, _ = np.linalg.qr(RANDOM.normal(size=(6, 4)))
    assert orthogonal(tf.constant(basis * [1.0, 2.0, 3.0, 4.0])) < 1e-24
    variable = tf.Variable(kernel)
    assert_gradients(lambda: orthogonal(variable), [variable])


def test_path_length_of_a_linear_generator():
    """Of ``A w``, it is ``|A' y| / sqrt(pixels)``."""
    matrix, w = RANDOM.normal(size=(3, 2 * 4 * 5)), RANDOM.normal(size=(6, 3))
    noise = RANDOM.normal(size=(6, 2, 4, 5))
    lengths = path_lengths(
        lambda w: tf.reshape(w @ matrix, (-1, 2, 4, 5)), tf.constant(w), tf.constant(noise)
    )
    expected = np.linalg.norm(noise.reshape(6, -1) @ matrix.T, axis=1) / 8**0.5
    np.testing.assert_allclose(lengths, expected)


def test_path_length_of_layers():
    """Each layer's own; the root of their mean square."""
    w, noise = RANDOM.normal(size=(2, 3, 1)), np.ones((2, 1, 1, 1))
    lengths = path_lengths(
        lambda w: tf.reduce_sum(w * [[1.0], [2.0], [5.0]], axis=1)[:, None, None],
        tf.constant(w),
        tf.constant(noise),
    )
    np.testing.assert_allclose(lengths, 10**0.5)


def test_path_length_can_be_learned_from():
    matrix = tf.Variable(RANDOM.normal(size=(3, 4)))
    w, noise = (
        tf.constant(RANDOM.normal(size=(5, 3))),
        tf.constant(RANDOM.normal(size=(5, 2, 2, 1))),
    )

    def penalty() -> tf.Tensor:
        lengths = path_lengths(lambda w: tf.reshape(tf.tanh(w @ matrix), (-1, 2, 2, 1)), w, noise)
        return tf.reduce_sum(tf.square(lengths - 0.5))

    assert_gradients(penalty, [matrix])


def test_path_length_of_stylegan2_can_be_learned_from():
    """Of the whole generator with noise, and a w for each layer, as in training."""
    options = {"g_kind": "stylegan2", "g_noise": True, "g_output_activation": "linear"}
    generator = build_generator(configure(**options, g_widths=(4, 3), mapping_layers=1, w_dim=3))
    for weight in generator.weights:
        weight.assign(weight + RANDOM.normal(0, 0.3, weight.shape))
    z, label = tf.constant(RANDOM.normal(size=(3, 4))), tf.constant([2, 0, 1])
    tokens = tf.constant(RANDOM.normal(size=(3, generator.noise_numbers)))
    noise = tf.constant(RANDOM.normal(size=(3, 8, 8, 1)))

    def penalty() -> tf.Tensor:
        w = tf.tile(generator.mapping(z, label)[:, None], (1, generator.num_ws, 1))
        lengths = path_lengths(lambda w: generator.synthesis(w, tokens), w, noise)
        return tf.reduce_sum(tf.square(lengths - 0.1))

    # What is added to the images themselves does not depend on w.
    weights = {w.path: w.value for w in generator.trainable_variables}
    added = [path for path in weights if path.endswith("_image/bias")]
    assert len(added) == 2
    assert_gradients(penalty, [w for path, w in weights.items() if path not in added], step=1e-6)


def test_styles_are_mixed():
    first, second = np.zeros((5, 2)), np.ones((5, 2))
    uniform = [[0.89, 0.0], [0.5, 0.34], [0.1, 0.99], [0.9, 0.0], [0.95, 0.5]]
    mixed = mix_styles(*map(tf.constant, (first, second, uniform)), 4, 0.9)
    expected = [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(mixed, np.repeat(np.array(expected)[..., None], 2, axis=-1))


def test_cuts_are_uniform():
    uniform = RANDOM.uniform(size=(3000, 2))
    w = tf.zeros((3000, 1), tf.float64)
    mixed = mix_styles(w, w + 1, tf.constant(uniform), 4, 0.9).numpy()[..., 0].sum(axis=1)
    counts = np.bincount(mixed.astype(int), minlength=4) / 3000
    assert counts == pytest.approx([0.1, 0.3, 0.3, 0.3], abs=0.03)
