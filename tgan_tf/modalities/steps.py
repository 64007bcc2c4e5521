"""What was before, in tensors [B, T, ...] of T steps."""

from __future__ import annotations

import tensorflow as tf


def running_maximum(values: tf.Tensor) -> tf.Tensor:
    """Over the steps so far of [B, T, ...], at least 0, in log2 T operations."""
    reach = 1
    while reach < values.shape[1]:
        values = tf.maximum(values, later(values, reach, 0))
        reach *= 2
    return values


def later(values: tf.Tensor, steps: int, fill: int) -> tf.Tensor:
    """[B, T, ...] moved to later steps; what comes in is ``fill``."""
    first = tf.fill(tf.shape(values[:, :steps]), tf.constant(fill, values.dtype))
    return tf.concat([first, values[:, :-steps]], axis=1)
