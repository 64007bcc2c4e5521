"""Where a token is: fixed tables that need no learning, of any grid."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

# Of the wavelengths. Rotations are made for grids of images, which are tens of tokens wide, not
# thousands (Heo et al. 2024, sec. 3.2).
_TABLE_BASE, _ROTATION_BASE = 10_000.0, 100.0


@functools.cache
def sincos_table(grid: tuple[int, int], width: int) -> np.ndarray:
    """Sines and cosines of row and column (Vaswani et al. 2017, sec. 3.5, for two axes).

    Args:
        grid: (H, W).
        width: channels, a multiple of 4: a quarter each for the sine and cosine of row and column.

    Returns:
        float64 ``[H*W, width]``.

    Raises:
        ValueError: ``width`` is no multiple of 4.
    """
    if width % 4:
        raise ValueError(f"width={width}: fixed positions need a multiple of 4")
    angles = _angles(grid, width // 4, _TABLE_BASE)  # [2, H*W, width/4]
    return np.concatenate([f(axis) for axis in angles for f in (np.sin, np.cos)], axis=-1)


def rotate(x: tf.Tensor, grid: tuple[int, int], prefix: int = 0) -> tf.Tensor:
    """Rotary position embedding of a grid (Su et al. 2021, eq. 34; Heo et al. 2024, eq. 7).

    Pairs of channels are rotated by angles that grow with the row (the first half of the pairs)
    and the column (the second half), so that a product of two tokens depends on their offset alone.

    Args:
        x: queries or keys, ``[..., prefix + H*W, d]``, d a multiple of 4.
        grid: (H, W).
        prefix: tokens in front that have no place in the grid and stay as they are.

    Returns:
        Like ``x``.
    """
    cos, sin = (
        np.pad(table, ((prefix, 0), (0, 0)), constant_values=value)
        for table, value in zip(_rotations(grid, x.shape[-1]), (1.0, 0.0), strict=True)
    )
    first, second = tf.split(x, 2, axis=-1)  # [..., N, d/2] each
    c, s = tf.constant(cos, x.dtype), tf.constant(sin, x.dtype)
    return tf.concat([first * c - second * s, second * c + first * s], axis=-1)


@functools.cache
def _rotations(grid: tuple[int, int], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines, ``[H*W, width/2]`` each."""
    if width % 4:
        raise ValueError(f"width={width} of a head: rotary positions need a multiple of 4")
    angles = np.concatenate(list(_angles(grid, width // 4, _ROTATION_BASE)), axis=-1)
    return np.cos(angles), np.sin(angles)


def _angles(grid: tuple[int, int], count: int, base: float) -> np.ndarray:
    """``[2, H*W, count]``: of row and column, with wavelengths that grow to ``base``."""
    frequency = base ** (-np.arange(count) / count)
    rows, columns = np.indices(grid).reshape(2, -1)
    return np.stack([np.outer(place, frequency) for place in (rows, columns)])
