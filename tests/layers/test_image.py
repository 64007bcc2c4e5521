"""Between pixels and tokens, against loops over patches."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from tgan_tf.layers import ImageOutput, ImageStem, sincos_table

RANDOM = np.random.default_rng(0)


def randomize(layer: keras.layers.Layer) -> None:
    layer.set_weights([RANDOM.normal(0, 0.5, w.shape) for w in layer.weights])


def dense(layer: keras.layers.Dense, x: np.ndarray) -> np.ndarray:
    return x @ layer.kernel.numpy() + layer.bias.numpy()


class TestStem:
    @pytest.mark.parametrize("patch", [1, 2, 3])
    def test_patches(self, patch):
        layer = ImageStem(5, patch, "patch", dtype="float64")
        x = RANDOM.normal(size=(2, 2 * patch, 3 * patch, 3))
        layer.build(x.shape)
        randomize(layer)
        kernel = layer.convolutions[0].kernel.numpy().reshape(-1, 5)
        bias = layer.convolutions[0].bias.numpy()
        tokens = layer(x)
        assert tokens.shape == layer.compute_output_shape(x.shape) == (2, 6, 5)
        for token in range(6):
            top, left = patch * (token // 3), patch * (token % 3)
            cell = x[:, top : top + patch, left : left + patch].reshape(2, -1)
            np.testing.assert_allclose(tokens[:, token], cell @ kernel + bias, rtol=1e-9)

    @pytest.mark.parametrize("patch", [2, 4])
    def test_overlapping_patches(self, patch):
        layer = ImageStem(5, patch, "overlap", dtype="float64")
        x = RANDOM.normal(size=(2, 2 * patch, 3 * patch, 3))
        layer.build(x.shape)
        randomize(layer)
        kernel = layer.convolutions[0].kernel.numpy().reshape(-1, 5)
        bias = layer.convolutions[0].bias.numpy()
        tokens, border = layer(x), patch // 2
        assert tokens.shape == layer.compute_output_shape(x.shape) == (2, 6, 5)
        padded = np.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
        for token in range(6):
            top, left = patch * (token // 3), patch * (token % 3)
            cell = padded[:, top : top + 2 * patch, left : left + 2 * patch].reshape(2, -1)
            np.testing.assert_allclose(tokens[:, token], cell @ kernel + bias, rtol=1e-9)

    def test_overlapping_patches_are_even(self):
        with pytest.raises(ValueError, match="patch=3: overlapping"):
            ImageStem(8, 3, "overlap")

    @pytest.mark.parametrize(("patch", "widths"), [(1, [8]), (2, [8]), (4, [4, 8]), (8, [2, 4, 8])])
    def test_convolutions(self, patch, widths):
        """One for each halving, channels doubling; of a token, no more than its neighbourhood."""
        layer = ImageStem(8, patch, "conv", dtype="float64")
        x = RANDOM.normal(size=(1, 4 * patch, 8 * patch, 3))
        layer.build(x.shape)
        randomize(layer)
        assert [c.filters for c in layer.convolutions] == widths
        tokens = layer(x).numpy()
        assert tokens.shape == layer.compute_output_shape(x.shape) == (1, 32, 8)
        changed = x.copy()
        changed[:, 0, 0] += 1
        moved = np.abs(layer(changed).numpy() - tokens).max(-1).reshape(4, 8) > 0
        assert moved[0, 0]
        assert not moved[2:].any()
        assert not moved[:, 2:].any()

    def test_patch_must_be_a_power_of_two(self):
        with pytest.raises(ValueError, match=r"patch=3.*power of 2"):
            ImageStem(8, 3, "conv")

    @pytest.mark.parametrize(
        ("patch", "kind"), [(3, "patch"), (2, "overlap"), (1, "conv"), (4, "conv")]
    )
    def test_rows_of_a_sequence(self, patch, kind):
        """A token sees all columns of its rows, and with more than patches of its neighbours'."""
        layer = ImageStem(8, patch, kind, columns=3, dtype="float64")
        x = RANDOM.normal(size=(2, 4 * patch, 3, 2))
        layer.build(x.shape)
        randomize(layer)
        tokens = layer(x).numpy()
        assert tokens.shape == layer.compute_output_shape(x.shape) == (2, 4, 8)
        for column in range(3):
            changed = x.copy()
            changed[:, 0, column] += 1
            moved = (layer(changed).numpy() != tokens).any((0, 2))
            assert moved[0]
            assert not moved[2:].any()

    def test_round_trip(self):
        layer = ImageStem(8, 4, "patch")
        assert ImageStem.from_config(layer.get_config()).get_config() == layer.get_config()


