"""The block and the mapping network, against their composition by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.layers import MappingNetwork, TransformerBlock

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(2, 6, 8))
W = RANDOM.normal(size=(2, 5))
CONTEXT = RANDOM.normal(size=(2, 3, 4))


def randomize(layer: keras.layers.Layer) -> None:
    layer.set_weights([RANDOM.normal(0, 0.5, w.shape) for w in layer.weights])


def dense(layer: keras.layers.Dense, x: np.ndarray) -> np.ndarray:
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def gelu(x: np.ndarray) -> np.ndarray:
    # TensorFlow keeps the constants of activations in float32, also in float64.
    return 0.5 * x * (1 + tf.math.erf(x * np.float32(0.5**0.5)).numpy())


def leaky_relu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.float32(0.2) * x)


@pytest.mark.parametrize("activation", [gelu, leaky_relu])
@pytest.mark.parametrize("cross", ["", "after", "before"])
@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_block(norm, modulated, cross, activation):
    block = TransformerBlock(
        8,
        2,
        1.5,
        norm=norm,
        activation=activation.__name__,
        modulation="shift" if modulated else "",
        cross=cross,
        dtype="float64",
    )
    block.build(X.shape, W.shape, CONTEXT.shape)
    randomize(block)
    inputs = (X, W if modulated else None, CONTEXT if cross else None)
    y, scales = X, [None] * 4
    if cross == "before":
        y = y + block.attend_cross(y, CONTEXT).numpy()
    if modulated:
        scales = np.split(dense(block.to_modulation, W), 4, axis=-1)
    y = y + block.attend(block.norm1(y, scales[0], scales[1])).numpy()
    if cross == "after":
        y = y + block.attend_cross(block.norm_cross(y), CONTEXT).numpy()
    hidden = dense(block.mlp_in, block.norm2(y, scales[2], scales[3]).numpy())
    assert hidden.shape[-1] == 12
    y = y + dense(block.mlp_out, activation(hidden))
    np.testing.assert_allclose(block(*inputs), y, rtol=1e-9, atol=1e-10)


def test_modulated_norms_have_no_weights_of_their_own():
    block = TransformerBlock(8, 2, modulation="shift")
    block.build(X.shape, W.shape)
    assert not block.norm1.weights
    assert not block.norm2.weights


@pytest.mark.parametrize("modulation", ["", "shift", "gate"])
def test_without_self_attention(modulation):
    block = TransformerBlock(
        8, 2, norm="layer", modulation=modulation, self_attention=False, cross="after",
        dtype="float64",
    )  # fmt: skip
    block.build(X.shape, W.shape, CONTEXT.shape)
    randomize(block)
    y = X + block.attend_cross(block.norm_cross(X), CONTEXT).numpy()
    scale, second = (
        np.split(dense(block.to_modulation, W), 2, axis=-1) if modulation else (None, None)
    )
    shift = second if modulation == "shift" else None
    hidden = gelu(dense(block.mlp_in, block.norm2(y, scale, shift).numpy()))
    gate = second[:, None] if modulation == "gate" else 1
    expected = y + gate * dense(block.mlp_out, hidden)
    given = block(X, W if modulation else None, CONTEXT)
    np.testing.assert_allclose(given, expected, rtol=1e-9, atol=1e-10)


def test_noise_moves_all_channels_of_a_token_alike():
    block = TransformerBlock(8, 2, norm="layer", attention={"noise": True}, dtype="float64")
    block.build(X.shape)
    randomize(block)
    noise, attention = RANDOM.normal(size=(2, 6)), block.attend
    moved = block.norm1(X).numpy() + attention.noise_strength.numpy() * noise[..., None]
    y = X + attention(moved).numpy()
    y = y + dense(block.mlp_out, gelu(dense(block.mlp_in, block.norm2(y).numpy())))
    np.testing.assert_allclose(block(X, noise=noise), y, rtol=1e-9, atol=1e-10)
    assert np.abs(block(X, noise=noise) - block(X)).max() > 1e-3


def test_noise_starts_without_effect():
    block = TransformerBlock(8, 2, attention={"noise": True}, dtype="float64")
    block.build(X.shape)
    np.testing.assert_array_equal(block(X, noise=np.ones((2, 6))), block(X))


def test_epsilon_and_initializer_reach_all_parts():
    uniform = {"class_name": "RandomUniform", "config": {"minval": 1.0, "maxval": 2.0}}
    block = TransformerBlock(
        8, 2, norm="pixel", epsilon=0.5, modulation="shift", cross="after", initializer=uniform
    )
    block.build(X.shape, W.shape, CONTEXT.shape)
    assert {n.epsilon for n in (block.norm1, block.norm2, block.norm_cross)} == {0.5}
    kernels = [w.numpy() for w in block.weights if w.name == "kernel"]
    assert len(kernels) == 8
    assert all(kernel.min() >= 1 for kernel in kernels)
    # Each draws its own.
    assert len({kernel.ravel()[0] for kernel in kernels}) == 8


def test_kinds_of_cross_attention():
    with pytest.raises(ValueError, match="cross='first'"):
        TransformerBlock(8, 2, cross="first")


def test_block_round_trip():
    block = TransformerBlock(
        8, 2, norm="rms", modulation="shift", attention={"grid": (2, 3), "relative_bias": True}
    )
    stored = keras.saving.serialize_keras_object(block)
    again = keras.saving.deserialize_keras_object(stored)
    assert again.get_config() == block.get_config()
    block.build(X.shape, W.shape)
    again.build(X.shape, W.shape)
    again.set_weights(block.get_weights())
    np.testing.assert_array_equal(again(X, W), block(X, W))


class TestMappingNetwork:
    @pytest.mark.parametrize("hidden", [0, 2])
    @pytest.mark.parametrize("classes", [0, 3])
    def test_by_hand(self, classes, hidden):
        layer = MappingNetwork(5, hidden, classes, dtype="float64")
        layer.build((None, 4), (None,))
        randomize(layer)
        z, label = RANDOM.normal(size=(3, 4)), np.array([2, 0, 2])
        y = np.concatenate([z, layer.embedding.numpy()[label]], axis=-1) if classes else z
        assert len(layer.layers) == hidden + 1
        for index, part in enumerate(layer.layers):
            y = dense(part, y if index == 0 else leaky_relu(y))
        given = layer(z, label) if classes else layer(z)
        np.testing.assert_allclose(given, y, rtol=1e-12)
        assert layer.compute_output_shape((None, 4)) == (None, 5)

    @pytest.mark.parametrize("classes", [0, 3])
    def test_without_layers(self, classes):
        layer = MappingNetwork(5, -1, classes, dtype="float64")
        layer.build((None, 4), (None,))
        z, label = RANDOM.normal(size=(3, 4)), np.array([2, 0, 2])
        w = layer(z, label)
        vectors = layer.embedding.numpy()[label] if classes else np.zeros((3, 0))
        np.testing.assert_array_equal(w, np.concatenate([z, vectors], axis=-1))
        assert layer.compute_output_shape(z.shape) == w.shape

    def test_attributes(self):
        """The sum of their vectors stands where that of a class does."""
        layer = MappingNetwork(5, 1, 3, dtype="float64")
        layer.build((None, 4), (None, 3))
        randomize(layer)
        z, label = RANDOM.normal(size=(2, 4)), np.array([[1.0, 0, 1], [0, 0, 0]])
        y = np.concatenate([z, label @ layer.embedding.numpy()], axis=-1)
        first, last = layer.layers
        np.testing.assert_allclose(layer(z, label), dense(last, leaky_relu(dense(first, y))))

    def test_spread_of_the_classes(self):
        layer = MappingNetwork(50, 1, 100, class_std=0.7)
        layer.build((None, 4), (None,))
        assert abs(layer.embedding.numpy().std() / 0.7 - 1) < 0.05

    def test_round_trip(self):
        layer = MappingNetwork(5, 1, 3, 0.5)
        assert MappingNetwork.from_config(layer.get_config()).get_config() == layer.get_config()
