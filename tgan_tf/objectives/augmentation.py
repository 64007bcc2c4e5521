"""Differentiable augmentation of what the discriminator sees (DiffAugment, Zhao et al. 2020; ADA).

Every operation is differentiable twice, runs under XLA, and takes its random numbers as arguments:
one row for each example, so that replicas and resumed runs draw the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
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


def flip(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Mirrors half of the images left to right (``[B, H, W, C]``; ``u`` is ``[B, 1]``)."""
    return tf.where(u[:, :, None, None] < 0.5, x[:, :, ::-1], x)


def erase(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Sets a rectangle with sides of U(0, 1/2) of the image's, somewhere inside, to zero (grey).

    As random erasing (Zhong et al. 2020), with our range: small holes and large ones.

    Args:
        x: images, ``[B, H, W, C]``.
        u: uniform numbers in [0, 1), ``[B, 4]``.
    """

    def inside(size: int, place: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        length = tf.floor(length * (size // 2 + 1))  # [B], in [0, size / 2]
        start = tf.floor(place * (size - length + 1))  # [B]
        offset = tf.range(size, dtype=x.dtype)[None, :] - start[:, None]  # [B, size]
        return tf.cast((offset >= 0) & (offset < length[:, None]), x.dtype)

    rows, columns = inside(x.shape[1], u[:, 0], u[:, 1]), inside(x.shape[2], u[:, 2], u[:, 3])
    return x * (1 - rows[:, :, None] * columns[:, None, :])[..., None]


# Columns: grey, and two axes of colour at right angles to it and to each other.
_GREY = 3**-0.5 * np.ones(3)
_RED = np.array([2.0, -1.0, -1.0]) / 6**0.5
_GREEN = np.array([0.0, 1.0, -1.0]) / 2**0.5


def hue(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Turns colours about the axis of greys by U(-pi, pi) (ADA, Karras et al. 2020, app. B).

    Args:
        x: RGB images, ``[B, H, W, 3]``.
        u: uniform numbers in [0, 1), ``[B, 1]``.
    """
    angle = (2 * u[:, 0] - 1) * tf.constant(math.pi, x.dtype)  # [B]
    along, across = np.outer(_RED, _RED) + np.outer(_GREEN, _GREEN), np.cross(np.eye(3), _GREY)
    matrix = (
        tf.constant(np.outer(_GREY, _GREY), x.dtype)
        + tf.cos(angle)[:, None, None] * tf.constant(along, x.dtype)
        + tf.sin(angle)[:, None, None] * tf.constant(across, x.dtype)
    )  # [B, 3, 3]
    shape = tf.shape(x)
    return tf.reshape(tf.matmul(tf.reshape(x, (shape[0], -1, 3)), matrix), shape)


def sharpen(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Blurs or sharpens: ``x + U(-1, 1) * (x - blur(x))``, with a binomial blur of 3x3.

    Published filters differ; this one is ours. Borders are mirrored.

    Args:
        x: images, ``[B, H, W, C]``, of at least 2x2 pixels.
        u: uniform numbers in [0, 1), ``[B, 1]``.
    """
    padded = tf.concat([x[:, 1:2], x, x[:, -2:-1]], axis=1)
    blurred = 0.25 * (padded[:, :-2] + 2 * x + padded[:, 2:])
    padded = tf.concat([blurred[:, :, 1:2], blurred, blurred[:, :, -2:-1]], axis=2)
    blurred = 0.25 * (padded[:, :, :-2] + 2 * blurred + padded[:, :, 2:])
    return x + (2 * u[:, :, None, None] - 1) * (x - blurred)


POLICIES: dict[str, tuple[Callable[..., tf.Tensor], int]] = {
    "color": (color, 3),
    "translation": (translation, 2),
    "cutout": (cutout, 2),
    "erase": (erase, 4),
    "hue": (hue, 1),
    "filter": (sharpen, 1),
    "flip": (flip, 1),
}
"""Name -> (function of images and uniform numbers, how many numbers an example takes)."""


def numbers_needed(policies: Sequence[str], in_part: bool = False) -> int:
    """Uniform numbers that one example takes under these policies.

    Args:
        policies: names from ``POLICIES``.
        in_part: whether each policy is applied to some examples only.
    """
    return sum(POLICIES[name][1] + int(in_part) for name in policies)


def augment(
    x: tf.Tensor,
    u: tf.Tensor,
    policies: Sequence[str],
    p: tf.Tensor | float | None = None,
    *,
    translation_ratio: float = 0.125,
    cutout_ratio: float = 0.5,
    cutout_p: float = 1.0,
) -> tf.Tensor:
    """Applies the policies one after another.

    Args:
        x: images in [-1, 1], ``[B, H, W, C]``.
        u: uniform numbers in [0, 1), ``[B, numbers_needed(policies, p is not None)]``.
        policies: names from ``POLICIES``.
        p: probability with which each policy is applied to each example, on its own (ADA); None:
            always, whatever ``cutout_p``.
        translation_ratio: of ``translation``.
        cutout_ratio: of ``cutout``.
        cutout_p: factor to ``p`` of ``cutout``.

    Returns:
        Images, ``[B, H, W, C]``.
    """
    options = {"translation": {"ratio": translation_ratio}, "cutout": {"ratio": cutout_ratio}}
    start = 0
    for name in policies:
        function, count = POLICIES[name]
        changed = function(x, u[:, start : start + count], **options.get(name, {}))
        start += count
        if p is not None:
            limit = tf.cast(p, u.dtype) * (cutout_p if name == "cutout" else 1.0)
            changed = tf.where((u[:, start] < limit)[:, None, None, None], changed, x)
            start += 1
        x = changed
    return x


def adapt(
    p: tf.Tensor, sign: tf.Tensor, target: float, images: int, ramp_images: float
) -> tf.Tensor:
    """The next probability of augmentation (ADA, Karras et al. 2020, sec. 3.1).

    ``p + sgn(E[sgn D(x)] - target) * images / ramp_images``, within [0, 1].

    Args:
        p: the last one, scalar.
        sign: mean sign of D at real samples since then, scalar; near 1, D knows them by heart.
        target: what it should be.
        images: real samples since then.
        ramp_images: real samples in which p goes from 0 to 1.
    """
    return tf.clip_by_value(p + tf.sign(sign - target) * (images / ramp_images), 0.0, 1.0)