class TestOutput:
    GRID = (2, 3)

    def make(self, patch: int, kind: str) -> tuple[ImageOutput, np.ndarray]:
        layer = ImageOutput(self.GRID, (patch, patch), 3, kind, dtype="float64")
        x = RANDOM.normal(size=(2, 6, 4))
        layer.build(x.shape)
        randomize(layer)
        return layer, x

    @pytest.mark.parametrize("patch", [1, 2, 3])
    def test_patches(self, patch):
        layer, x = self.make(patch, "patch")
        image = layer(x).numpy()
        assert image.shape == layer.compute_output_shape(x.shape) == (2, 2 * patch, 3 * patch, 3)
        pixels = x @ layer.linear.kernel.numpy() + layer.linear.bias.numpy()
        for token in range(6):
            top, left = patch * (token // 3), patch * (token % 3)
            np.testing.assert_allclose(
                image[:, top : top + patch, left : left + patch].reshape(2, -1),
                pixels[:, token],
                rtol=1e-9,
            )

    @pytest.mark.parametrize("patch", [1, 2])
    def test_convolution_crosses_the_seams(self, patch):
        layer, x = self.make(patch, "conv")
        image = layer(x).numpy()
        assert image.shape == layer.compute_output_shape(x.shape) == (2, 2 * patch, 3 * patch, 3)
        changed = x.copy()
        changed[:, 0] += 1
        moved = np.abs(layer(changed).numpy() - image).max((0, 3)) > 0
        expected = np.zeros_like(moved)
        expected[: patch + 2, : patch + 2] = True
        np.testing.assert_array_equal(moved, expected)

    @pytest.mark.parametrize("kind", ["conv", "smooth"])
    def test_grid_of_seams(self, kind):
        """Where all tokens are alike, pixels are in the one kind, and in the other they are not."""
        layer = ImageOutput((4, 4), (2, 2), 3, kind, dtype="float64")
        layer.build((None, 16, 6))
        randomize(layer)
        image = layer(np.ones((1, 16, 6))).numpy()
        assert image.shape == layer.compute_output_shape((1, 16, 6)) == (1, 8, 8, 3)
        inside = image[0, 2:-2, 2:-2]
        assert (np.ptp(inside, axis=(0, 1)).max() < 1e-9) == (kind == "smooth")

    def test_rows_of_a_sequence(self):
        """A token makes some rows and all columns."""
        layer = ImageOutput((3, 1), (2, 4), 5, "patch", dtype="float64")
        x = RANDOM.normal(size=(2, 3, 6))
        layer.build(x.shape)
        randomize(layer)
        y = layer(x).numpy()
        assert y.shape == layer.compute_output_shape(x.shape) == (2, 6, 4, 5)
        expected = x @ layer.linear.kernel.numpy() + layer.linear.bias.numpy()
        np.testing.assert_allclose(y, expected.reshape(2, 6, 4, 5), rtol=1e-9)

    @pytest.mark.parametrize("patch", [1, 3])
    def test_coordinates(self, patch):
        layer, x = self.make(patch, "coordinate")
        image = layer(x).numpy()
        assert image.shape == layer.compute_output_shape(x.shape) == (2, 2 * patch, 3 * patch, 3)
        places = sincos_table((patch, patch), 32)
        for token, (i, j) in itertools.product(range(6), np.ndindex(patch, patch)):
            row, column = patch * (token // 3) + i, patch * (token % 3) + j
            hidden = dense(layer.of_token, x[:, token])
            hidden = np.sin(hidden + places[patch * i + j] @ layer.of_place.kernel.numpy())
            expected = dense(layer.linear, np.sin(dense(layer.hidden, hidden)))
            np.testing.assert_allclose(image[:, row, column], expected, rtol=1e-9, atol=1e-12)

    def test_round_trip(self):
        layer = ImageOutput((2, 3), (2, 2), 3, "patch")
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()
