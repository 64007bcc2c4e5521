"""The auxiliary classifier's loss."""

from __future__ import annotations

import tensorflow as tf


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
