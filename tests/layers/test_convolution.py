"""Convolutions against sums over taps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.layers.convolution import Convolution, convolve

RANDOM = np.random.default_rng(0)


def reference(x: np.ndarray, kernel: np.ndarray, groups: int) -> np.ndarray:
    """``[B, H, W, C]``, group after group, tap after tap, with zeros beyond the borders."""
    size, parts = kernel.shape[0], []
    half = size // 2
    padded = np.pad(x, [(0, 0), (half,) * 2, (half,) * 2, (0, 0)])
    for group, (inputs, k) in enumerate(
        zip(np.split(padded, groups, axis=-1), np.split(kernel, groups, axis=-1), strict=True)
    ):
        del group
        parts.append(
            sum(
                inputs[:, i : i + x.shape[1], j : j + x.shape[2]] @ k[i, j]
                for i in range(size)
                for j in range(size)
            )
        )
    return np.concatenate(parts, axis=-1)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_groups(groups, dtype):
    """In float64, and in halves on a CPU, by another way than in float32."""
    x, kernel = RANDOM.normal(size=(2, 4, 5, 6)), RANDOM.normal(size=(3, 3, 6 // groups, 8))
    y = convolve(tf.constant(x, dtype), tf.constant(kernel, dtype))
    assert y.dtype == dtype
    tolerance = {"float16": 0.02, "float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(y, reference(x, kernel, groups), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_gradient_of_groups(dtype):
    """Whatever instructions the CPU has."""
    x, kernel = RANDOM.normal(size=(2, 4, 5, 6)), RANDOM.normal(size=(3, 3, 3, 8))

    def gradients(dtype):
        inputs = [tf.constant(x, dtype), tf.constant(kernel, dtype)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = tf.reduce_sum(convolve(*inputs) ** 2)
        return tape.gradient(y, inputs)

    tolerance = {"float16": 0.03, "bfloat16": 0.2}.get(dtype, 1e-4)
    for given, expected in zip(gradients(dtype), gradients("float64"), strict=True):
        scale = float(tf.reduce_max(tf.abs(expected)))
        given = tf.cast(given, "float64")
        np.testing.assert_allclose(given, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("options", [{"size": 3}, {"size": 1}, {"size": 3, "halves": True}])
def test_derivatives(options):
    layer = Convolution(3, dtype="float64", equalized=0.5, **options)
    x = tf.Variable(RANDOM.normal(size=(1, 4, 6, 2)))
    layer.build(x.shape)
    assert layer.compute_output_shape(x.shape) == layer(x).shape
    assert_gradients(
        lambda: tf.reduce_sum(tf.tanh(layer(x))), [x, layer.kernel.value, layer.bias.value]
    )


def test_equalized():
    """Stored with a spread of 2, used with that of He et al.; a step is as much smaller."""
    layer = Convolution(256, 3, dtype="float64", equalized=0.5, bias_start=1.0)
    layer.build((None, 4, 4, 64))
    assert np.std(layer.kernel.numpy()) == pytest.approx(2, rel=0.02)
    used = layer.scaled_kernel("float64").numpy()
    np.testing.assert_allclose(used, layer.kernel.numpy() * 0.5 / (9 * 64) ** 0.5)
    x = np.zeros((1, 4, 4, 64))
    np.testing.assert_allclose(layer(tf.constant(x)), np.ones((1, 4, 4, 256)))
    layer.bias.assign(layer.bias + 1.0)
    np.testing.assert_allclose(layer(tf.constant(x)), np.full((1, 4, 4, 256), 1.5))
