"""What an encoder and a generator lose as an autoencoder of sequences."""

from __future__ import annotations

import tensorflow as tf


def negative_elbo(
    of_tokens: tf.Tensor, posterior: tf.Tensor, kl_weight: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The bound on the negative log-likelihood, for each token (Kingma and Welling 2014, eq. 3).

    Args:
        of_tokens: negative log-likelihood of each token given the z that was drawn,
            ``[b, T, W]``.
        posterior: ``[b, 2, latent_dim]``: mean and logarithm of the variance of z.
        kl_weight: beta of Higgins et al. 2017.

    Returns:
        ``[b]``; the part of it that is of the tokens, ``[b]``; and the divergence, in nats, of the
        whole sample, ``[b]``.
    """
    likelihood = tf.reduce_mean(of_tokens, axis=(1, 2))
    nats = divergence(posterior)
    count = tf.cast(tf.math.reduce_prod(tf.shape(of_tokens)[1:]), likelihood.dtype)
    return likelihood + kl_weight * nats / count, likelihood, nats


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
