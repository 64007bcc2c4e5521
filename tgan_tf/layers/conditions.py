"""Classes, attributes and vectors as one thing: a table of learned vectors, and what to take of it.

A class takes one row, attributes the sum of theirs, a vector a linear combination. The last row may
stand for no condition, which then is one more class or column.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def embed(table: Any, label: tf.Tensor) -> tf.Tensor:
    """Rows of a table, one for each class, or their combination.

    Args:
        table: ``[rows, D]``.
        label: int ``[B]``, numbers of rows; or float ``[B, K]``, how much of the first K rows.

    Returns:
        ``[B, D]``.
    """
    table = tf.convert_to_tensor(table)
    if len(label.shape) == 1:
        return tf.gather(table, label)
    return tf.matmul(tf.cast(label, table.dtype), table[: label.shape[1]])


def without(label: tf.Tensor, hidden: tf.Tensor, rows: int) -> tf.Tensor:
    """Conditions, some of them replaced by none, the last row of the table.

    Args:
        label: int ``[B]`` or float ``[B, rows - 1]``.
        hidden: bool ``[B]``.
        rows: of the table.

    Returns:
        int ``[B]`` or float ``[B, rows]``.
    """
    if len(label.shape) == 1:
        return tf.where(hidden, rows - 1, label)
    none = tf.cast(hidden, label.dtype)[:, tf.newaxis]  # [B, 1]
    return tf.concat([label * (1 - none), none], axis=1)


def guided(w: tf.Tensor, none: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """What a condition makes of noise, further away from what none makes of it.

    Args:
        w: with the condition, ``[B, D]``.
        none: without, like ``w`` or ``[1, D]``.
        scale: ``[B]``; 1: ``w``, 0: ``none``.

    Returns:
        ``[B, D]``.
    """
    return none + tf.cast(scale, w.dtype)[:, tf.newaxis] * (w - none)
