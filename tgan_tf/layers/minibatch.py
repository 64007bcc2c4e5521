"""What an example's neighbours in the batch tell about it."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tgan_tf")
class MinibatchStddev(keras.layers.Layer):
    """Spread of the features over a group of examples (Karras et al. 2018, sec. 3).

    The standard deviation of each feature over the group, averaged over all features: one number,
    the same for all examples of the group. A discriminator that sees it notices a generator whose
    samples are too much alike.

    Groups are consecutive examples, ``[0, group), [group, 2 group), ...``. So two batches that are
    multiples of the group stay apart when they are joined, and R replicas, each with consecutive
    examples of the global batch, have the groups that one replica has. If the batch is no multiple,
    the last group has fewer.

    Args:
        group: examples that are compared, at least 2.
        epsilon: added to the variance.
    """

    def __init__(self, group: int = 4, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if group < 2:
            raise ValueError(f"group={group}: the spread of at least 2 examples can be seen")
        self.group, self.epsilon = group, epsilon

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, ..., C]`` -> ``[B, 1]``."""
        batch = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
        missing = -batch % self.group
        # In float16 epsilon is 0, and the root of no spread has no derivative.
        x = tf.cast(x, self.variable_dtype)
        x = tf.reshape(x, (batch, math.prod(x.shape[1:])))  # [B, F]
        x = tf.pad(x, [[0, missing], [0, 0]])
        x = tf.reshape(x, (-1, self.group, x.shape[-1]))  # [B/G, G, F]
        present = tf.cast(tf.range(batch + missing) < batch, x.dtype)
        present = tf.reshape(present, (-1, self.group, 1))  # [B/G, G, 1]
        count = tf.reduce_sum(present, axis=1, keepdims=True)  # [B/G, 1, 1]
        mean = tf.reduce_sum(x, axis=1, keepdims=True) / count  # [B/G, 1, F]
        deviation = (x - mean) * present  # [B/G, G, F]
        variance = tf.reduce_sum(tf.square(deviation), axis=1) / count[:, 0]  # [B/G, F]
        spread = tf.reduce_mean(tf.sqrt(variance + self.epsilon), axis=-1)  # [B/G]
        spread = tf.cast(spread, self.compute_dtype)
        return tf.repeat(spread, self.group)[:batch, None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "group": self.group, "epsilon": self.epsilon}
