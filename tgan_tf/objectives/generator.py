"""What a generator is trained on besides the game."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

_SCALES = 4


def orthogonal(kernel: tf.Tensor) -> tf.Tensor:
    """``|W' W * (1 - I)|^2``: the filters' products with each other (Brock et al. 2019, eq. 3).

    Args:
        kernel: W, ``[..., C]``, with a filter for each of C outputs.

    Returns:
        Scalar.
    """
    matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))  # [N, C]
    products = tf.matmul(matrix, matrix, transpose_a=True)  # [C, C]
    return tf.reduce_sum(tf.square(products - tf.linalg.diag(tf.linalg.diag_part(products))))


def path_lengths(
    images_of: Callable[[tf.Tensor], tf.Tensor], w: tf.Tensor, noise: tf.Tensor
) -> tf.Tensor:
    """``|J_w' y|``: how far a step in w moves the image along y (Karras et al. 2020, eq. 4).

    Where layers have a w of their own, the root of the mean square over them. A gradient of it
    needs the second derivative of ``images_of``.

    Args:
        images_of: w -> images ``[B, H, W, C]``.
        w: ``[B, D]``, or ``[B, L, D]`` for L layers.
        noise: y, standard normal, like the images.

    Returns:
        ``[B]``.
    """
    pixels = noise.shape[1] * noise.shape[2]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        total = tf.reduce_sum(images_of(w) * noise) / pixels**0.5
    square = tf.square(tape.gradient(total, w))
    square = tf.reduce_sum(square, axis=-1)  # [B] or [B, L]
    return tf.sqrt(square if square.shape.rank == 1 else tf.reduce_mean(square, axis=-1))


def reconstruction(made: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """``mean (G(z, a) - x)^2``, where ``a`` is a part of ``x``, at several scales (Mathieu et al.
    2016): the mean over whole frames and those of a half, a quarter and an eighth of their side,
    each a smooth picture of the one before, times 1, 2, 4 and 8.

    What is thin and out of place has nothing in common with what it should be, pixel by pixel, so
    only coarser scales say where to go. A line's mean square halves from each to the next,
    therefore the factors.

    Args:
        made: clips ``[B, F, H, W, C]`` around what was given of ``real``; H and W are multiples of
            8.
        real: like ``made``.

    Returns:
        ``[B]``.
    """
    _, frames, *shape = made.shape
    apart = tf.reshape(made - real, (-1, *shape))  # [B F, H, W, C]
    missed = []
    for scale in range(_SCALES):
        if scale:
            apart = tf.nn.avg_pool2d(apart, 4, 2, "SAME")
        squares = tf.square(tf.reshape(apart, (-1, frames * math.prod(apart.shape[1:]))))
        missed.append(2**scale * tf.reduce_mean(squares, axis=1))
    return tf.add_n(missed) / _SCALES


def mix_styles(
    first: tf.Tensor, second: tf.Tensor, uniform: tf.Tensor, layers: int, probability: float
) -> tf.Tensor:
    """One w up to a random layer, another from there on (Karras et al. 2019, sec. 3.1).

    Args:
        first: ``[B, D]``.
        second: like ``first``.
        uniform: ``[B, 2]`` in [0, 1): whether an example is mixed, and where.
        layers: L.
        probability: that it is.

    Returns:
        ``[B, L, D]``; the first layer has ``first``, and of a mixed example, the last ``second``.
    """
    cut = 1 + tf.floor(uniform[:, 1] * (layers - 1))  # 1 to L - 1
    cut = tf.where(uniform[:, 0] < probability, cut, float(layers))  # [B]
    later = tf.range(layers, dtype=cut.dtype) >= cut[:, None]  # [B, L]
    return tf.where(later[..., None], second[:, None], first[:, None])
