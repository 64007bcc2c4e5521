"""Gradient penalties of the discriminator, per example."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def gradient_penalty(logits_of: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """``|grad_x D(x)|^2``, summed over the sample: R1 on real, R2 on fake (Mescheder et al. 2018).

    Its gradient needs the second derivative of everything inside ``logits_of``.

    Args:
        logits_of: samples ``[B, ...]`` -> logits ``[B]``. Where an example's logit depends on the
            others too (minibatch standard deviation), its penalty is that of the sum of all
            logits, as in StyleGAN2: ``|grad_x sum_j D(x_j)|^2``.
        x: samples ``[B, ...]``.

    Returns:
        Penalty of each example, ``[B]``.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        total = tf.reduce_sum(logits_of(x))
    gradient = tape.gradient(total, x)
    return tf.reduce_sum(tf.square(gradient), axis=range(1, x.shape.rank))


def finite_difference(logits: tf.Tensor, disturbed: tf.Tensor, sigma: float) -> tf.Tensor:
    """``((D(x) - D(x + sigma eps)) / sigma)^2`` with ``eps ~ N(0, I)`` (GAT 2025, sec. 3.2).

    For small sigma its mean over ``eps`` is ``|grad_x D(x)|^2``, without a second derivative.

    Args:
        logits: D at the samples, ``[B]``.
        disturbed: D at ``x + sigma eps``, ``[B]``.
        sigma: the step.

    Returns:
        Penalty of each example, ``[B]``.
    """
    return tf.square((logits - disturbed) / sigma)
