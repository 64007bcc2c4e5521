"""Tokens, grids, windows and pixels, against loops over their indices."""

from __future__ import annotations

import numpy as np
import pytest

from tgan_tf.layers import (
    merge_dilated,
    merge_windows,
    roll,
    shifted_regions,
    shuffle_pixels,
    split_dilated,
    split_windows,
    to_grid,
    to_tokens,
)


def tokens(batch: int, count: int, channels: int) -> np.ndarray:
    """Every number is different."""
    return np.arange(batch * count * channels, dtype=np.float32).reshape(batch, count, channels)


@pytest.mark.parametrize(("grid", "window"), [((4, 4), 2), ((2, 6), 2), ((6, 3), 3), ((3, 5), 1)])
def test_split_windows(grid, window):
    x = tokens(2, grid[0] * grid[1], 3)
    parts = split_windows(x, grid, window).numpy()
    expected = [
        [example[(top + i) * grid[1] + left + j] for i in range(window) for j in range(window)]
        for example in x
        for top in range(0, grid[0], window)
        for left in range(0, grid[1], window)
    ]
    np.testing.assert_array_equal(parts, expected)
    np.testing.assert_array_equal(merge_windows(parts, grid, window), x)


@pytest.mark.parametrize(("grid", "window"), [((4, 4), 2), ((2, 6), 2), ((6, 3), 3), ((3, 5), 1)])
def test_split_dilated(grid, window):
    x = tokens(2, grid[0] * grid[1], 3)
    parts = split_dilated(x, grid, window).numpy()
    expected = [
        [
            example[row * grid[1] + column]
            for row in range(i, grid[0], window)
            for column in range(j, grid[1], window)
        ]
        for example in x
        for i in range(window)
        for j in range(window)
    ]
    np.testing.assert_array_equal(parts, expected)
    np.testing.assert_array_equal(merge_dilated(parts, grid, window), x)


@pytest.mark.parametrize("shift", [0, 1, 2, 3, -2])
def test_roll(shift):
    x = tokens(2, 12, 3)
    expected = np.roll(x.reshape(2, 3, 4, 3), (-shift, -shift), (1, 2))
    np.testing.assert_array_equal(to_grid(roll(x, (3, 4), shift), (3, 4)), expected)


def test_shifted_regions():
    """Neighbours in a rolled window are of one region only if they are neighbours before."""
    grid, window, shift = (4, 6), 2, 1
    region = shifted_regions(grid, window, shift)
    assert region.shape == (6, 4)
    cells = np.stack(np.indices(grid), -1).reshape(1, 24, 2)
    cells = np.asarray(split_windows(roll(cells, grid, shift), grid, window))  # [6, 4, 2]
    for places, numbers in zip(cells, region, strict=True):
        near = np.abs(places[:, None] - places).max(-1) < window  # [4, 4]
        np.testing.assert_array_equal(near, numbers[:, None] == numbers)


def test_grid_and_tokens():
    x = tokens(2, 6, 4)
    grid = to_grid(x, (2, 3)).numpy()
    assert grid.shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(grid[:, 1, 2], x[:, 5])
    np.testing.assert_array_equal(to_tokens(grid), x)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_shuffle_pixels(factor):
    height, width, channels = 2, 3, 2
    x = tokens(2, height * width, factor**2 * channels)
    pixels = np.asarray(shuffle_pixels(x, (height, width), (factor, factor)))
    assert pixels.shape == (2, height * width * factor**2, channels)
    for row in range(height * factor):
        for column in range(width * factor):
            token = (row // factor) * width + column // factor
            part = (row % factor) * factor + column % factor
            np.testing.assert_array_equal(
                pixels[:, row * width * factor + column],
                x[:, token, part * channels : (part + 1) * channels],
            )


def test_shuffle_of_rows_alone():
    """As a square one would, were the others not there."""
    x = tokens(2, 6, 4)
    pixels = np.asarray(shuffle_pixels(x, (3, 2), (2, 1)))
    assert pixels.shape == (2, 12, 2)
    grid = np.asarray(x).reshape(2, 3, 2, 2, 2)  # [B, H, W, f, C]
    np.testing.assert_array_equal(
        pixels.reshape(2, 6, 2, 2), grid.swapaxes(2, 3).reshape(2, 6, 2, 2)
    )
