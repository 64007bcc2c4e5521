"""A discriminator's tokens held against those of a frozen vision model."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers import Dense
from tgan_tf.networks.backbone import Backbone


@keras.saving.register_keras_serializable(package="tgan_tf")
class Alignment(keras.layers.Layer):
    """``1 - cosine`` between mapped tokens and the model's, as a mean over the places.

    As in GAT (Hyun et al. 2025) and, for diffusion, REPA (Yu et al. 2025, eq. 8). The map is a
    network with one hidden layer.

    Args:
        backbone: the frozen model.
        grid: (H, W) of the tokens; the model's are resized to it.
    """

    def __init__(self, backbone: Backbone, grid: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._target = backbone
        self.grid = grid

    def build(self, input_shape: Any) -> None:
        width, policy = input_shape[-1], self.dtype_policy
        self.hidden = Dense(width, activation="silu", dtype=policy, name="hidden")
        self.out = Dense(self._target.widths[-1], dtype=policy, name="out")
        for layer in (self.hidden, self.out):
            layer.build((*input_shape[:-1], width))

    def call(self, x: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """Tokens ``[B, N, C]`` of images ``[B, H, W, 1 or 3]`` -> ``[B]``, 0 to 2."""
        guess = tf.cast(self.out(self.hidden(x)), self.variable_dtype)  # [B, N, E]
        target = self._target.grid_tokens(tf.cast(image, self.variable_dtype), self.grid)
        guess, target = (tf.math.l2_normalize(y, axis=-1, epsilon=1e-12) for y in (guess, target))
        cosine = tf.reduce_sum(guess * tf.stop_gradient(target), axis=-1)  # [B, N]
        return 1 - tf.reduce_mean(cosine, axis=1)
