"""A discriminator that sees through a frozen vision model."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import LINEAR_INITIALIZERS
from tgan_tf.layers import Dense
from tgan_tf.networks.backbone import make_backbone
from tgan_tf.networks.discriminator import Discriminator, Judgement

_LEVELS = 4  # as projected GANs have


@keras.saving.register_keras_serializable(package="tgan_tf")
class FrozenDiscriminator(Discriminator):
    """Small heads on features that do not learn (projected GANs, Sauer et al. 2021).

    Of up to four levels of the model, at equal distances: a linear map of every token, a
    nonlinearity, their mean; of all levels together, the head that every discriminator has. The
    model's weights are no part of the network's, nor of checkpoints: they stay where
    ``d_backbone`` says.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d = self.config.discriminator
        self._see = make_backbone(self.config, self.variable_dtype)
        depth = len(self._see.widths)
        count = min(_LEVELS, depth)
        self._levels = [(index + 1) * depth // count - 1 for index in range(count)]
        self.maps = []
        for index, level in enumerate(self._levels):
            layer = Dense(
                d.d_width[0],
                kernel_initializer=LINEAR_INITIALIZERS[d.d_init],
                dtype=self.dtype_policy,
                name=f"map_{index}",
            )
            layer.build((None, None, self._see.widths[level]))
            self.maps.append(layer)
        self._build_head(count * d.d_width[0])

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        levels = self._see(tf.cast(image, self.variable_dtype))
        chosen = zip(self.maps, self._levels, strict=True)
        tokens = [tf.nn.leaky_relu(layer(levels[i]), 0.2) for layer, i in chosen]  # [B, N, C]
        features = tf.concat([tf.reduce_mean(x, axis=1) for x in tokens], axis=-1)
        return self._logits(features, label, features)
