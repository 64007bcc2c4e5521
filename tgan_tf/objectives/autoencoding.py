"""What an encoder and a generator lose as an autoencoder of one-hot signals."""

from __future__ import annotations

import tensorflow as tf


def negative_elbo(
    signals: tf.Tensor, logits: tf.Tensor, posterior: tf.Tensor, kl_weight: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """The bound on the negative log-likelihood, for each token (Kingma and Welling 2014, eq. 3).

    Args:
        signals: one-hot, ``[b, T, 1, V]``.
        logits: of the z that was drawn, like ``signals``.
        posterior: ``[b, 2, latent_dim]``: mean and logarithm of the variance of z.
        kl_weight: beta of Higgins et al. 2017.

    Returns:
        ``[b]``; and the part of it that is of the tokens, ``[b]``.
    """
    of_tokens = tf.nn.softmax_cross_entropy_with_logits(signals, logits)  # [b, T, 1]
    likelihood = tf.reduce_mean(of_tokens, axis=(1, 2))
    length = tf.cast(tf.shape(signals)[1], likelihood.dtype)
    return likelihood + kl_weight * divergence(posterior) / length, likelihood


def divergence(posterior: tf.Tensor) -> tf.Tensor:
    """KL(N(mean, variance) || N(0, 1)), summed over the latent's numbers (ibid., app. B).

    Args:
        posterior: ``[b, 2, latent_dim]``, as above.

    Returns:
        ``[b]``, in nats.
    """
    mean, log_variance = tf.unstack(posterior, axis=1)
    each = tf.square(mean) + tf.exp(log_variance) - 1 - log_variance
    return 0.5 * tf.reduce_sum(each, axis=1)


def drawn(posterior: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """z ``[b, latent_dim]`` of standard normal ``noise`` (ibid., sec. 2.4)."""
    mean, log_variance = tf.unstack(posterior, axis=1)
    return mean + tf.exp(0.5 * log_variance) * noise
