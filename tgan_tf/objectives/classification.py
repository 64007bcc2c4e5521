"""The auxiliary classifier's loss, and what it is of vectors."""

from __future__ import annotations

import tensorflow as tf

_TEMPERATURE = 0.1  # of cosines


def misclassification(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of what the classifier says (Odena et al. 2017, sec. 3).

    Args:
        logits: ``[b, K]``.
        label: classes int ``[b]``, K is none; or attributes float ``[b, K]``, each with a logit of
            its own, or ``[b, K + 1]``, of which the last is 1 where the others are hidden.

    Returns:
        ``[b]``, of attributes their mean; 0 where nothing is known.
    """
    count = logits.shape[1]
    if len(label.shape) == 1:
        known = tf.cast(label < count, logits.dtype)
        label = tf.minimum(label, count - 1)
        return known * tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
    label = tf.cast(label, logits.dtype)
    known = 1 - tf.reduce_sum(label[:, count:], axis=1)
    each = tf.nn.sigmoid_cross_entropy_with_logits(label[:, :count], logits)  # [b, K]
    return known * tf.reduce_mean(each, axis=1)


def mismatch(guess: tf.Tensor, label: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of telling a sample's vector from others by its cosine with a guess (InfoNCE,
    van den Oord et al. 2018, eq. 4; of images and captions, Zhang et al. 2021).

    Args:
        guess: ``[b, K]``, what is read from the samples.
        label: ``[b, K]``; or ``[b, K + 1]``, of which the last is 1 where the others are hidden.
        others: ``[b, M, K]``, vectors of other samples. One that equals the own does not count.

    Returns:
        ``[b]``; 0 where nothing is known.
    """
    count = guess.shape[1]
    label = tf.cast(label, guess.dtype)
    known, own = 1 - tf.reduce_sum(label[:, count:], axis=1), label[:, :count]
    others = tf.cast(others, guess.dtype)
    same = tf.reduce_all(tf.equal(others, own[:, tf.newaxis]), axis=2)  # [b, M]
    guess, own, others = (tf.math.l2_normalize(x, axis=-1) for x in (guess, own, others))
    right = tf.reduce_sum(guess * own, axis=1, keepdims=True)  # [b, 1]
    wrong = tf.einsum("bk,bmk->bm", guess, others)
    wrong = tf.where(same, wrong.dtype.min / 2, wrong / _TEMPERATURE)
    logits = tf.concat([right / _TEMPERATURE, wrong], axis=1)  # [b, 1 + M]
    return known * (tf.reduce_logsumexp(logits, axis=1) - logits[:, 0])
