"""Differentiable augmentation of what the discriminator sees (DiffAugment, Zhao et al. 2020).

Every operation is differentiable twice, runs under XLA, and takes its random numbers as arguments:
one row for each example, so that replicas and resumed runs draw the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


def color(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Brightness +U(-.5, .5), saturation xU(0, 2), contrast xU(.5, 1.5), in this order.

    Args:
        x: images in [-1, 1], ``[B, H, W, C]``.
        u: uniform numbers in [0, 1), ``[B, 3]``.
    """
    brightness, saturation, contrast = (u[:, i, None, None, None] for i in range(3))
    x = x + (brightness - 0.5)
    grey = tf.reduce_mean(x, axis=-1, keepdims=True)
    x = (x - grey) * (2 * saturation) + grey
    mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
    return (x - mean) * (contrast + 0.5) + mean


def translation(x: tf.Tensor, u: tf.Tensor, ratio: float = 0.125) -> tf.Tensor:
    """Shifts by up to ``ratio`` of each side, in whole pixels, filling with zeros (grey).

    The shift is a matrix product for each axis: gather's second derivative is slow on CPU, and
    ``ImageProjectiveTransformV3`` does not run under XLA.

    Args:
        x: images, ``[B, H, W, C]``.
        u: uniform numbers in [0, 1), ``[B, 2]``.
        ratio: greatest shift / side.
    """
    _, height, width, channels = x.shape
    rows = _shift_matrix(height, u[:, 0], ratio, x.dtype)  # [B, H, H]
    columns = _shift_matrix(width, u[:, 1], ratio, x.dtype)  # [B, W, W]
    x = tf.matmul(rows, tf.reshape(x, (-1, height, width * channels)))  # [B, H, W * C]
    x = tf.reshape(x, (-1, height, width, channels))
    x = tf.matmul(columns[:, None], x)  # [B, H, W, C]
    return x


def _shift_matrix(size: int, u: tf.Tensor, ratio: float, dtype: tf.DType) -> tf.Tensor:
    """``[B, size, size]`` that moves row j to row j + shift."""
    reach = int(size * ratio + 0.5)
    shift = tf.cast(tf.floor(u * (2 * reach + 1)), tf.int32) - reach  # [B], in [-reach, reach]
    source = tf.range(size)[None, :] - shift[:, None]  # [B, size]
    return tf.one_hot(source, size, dtype=dtype)


def cutout(x: tf.Tensor, u: tf.Tensor, ratio: float = 0.5) -> tf.Tensor:
    """Sets a rectangle of ``ratio`` of each side, somewhere, to zero (grey).

    Args:
        x: images, ``[B, H, W, C]``.
        u: uniform numbers in [0, 1), ``[B, 2]``.
        ratio: side of the rectangle / side of the image.
    """
    _, height, width, _ = x.shape
    rows = _inside(height, u[:, 0], ratio, x.dtype)  # [B, H]
    columns = _inside(width, u[:, 1], ratio, x.dtype)  # [B, W]
    hole = rows[:, :, None] * columns[:, None, :]  # [B, H, W]
    return x * (1 - hole)[..., None]


def _inside(size: int, u: tf.Tensor, ratio: float, dtype: tf.DType) -> tf.Tensor:
    """``[B, size]``: 1 where the axis is cut. The hole's centre may be anywhere in the image."""
    length = int(size * ratio + 0.5)
    reach = size + (1 - length % 2)
    start = tf.cast(tf.floor(u * reach), tf.int32) - length // 2  # [B]
    offset = tf.range(size)[None, :] - start[:, None]  # [B, size]
    return tf.cast((offset >= 0) & (offset < length), dtype)


POLICIES: dict[str, tuple[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], int]] = {
    "color": (color, 3),
    "translation": (translation, 2),
    "cutout": (cutout, 2),
}
"""Name -> (function of images and uniform numbers, how many numbers an example takes)."""


def numbers_needed(policies: Sequence[str]) -> int:
    """Uniform numbers that one example takes under these policies."""
    return sum(POLICIES[name][1] for name in policies)


def augment(x: tf.Tensor, u: tf.Tensor, policies: Sequence[str]) -> tf.Tensor:
    """Applies the policies one after another.

    Args:
        x: images in [-1, 1], ``[B, H, W, C]``.
        u: uniform numbers in [0, 1), ``[B, numbers_needed(policies)]``.
        policies: names from ``POLICIES``.

    Returns:
        Images, ``[B, H, W, C]``.
    """
    start = 0
    for name in policies:
        function, count = POLICIES[name]
        x = function(x, u[:, start : start + count])
        start += count
    return x
