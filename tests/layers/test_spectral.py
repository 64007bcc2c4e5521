"""Spectral normalisation against NumPy's singular values."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.games import configure
from tgan_tf.networks import build_discriminator

RANDOM = np.random.default_rng(0)
IMAGES = tf.constant(RANDOM.normal(size=(2, 8, 8, 1)))
LABELS = tf.constant([2, 0])


def sigma(kernel: np.ndarray) -> float:
    """Greatest singular value of the matrix whose columns are the outputs."""
    return np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)


def matrices(network: keras.Model) -> list[keras.Variable]:
    return [w for w in network.trainable_variables if w.name in ("kernel", "embedding")]


def make(kind: str, norm: str) -> keras.Model:
    return build_discriminator(configure(d_kind=kind, d_spectral_norm=norm))


@pytest.mark.parametrize("kind", ["transformer", "conv"])
@pytest.mark.parametrize("norm", ["spectral", "improved"])
def test_as_with_matrices_divided_by_hand(kind, norm):
    network, plain = make(kind, norm), make(kind, "none")
    first = [sigma(kernel.numpy()) for kernel in matrices(network)]
    for weight in network.trainable_variables:
        weight.assign_add(RANDOM.normal(0, 0.3, weight.shape))
    for _ in range(200):
        network.spectral.iterate()
    assert len(first) == len(matrices(network)) > 3
    values = {id(w): w.numpy() for w in network.trainable_variables}
    for kernel, start in zip(matrices(network), first, strict=True):
        scale = start if norm == "improved" else 1
        values[id(kernel)] = scale * kernel.numpy() / sigma(kernel.numpy())
    plain.set_weights([values[id(w)] for w in network.trainable_variables])
    # The first values come from fewer iterations.
    rtol = 1e-3 if norm == "improved" else 1e-8
    np.testing.assert_allclose(network(IMAGES, LABELS), plain(IMAGES, LABELS), rtol=rtol)


def test_improved_starts_without_effect():
    network, plain = make("transformer", "improved"), make("transformer", "none")
    plain.set_weights([w.numpy() for w in network.trainable_variables])
    np.testing.assert_allclose(network(IMAGES, LABELS), plain(IMAGES, LABELS), rtol=1e-12)


def test_scale_of_a_matrix_has_no_effect():
    """And what is trained stays as the optimizer left it."""
    network = make("conv", "spectral")
    before = network(IMAGES, LABELS)
    tripled = [3 * kernel.numpy() for kernel in matrices(network)]
    for kernel, value in zip(matrices(network), tripled, strict=True):
        kernel.assign(value)
    np.testing.assert_allclose(network(IMAGES, LABELS), before, rtol=1e-12)
    for kernel, value in zip(matrices(network), tripled, strict=True):
        np.testing.assert_array_equal(kernel, value)


def test_nothing_else_scales_what_is_normalised():
    """StyleGAN2's layers divide by the root of their inputs; on top of the norm that left logits
    of 1e-9, from which nothing is learned."""
    widths = {"d_width": (4, 4), "d_patch": 4}
    network = build_discriminator(
        configure(d_kind="stylegan2", d_spectral_norm="spectral", **widths)
    )
    layers = [layer for layer in network._flatten_layers() if hasattr(layer, "scaled_kernel")]
    assert len(layers) > 5
    with network.spectral.scope():
        for layer in layers:
            kernel = layer.scaled_kernel("float64").numpy()
            np.testing.assert_allclose(sigma(kernel), 1, rtol=1e-3, err_msg=layer.name)


def test_one_step_of_power_iteration():
    network = make("conv", "spectral")
    kernel, direction = matrices(network)[1], network.spectral.weights[1]
    direction.assign(RANDOM.normal(size=direction.shape))
    matrix = kernel.numpy().reshape(-1, kernel.shape[-1])
    expected = matrix.T @ (matrix @ direction.numpy())
    network.spectral.iterate()
    np.testing.assert_allclose(direction, expected / np.linalg.norm(expected), rtol=1e-10)
