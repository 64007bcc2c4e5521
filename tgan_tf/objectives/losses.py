"""Adversarial losses, as pure functions of the discriminator's logits.

Each gives per-example losses; the caller sums them and divides by the global batch, which is right
under every distribution strategy. ``D`` is the probability ``sigmoid(logit)``.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def non_saturating_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-log D(x) - log(1 - D(G(z)))`` (Goodfellow et al. 2014, eq. 1).

    Args:
        real: logits of real samples, ``[B]``.
        fake: logits of generated samples, ``[B]``.

    Returns:
        Loss of each example, ``[B]``.
    """
    return tf.nn.softplus(-real) + tf.nn.softplus(fake)


def non_saturating_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-log D(G(z))`` (Goodfellow et al. 2014, sec. 3)."""
    del real
    return tf.nn.softplus(-fake)


def minimax_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``log(1 - D(G(z)))``, the game of Goodfellow et al. 2014, eq. 1, as it stands.

    Its gradient vanishes while D is sure that samples are fake.
    """
    del real
    return -tf.nn.softplus(fake)


def least_squares_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``((D(x) - 1)^2 + D(G(z))^2) / 2`` on logits (Mao et al. 2017, eq. 9)."""
    return 0.5 * (tf.square(real - 1) + tf.square(fake))


def least_squares_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``(D(G(z)) - 1)^2 / 2`` on logits (Mao et al. 2017, eq. 9)."""
    del real
    return 0.5 * tf.square(fake - 1)


def relativistic_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-log sigmoid(D(x) - D(G(z)))``: RpGAN (Jolicoeur-Martineau 2019; R3GAN 2024, eq. 2)."""
    return tf.nn.softplus(fake - real)


def relativistic_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-log sigmoid(D(G(z)) - D(x))``."""
    return tf.nn.softplus(real - fake)


def dual_contrastive_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Each sample against all of the other kind (Yu et al. 2021, sec. 3).

    ``log(1 + sum_j exp(D(G(z_j)) - D(x_i))) + log(1 + sum_j exp(D(G(z_i)) - D(x_j)))``, over the
    batch: an example's loss depends on the others.
    """
    gap = fake[None, :] - real[:, None]  # [B, B], of real i and fake j
    return _log_sum(gap, axis=1) + _log_sum(gap, axis=0)


def dual_contrastive_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """The same with the kinds exchanged, which does not saturate where D is sure."""
    return dual_contrastive_d(fake, real)


def _log_sum(values: tf.Tensor, axis: int) -> tf.Tensor:
    """``log(1 + sum exp(values))`` along an axis."""
    return tf.nn.softplus(tf.reduce_logsumexp(values, axis=axis))


def hinge_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`` on logits (Miyato et al. 2018, eq. 16)."""
    return tf.nn.relu(1 - real) + tf.nn.relu(1 + fake)


def wasserstein_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``D(G(z)) - D(x)`` on logits (Arjovsky et al. 2017, eq. 2)."""
    return fake - real


def wasserstein_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-D(G(z))`` on logits, for the Wasserstein and the hinge loss."""
    del real
    return -fake


LOSSES: dict[str, tuple[Loss, Loss]] = {
    "non_saturating": (non_saturating_d, non_saturating_g),
    "minimax": (non_saturating_d, minimax_g),
    "least_squares": (least_squares_d, least_squares_g),
    "relativistic": (relativistic_d, relativistic_g),
    "dual_contrastive": (dual_contrastive_d, dual_contrastive_g),
    "hinge": (hinge_d, wasserstein_g),
    "wasserstein": (wasserstein_d, wasserstein_g),
}
"""Name -> (loss of the discriminator, loss of the generator), both of (real, fake) logits."""


def top_k_weights(logits: tf.Tensor, all_logits: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Weights by which the mean over a batch becomes that over its best (Sinha et al. 2020).

    Args:
        logits: of the examples to weigh, ``[b]``.
        all_logits: of the global batch, ``[B]``.
        share: of the batch that counts, scalar in (0, 1]; k is rounded, and at least 1.

    Returns:
        ``B / k`` for the k greatest logits (and those equal to the least of them), else 0, ``[b]``.
    """
    count = tf.size(all_logits)
    k = tf.clip_by_value(tf.cast(tf.round(share * tf.cast(count, share.dtype)), tf.int32), 1, count)
    least = tf.sort(all_logits, direction="DESCENDING")[k - 1]
    return tf.cast(logits >= least, logits.dtype) * tf.cast(count / k, logits.dtype)
