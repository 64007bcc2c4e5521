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


def relativistic_d(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-log sigmoid(D(x) - D(G(z)))``: RpGAN (Jolicoeur-Martineau 2019; R3GAN 2024, eq. 2)."""
    return tf.nn.softplus(fake - real)


def relativistic_g(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """``-log sigmoid(D(G(z)) - D(x))``."""
    return tf.nn.softplus(real - fake)


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
    "relativistic": (relativistic_d, relativistic_g),
    "hinge": (hinge_d, wasserstein_g),
    "wasserstein": (wasserstein_d, wasserstein_g),
}
"""Name -> (loss of the discriminator, loss of the generator), both of (real, fake) logits."""
