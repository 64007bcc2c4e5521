"""Normalisation against closed forms, and its second derivative against finite differences."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.layers import Normalization, normalize

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(0.5, 2, (2, 3, 8))


def closed_form(x: np.ndarray, kind: str, epsilon: float) -> np.ndarray:
    if kind == "instance":
        return closed_form(x.swapaxes(-1, -2), "layer", epsilon).swapaxes(-1, -2)
    if kind == "layer":
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
@pytest.mark.parametrize("kind", ["layer", "rms", "pixel", "instance"])
def test_closed_form(kind, epsilon):
    np.testing.assert_allclose(normalize(X, kind, epsilon), closed_form(X, kind, epsilon))


@pytest.mark.parametrize("kind", ["layer", "rms", "pixel", "instance"])
@pytest.mark.parametrize(("dtype", "rtol"), [(tf.float16, 2e-3), (tf.bfloat16, 1e-2)])
def test_half_precision(kind, dtype, rtol):
    """The statistics do not overflow, nor lose what the numbers have."""
    x = tf.cast(1000 * X, dtype)
    y = normalize(x, kind, 1e-6)
    assert y.dtype == dtype
    expected = closed_form(tf.cast(x, tf.float64).numpy(), kind, 1e-6)
    np.testing.assert_allclose(tf.cast(y, tf.float64), expected, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("kind", ["layer", "rms", "pixel", "instance"])
def test_second_derivative(kind):
    """Of a sum of squares of first derivatives, as a gradient penalty is."""
    x = tf.Variable(X)
    weights = RANDOM.normal(size=X.shape)

    def penalty() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.tanh(normalize(x, kind, 1e-6)) * weights)
        return tf.reduce_sum(tf.square(tape.gradient(total, x)))

    assert_gradients(penalty, [x])


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("layer", keras.layers.LayerNormalization(epsilon=1e-3, dtype="float64")),
        ("rms", keras.layers.RMSNormalization(epsilon=1e-3, dtype="float64")),
    ],
)
def test_as_in_keras(kind, theirs):
    ours = Normalization(kind, epsilon=1e-3, dtype="float64")
    values = []
    weights = [RANDOM.normal(size=8) for _ in range(2 if kind == "layer" else 1)]
    for layer in (ours, theirs):
        x = tf.constant(X)
        layer(x)
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        values.append((y, tape.gradient(y, x, tf.sin(x))))
    np.testing.assert_allclose(values[0][0], values[1][0], rtol=1e-12)
    np.testing.assert_allclose(values[0][1], values[1][1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", ["layer", "rms", "pixel", "instance"])
def test_modulation(kind, affine):
    layer = Normalization(kind, affine=affine, dtype="float64")
    layer.build(X.shape)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.weights])
    learned = affine and kind != "pixel"
    centred = kind in ("layer", "instance")
    assert len(layer.weights) == learned * (1 + centred)
    scale, shift = RANDOM.normal(size=(2, 2, 8))
    expected = closed_form(X, kind, layer.epsilon)
    if learned:
        expected = expected * layer.gain.numpy()
        expected = expected + layer.offset.numpy() if centred else expected
    np.testing.assert_allclose(layer(X), expected, rtol=1e-12)
    expected = expected * (1 + scale[:, None]) + shift[:, None]
    np.testing.assert_allclose(layer(X, scale, shift), expected, rtol=1e-12)


def test_starts_as_the_plain_norm():
    layer = Normalization("layer", dtype="float64")
    np.testing.assert_allclose(layer(X), closed_form(X, "layer", layer.epsilon), rtol=1e-12)


def test_round_trip():
    layer = Normalization("rms", epsilon=0.1, affine=False)
    assert Normalization.from_config(layer.get_config()).get_config() == layer.get_config()


def test_unknown_kind():
    with pytest.raises(ValueError, match="'batch' is not one of layer, rms, pixel"):
        Normalization("batch")
