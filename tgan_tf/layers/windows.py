"""Moving tokens between grids, windows and pixels. All of it is reshape and transpose."""

from __future__ import annotations

import numpy as np
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


def split_dilated(x: tf.Tensor, grid: tuple[int, int], window: int) -> tf.Tensor:
    """``[B, H*W, C]`` -> ``[B * w*w, H/w * W/w, C]``: tokens with one place in their windows."""
    height, width, channels = *grid, x.shape[-1]
    x = tf.reshape(x, (-1, height // window, window, width // window, window, channels))
    x = tf.transpose(x, (0, 2, 4, 1, 3, 5))  # [B, w, w, H/w, W/w, C]
    return tf.reshape(x, (-1, height * width // window**2, channels))


def merge_dilated(x: tf.Tensor, grid: tuple[int, int], window: int) -> tf.Tensor:
    """The inverse of ``split_dilated``: ``[B * w*w, H/w * W/w, C]`` -> ``[B, H*W, C]``."""
    height, width, channels = *grid, x.shape[-1]
    x = tf.reshape(x, (-1, window, window, height // window, width // window, channels))
    x = tf.transpose(x, (0, 3, 1, 4, 2, 5))  # [B, H/w, w, W/w, w, C]
    return tf.reshape(x, (-1, height * width, channels))


def roll(x: tf.Tensor, grid: tuple[int, int], shift: int) -> tf.Tensor:
    """Tokens ``[B, H*W, C]`` moved up and left by ``shift``, round the edges.

    By slices: `tf.roll` is not among the operations of TFLite.
    """
    x = to_grid(x, grid)
    down, right = (shift % size for size in grid)
    if down:
        x = tf.concat([x[:, down:], x[:, :down]], axis=1)
    if right:
        x = tf.concat([x[:, :, right:], x[:, :, :right]], axis=2)
    return to_tokens(x)


def shifted_regions(grid: tuple[int, int], window: int, shift: int) -> np.ndarray:
    """Which side of the edges the tokens of windows come from, after `roll`.

    Returns:
        int ``[H/w * W/w, w*w]``, 0 to 3; a window in the midst has one number.
    """
    height, width = grid
    rows, columns = np.indices(grid)
    region = 2 * (rows >= height - shift) + (columns >= width - shift)  # [H, W]
    region = region.reshape(height // window, window, width // window, window)
    return region.transpose(0, 2, 1, 3).reshape(-1, window * window)


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
