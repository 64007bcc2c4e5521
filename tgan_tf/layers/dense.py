"""A dense layer of few operations."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tgan_tf")
class Dense(keras.layers.Dense):
    """Keras' layer, computed as one product of matrices, whatever the axes before the last.

    Keras' own makes a dozen operations of an unknown batch: graphs of transformers are traced in
    two thirds of the time without them, and the bias, next to the product, is fused with it.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """``[..., C]`` to ``[..., units]``."""
        x = tf.convert_to_tensor(inputs)
        flat = tf.reshape(x, (-1, x.shape[-1])) if x.shape.rank != 2 else x
        y = tf.matmul(flat, self.kernel)  # [N, units]
        if self.bias is not None:
            y = tf.nn.bias_add(y, self.bias)
        if self.activation is not None:
            y = self.activation(y)
        if x.shape.rank == 2:
            return y
        axes = list(x.shape[:-1])
        if axes.count(None) > 1:
            return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [self.units]], 0))
        return tf.reshape(y, [-1 if axis is None else axis for axis in axes] + [self.units])
