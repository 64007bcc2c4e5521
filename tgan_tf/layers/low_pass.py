"""Twice or half the resolution of images without aliasing: bilinear, by slices and sums.

The filter is [1, 3, 3, 1] on each axis, with zeros beyond the borders (Karras et al. 2020). Written
as slices, which every derivative, XLA and TFLite know.
"""

from __future__ import annotations

import tensorflow as tf

_TAPS = (1 / 8, 3 / 8, 3 / 8, 1 / 8)


def double(x: tf.Tensor) -> tf.Tensor:
    """``[B, H, W, C]`` -> ``[B, 2H, 2W, C]``."""
    for axis in (1, 2):
        before, after = _neighbours(x, axis)
        halves = (0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after)
        x = _interleave(*halves, axis)
    return x


def halve(x: tf.Tensor) -> tf.Tensor:
    """``[B, H, W, C]`` -> ``[B, H/2, W/2, C]``; H and W are even."""
    for axis in (1, 2):
        first, second = _deinterleave(x, axis)
        before, after = _neighbours(second, axis)[0], _neighbours(first, axis)[1]
        x = _TAPS[0] * before + _TAPS[1] * first + _TAPS[2] * second + _TAPS[3] * after
    return x


def blur(x: tf.Tensor, padding: int) -> tf.Tensor:
    """The filter alone: ``[B, H, W, C]`` -> ``[B, H + 2p - 3, W + 2p - 3, C]``.

    Args:
        x: images.
        padding: p, zeros on every side.
    """
    x = tf.pad(x, [[0, 0], [padding] * 2, [padding] * 2, [0, 0]])
    for axis in (1, 2):
        size = x.shape[axis] - len(_TAPS) + 1
        x = tf.add_n([tap * _part(x, axis, i, size) for i, tap in enumerate(_TAPS)])
    return x


def repeat(x: tf.Tensor) -> tf.Tensor:
    """Every pixel four times, without a filter: ``[B, H, W, C]`` -> ``[B, 2H, 2W, C]``."""
    return tf.nn.depth_to_space(tf.concat([x] * 4, axis=-1), 2)


def _neighbours(x: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """What comes before and after each pixel along an axis, both like ``x``."""
    size = x.shape[axis]
    padded = tf.pad(x, [[int(i == axis)] * 2 for i in range(4)])
    return _part(padded, axis, 0, size), _part(padded, axis, 2, size)


def _part(x: tf.Tensor, axis: int, start: int, size: int) -> tf.Tensor:
    place = [slice(None)] * 4
    place[axis] = slice(start, start + size)
    return x[tuple(place)]


def _interleave(first: tf.Tensor, second: tf.Tensor, axis: int) -> tf.Tensor:
    shape = [-1, *first.shape[1:]]
    shape[axis] *= 2
    return tf.reshape(tf.stack([first, second], axis=axis + 1), shape)


def _deinterleave(x: tf.Tensor, axis: int) -> list[tf.Tensor]:
    shape = [-1, *x.shape[1:]]
    shape[axis : axis + 1] = [shape[axis] // 2, 2]
    return tf.unstack(tf.reshape(x, shape), axis=axis + 1)
