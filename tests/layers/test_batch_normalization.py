"""Batch normalisation against NumPy; tests/test_replicas.py has it on several replicas."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.layers import BatchNormalization

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(3, 2, (4, 3, 5, 2))
MEAN, VARIANCE = X.mean(axis=(0, 1, 2)), X.var(axis=(0, 1, 2))


def make(**options: object) -> BatchNormalization:
    layer = BatchNormalization(dtype="float64", **options)
    layer.build(X.shape)
    return layer


def test_by_the_batch_in_training():
    layer = make(momentum=0.9)
    layer.gain.assign([2.0, 3.0])
    layer.offset.assign([0.5, -1.0])
    expected = (X - MEAN) / np.sqrt(VARIANCE + 1e-5) * [2.0, 3.0] + [0.5, -1.0]
    np.testing.assert_allclose(layer(tf.constant(X), training=True), expected)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * MEAN, rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * VARIANCE, rtol=1e-6)


def test_by_the_moving_averages_in_use():
    layer = make(affine=False)
    layer.moving_mean.assign([1.0, 2.0])
    layer.moving_variance.assign([4.0, 9.0])
    scale, shift = RANDOM.normal(size=(2, 4, 2))
    expected = (X - [1.0, 2.0]) / np.sqrt(np.array([4.0, 9.0]) + 1e-5)
    expected = expected * (1 + scale[:, None, None]) + shift[:, None, None]
    y = layer(tf.constant(X), tf.constant(scale), tf.constant(shift))
    np.testing.assert_allclose(y, expected)
    np.testing.assert_array_equal(layer.moving_mean, [1.0, 2.0])


def test_gradient_goes_through_the_statistics():
    layer, x, weights = make(), tf.Variable(X), RANDOM.normal(size=X.shape)
    variables = [x, layer.gain.value, layer.offset.value]
    assert_gradients(lambda: tf.reduce_sum(weights * layer(x, training=True) ** 2), variables)
