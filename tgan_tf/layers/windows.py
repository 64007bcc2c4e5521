"""Moving tokens between grids, windows and pixels. All of it is reshape and transpose."""

from __future__ import annotations

import tensorflow as tf


def split_windows(x: tf.Tensor, grid: tuple[int, int], window: int) -> tf.Tensor:
    """``[B, H*W, C]`` -> ``[B * H/w * W/w, w*w, C]``, windows row-major."""
    height, width, channels = *grid, x.shape[-1]
    x = tf.reshape(x, (-1, height // window, window, width // window, window, channels))
    x = tf.transpose(x, (0, 1, 3, 2, 4, 5))  # [B, H/w, W/w, w, w, C]
    return tf.reshape(x, (-1, window * window, channels))


def merge_windows(x: tf.Tensor, grid: tuple[int, int], window: int) -> tf.Tensor:
    """The inverse of ``split_windows``: ``[B * H/w * W/w, w*w, C]`` -> ``[B, H*W, C]``."""
    height, width, channels = *grid, x.shape[-1]
    x = tf.reshape(x, (-1, height // window, width // window, window, window, channels))
    x = tf.transpose(x, (0, 1, 3, 2, 4, 5))  # [B, H/w, w, W/w, w, C]
    return tf.reshape(x, (-1, height * width, channels))


def to_grid(x: tf.Tensor, grid: tuple[int, int]) -> tf.Tensor:
    """``[B, H*W, C]`` -> ``[B, H, W, C]``."""
    return tf.reshape(x, (-1, *grid, x.shape[-1]))


def to_tokens(x: tf.Tensor) -> tf.Tensor:
    """``[B, H, W, C]`` -> ``[B, H*W, C]``."""
    return tf.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))


def shuffle_pixels(x: tf.Tensor, grid: tuple[int, int], factor: tuple[int, int]) -> tf.Tensor:
    """``[B, H*W, f*g*C]`` -> ``[B, f*H * g*W, C]``: channels become pixels (Shi et al. 2016)."""
    rows, columns = factor
    if rows == columns:
        return to_tokens(tf.nn.depth_to_space(to_grid(x, grid), rows)) if rows > 1 else x
    x = tf.reshape(x, (-1, *grid, rows, columns, x.shape[-1] // (rows * columns)))
    x = tf.transpose(x, (0, 1, 3, 2, 4, 5))  # [B, H, f, W, g, C]
    return tf.reshape(x, (-1, grid[0] * rows * grid[1] * columns, x.shape[-1]))
