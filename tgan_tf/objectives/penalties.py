"""Penalties of the discriminator, per example: on its gradient, its logits, its consistency."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def gradient_penalty(
    logits_of: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, pack: int = 1
) -> tf.Tensor:
    """``|grad_x D(x)|^2``, summed over the sample: R1 on real, R2 on fake (Mescheder et al. 2018).

    Its gradient needs the second derivative of everything inside ``logits_of``.

    Args:
        logits_of: samples ``[B, ...]`` -> logits ``[B]``. Where an example's logit depends on the
            others too (minibatch standard deviation), its penalty is that of the sum of all
            logits, as in StyleGAN2: ``|grad_x sum_j D(x_j)|^2``.
        x: samples ``[B, ...]``.
        pack: so many examples in a row are one sample of D, whose logit each of them has (PacGAN);
            its gradient is with respect to all of them.

    Returns:
        Penalty of each example, ``[B]``.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        total = tf.reduce_sum(logits_of(x)) / pack
    gradient = tape.gradient(total, x)
    squared = tf.reduce_sum(tf.square(gradient), axis=range(1, x.shape.rank))  # [B]
    if pack == 1:
        return squared
    return tf.repeat(tf.reduce_sum(tf.reshape(squared, (-1, pack)), axis=1), pack)


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


def wgan_gp(
    logits_of: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    mix: tf.Tensor,
    pack: int = 1,
) -> tf.Tensor:
    """``(|grad D(x^)| - 1)^2`` at a point between real and fake (Gulrajani et al. 2017, eq. 3).

    Args:
        logits_of: as of ``gradient_penalty``.
        real: ``[B, ...]``.
        fake: like ``real``.
        mix: share of the real sample, uniform in [0, 1), ``[B]``.
        pack: as of ``gradient_penalty``.

    Returns:
        Penalty of each pair, ``[B]``.
    """
    mix = tf.reshape(mix, (-1, *[1] * (real.shape.rank - 1)))
    squared = gradient_penalty(logits_of, mix * real + (1 - mix) * fake, pack)
    # The root has no derivative at 0.
    return tf.square(tf.sqrt(squared + 1e-12) - 1)


def drift(real: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
    """``(E D(x))^2``, the "eps" term that keeps a Wasserstein critic near 0 (TransGAN 2021).

    As a sum over examples, ``2 m D(x) - m^2``, whose mean and gradient are those of the square.
    Karras et al. 2018, app. A.1, have ``E D(x)^2``, which also narrows the logits.

    Args:
        real: logits, ``[B]``.
        mean: of the logits of the global batch, scalar; its gradient is not followed.

    Returns:
        ``[B]``.
    """
    mean = tf.stop_gradient(mean)
    return 2 * mean * real - tf.square(mean)


def lecam(
    real: tf.Tensor, fake: tf.Tensor, real_anchor: tf.Tensor, fake_anchor: tf.Tensor
) -> tf.Tensor:
    """``(D(x) - a_F)^2 + (D(G(z)) - a_R)^2`` (Tseng et al. 2021, eq. 4).

    Args:
        real: logits, ``[B]``.
        fake: logits, ``[B]``.
        real_anchor: moving average of the mean logit of real samples, scalar.
        fake_anchor: of fake samples.

    Returns:
        Penalty of each pair, ``[B]``.
    """
    return tf.square(real - fake_anchor) + tf.square(fake - real_anchor)


def consistency(logits: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
    """``(D(x) - D(T(x)))^2``: CR (Zhang et al. 2020, eq. 4), bCR and, of latents, zCR (Zhao et al.
    2021, alg. 1 and 2).

    Args:
        logits: D at the samples, ``[B]``.
        changed: D at the same samples changed so that they should be judged alike, ``[B]``.

    Returns:
        ``[B]``.
    """
    return tf.square(logits - changed)


def separation(images: tf.Tensor, moved: tf.Tensor) -> tf.Tensor:
    """How far images move with their latents, ``|G(z) - G(T(z))|^2``, as a mean over the numbers of
    a sample: zCR's generator makes it larger (Zhao et al. 2021, alg. 2).

    Args:
        images: of latents, ``[B, ...]``.
        moved: of the same latents, disturbed.

    Returns:
        ``[B]``.
    """
    return tf.reduce_mean(tf.square(images - moved), axis=range(1, images.shape.rank))
