"""What a generator of tokens made one by one learns from a discriminator of every beginning.

With logits that are the logarithm of how much more probable a beginning is in the data than in
samples, a token's reward, by how much it raises the logit, is ``log p(x_t | x_<t) - log q(x_t |
x_<t)``. Their expected sum is minus the Kullback-Leibler divergence of samples from data, and the
gradient of that is the score function's (Williams 1992), each token weighted by the rewards from it
on. That is lower in variance than one reward for a whole text (Yu et al. 2017, SeqGAN, finds those
of beginnings by sampling their ends).
"""

from __future__ import annotations

import tensorflow as tf


def advantages(logits: tf.Tensor, discount: float) -> tf.Tensor:
    """How much better each token made it than was to be expected.

    Args:
        logits: of the first token, the first two, and so on, ``[B, T]``.
        discount: of a reward for each token that lies between, in [0, 1].

    Returns:
        ``sum_s discount^(s - t) r_s`` over ``s >= t`` with ``r_s = logits_s - logits_(s-1)``, less
        its mean over the batch, ``[B, T]``. The first token's reward is its logit.
    """
    before = tf.pad(logits[:, :-1], ((0, 0), (1, 0)))
    rewards = logits - before
    length = logits.shape[1]
    later = tf.range(length)[None] - tf.range(length)[:, None]  # [T, S], s - t
    weights = tf.where(later >= 0, discount ** tf.cast(tf.maximum(later, 0), logits.dtype), 0.0)
    sums = tf.matmul(rewards, weights, transpose_b=True)  # [B, T]
    return sums - tf.reduce_mean(sums, axis=0, keepdims=True)
