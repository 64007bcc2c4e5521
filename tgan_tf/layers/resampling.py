"""Changing the resolution of a grid of tokens."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from tgan_tf.layers.windows import shuffle_pixels, to_grid, to_tokens

# Of the cubic kernel; -0.75 is what PyTorch and OpenCV resize with, tf.image has -0.5.
_SHARPNESS = -0.75


def upsample(
    x: tf.Tensor, grid: tuple[int, int], kind: str, factor: tuple[int, int] = (2, 2)
) -> tf.Tensor:
    """Tokens of a grid -> tokens of a larger grid, in general of twice the side.

    Args:
        x: ``[B, H*W, C]``.
        grid: (H, W).
        kind: ``shuffle``: channels become pixels, a quarter of them is left (Shi et al. 2016);
            ``smooth_shuffle``: the same after a low-pass filter, bicubic to four times the side and
            the mean of 4x4 (TransGAN for faces, Jiang et al. 2021); ``bicubic``, ``linear``:
            channels stay.
        factor: by which rows and columns become more.

    Returns:
        ``[B, 4*H*W, C']``, C' of ``C`` or a quarter of it (with a factor of 2 x 2).
    """
    if kind in ("bicubic", "linear"):
        matrix = bicubic_matrix if kind == "bicubic" else linear_matrix
        rows, columns = map(matrix, grid, factor)
        return _separable(x, grid, rows, columns)
    if kind == "smooth_shuffle":
        x = _separable(x, grid, *map(_smoothing_matrix, grid))
    elif kind != "shuffle":
        raise ValueError(f"kind={kind!r} is not one of shuffle, smooth_shuffle, bicubic, linear")
    return shuffle_pixels(x, grid, factor)


def resize_tokens(x: tf.Tensor, grid: tuple[int, int], to: tuple[int, int]) -> tf.Tensor:
    """Bicubic, to any grid: ``[B, H*W, C]`` -> ``[B, H'*W', C]``."""
    if grid == to:
        return x
    rows, columns = (bicubic_matrix(a, b / a) for a, b in zip(grid, to, strict=True))
    return _separable(x, grid, rows, columns)


def pool_tokens(x: tf.Tensor, grid: tuple[int, int], factor: tuple[int, int] = (2, 2)) -> tf.Tensor:
    """Means of 2x2 tokens, or of ``factor``: ``[B, H*W, C]`` -> ``[B, H*W/4, C]``."""
    return to_tokens(tf.nn.avg_pool2d(to_grid(x, grid), factor, factor, "VALID"))


@functools.cache
def bicubic_matrix(size: int, factor: float) -> np.ndarray:
    """Resizes one axis: cubic convolution (Keys 1981) with a = -0.75, indices held at the borders.

    Args:
        size: of the axis.
        factor: by which it grows, or shrinks, which is not smoothed; to a whole number.

    Returns:
        ``[factor * size, size]``; each row adds up to 1.
    """
    count = round(factor * size)
    a, place = _SHARPNESS, (np.arange(count) + 0.5) * size / count - 0.5
    left = np.floor(place).astype(int)
    matrix = np.zeros((count, size))
    for tap in range(-1, 3):
        d = np.abs(place - (left + tap))
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * (d**3 - 5 * d**2 + 8 * d - 4)
        column = np.clip(left + tap, 0, size - 1)
        # Several taps fall on the border's column.
        np.add.at(matrix, (np.arange(count), column), np.where(d <= 1, near, far))
    return matrix


@functools.cache
def linear_matrix(size: int, factor: int) -> np.ndarray:
    """Resizes one axis by linear interpolation, held at the borders: ``[factor * size, size]``."""
    place = (np.arange(factor * size) + 0.5) / factor - 0.5
    return np.stack([np.interp(place, np.arange(size), row) for row in np.eye(size)], axis=1)


@functools.cache
def _smoothing_matrix(size: int) -> np.ndarray:
    """Bicubic to four times the size, then means of four: ``[size, size]``."""
    return bicubic_matrix(size, 4).reshape(size, 4, size).mean(axis=1)


def _separable(
    x: tf.Tensor, grid: tuple[int, int], of_rows: np.ndarray, of_columns: np.ndarray
) -> tf.Tensor:
    """A matrix for each axis: ``[B, H*W, C]`` -> ``[B, H'*W', C]``."""
    (height, width), channels = grid, x.shape[-1]
    rows, columns = (tf.constant(matrix, x.dtype) for matrix in (of_rows, of_columns))
    x = tf.matmul(rows, tf.reshape(x, (-1, height, width * channels)))  # [B, H', W*C]
    x = tf.matmul(columns, tf.reshape(x, (-1, width, channels)))  # [B*H', W', C]
    return tf.reshape(x, (-1, rows.shape[0] * columns.shape[0], channels))
