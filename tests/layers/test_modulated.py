"""Modulated convolutions against kernels that are made for each example."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tests.layers.test_convolution import reference
from tests.layers.test_low_pass import filtered, with_zeros_between
from tgan_tf.layers import ModulatedConvolution

RANDOM = np.random.default_rng(0)
X, W = RANDOM.normal(size=(2, 4, 6, 3)), RANDOM.normal(size=(2, 5))


def make(**options: object) -> ModulatedConvolution:
    layer = ModulatedConvolution(4, dtype="float64", **options)
    layer.build(X.shape, W.shape)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    return layer


def kernels(layer: ModulatedConvolution, demodulate: bool) -> list[np.ndarray]:
    """Of each example (Karras et al. 2020, eq. 1 and 3)."""
    style = W @ layer.to_style.scaled_kernel("float64").numpy() + layer.to_style.bias.numpy()
    made = [layer.scaled_kernel("float64").numpy() * s[:, None] for s in style]
    if demodulate:
        made = [k / np.sqrt((k**2).sum(axis=(0, 1, 2)) + 1e-8) for k in made]
    return made


@pytest.mark.parametrize("demodulate", [True, False])
def test_one_kernel_an_example(demodulate):
    layer = make(demodulate=demodulate, noise=demodulate)
    expected = np.concatenate(
        [
            reference(x[None], kernel, 1)
            for x, kernel in zip(X, kernels(layer, demodulate), strict=True)
        ]
    )
    noise = RANDOM.normal(size=(2, 24))
    if demodulate:
        expected += layer.noise_strength.numpy() * noise.reshape(2, 4, 6, 1)
    y = layer(tf.constant(X), tf.constant(W), tf.constant(noise) if demodulate else None)
    np.testing.assert_allclose(y, expected + layer.bias.numpy())


def test_twice_the_side():
    """Zeros between the pixels, the kernel turned over, the filter, and a factor for the zeros."""
    layer = make(doubles=True)
    turned = [kernel[::-1, ::-1] for kernel in kernels(layer, True)]
    wide = np.pad(with_zeros_between(X), [(0, 0), (1, 1), (1, 1), (0, 0)])
    raw = [reference(x[None], kernel, 1) for x, kernel in zip(wide, turned, strict=True)]
    expected = 4 * filtered(np.concatenate(raw)[:, :-1, :-1], 1)
    y = layer(tf.constant(X), tf.constant(W))
    assert layer.compute_output_shape(X.shape) == y.shape == expected.shape
    np.testing.assert_allclose(y, expected + layer.bias.numpy())


def test_derivatives():
    layer = make(doubles=True)
    x, w = tf.Variable(X), tf.Variable(W)
    weights = [weight.value for weight in layer.trainable_variables]
    assert_gradients(lambda: tf.reduce_sum(tf.tanh(layer(x, w))), [x, w, *weights])
