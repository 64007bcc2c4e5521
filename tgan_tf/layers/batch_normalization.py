"""Batch normalisation over all replicas."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tgan_tf")
class BatchNormalization(keras.layers.Layer):
    """Normalises each channel over the global batch (Ioffe & Szegedy 2015, alg. 1).

    In training, by the mean and variance of the batch; R replicas find those that one would. Their
    moving averages, by which it normalises in use, are weights that are not trained.

    The gain and offset are learned (``affine``), or come from outside as ``scale`` and ``shift``,
    ``(1 + scale) * n(x) + shift`` (conditional: de Vries et al. 2017, eq. 4).

    Args:
        affine: whether to learn a gain and an offset.
        epsilon: added to the variance.
        momentum: decay of the moving averages, for each batch.
    """

    def __init__(
        self, affine: bool = True, epsilon: float = 1e-5, momentum: float = 0.95, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.affine, self.epsilon, self.momentum = affine, epsilon, momentum

    def build(self, input_shape: Any) -> None:
        shape = input_shape[-1:]
        if self.affine:
            self.gain = self.add_weight(shape=shape, initializer="ones", name="gain")
            self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")
        fixed: dict[str, Any] = {"shape": shape, "trainable": False, "autocast": False}
        self.moving_mean = self.add_weight(**fixed, initializer="zeros", name="moving_mean")
        self.moving_variance = self.add_weight(**fixed, initializer="ones", name="moving_variance")

    def call(
        self,
        x: tf.Tensor,
        scale: tf.Tensor | None = None,
        shift: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B, H, W, C]``; ``scale`` and ``shift`` are ``[B, C]``."""
        dtype, x = x.dtype, tf.cast(x, self.variable_dtype)
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean = _over_replicas(tf.reduce_mean(x, axis=(0, 1, 2)))  # [C]
            variance = _over_replicas(tf.reduce_mean(tf.square(x - mean), axis=(0, 1, 2)))
            for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                rate = tf.cast(1 - self.momentum, now.dtype)
                average.assign(average.value + rate * (tf.stop_gradient(now) - average.value))
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        if self.affine:
            x = x * tf.cast(self.gain, x.dtype) + tf.cast(self.offset, x.dtype)
        x = tf.cast(x, dtype)
        if scale is not None:
            x = x * (1 + scale[:, None, None])
        if shift is not None:
            x = x + shift[:, None, None]
        return x

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("affine", "epsilon", "momentum")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _over_replicas(mean: tf.Tensor) -> tf.Tensor:
    """The mean of equal shares of a batch -> that of the batch; gradients go the same way."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return mean
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, mean)
