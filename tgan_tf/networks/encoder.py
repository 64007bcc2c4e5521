"""From a real sample to the z that it may have been made of."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.networks.discriminator import Judgement, TransformerDiscriminator


@keras.saving.register_keras_serializable(package="tgan_tf")
class Encoder(TransformerDiscriminator):
    """The discriminator's transformer, with weights of its own and another head.

    Signals ``[B, T, W, C]`` -> ``[B, 2, latent_dim]``: mean and logarithm of the variance of a
    normal distribution (Kingma and Welling 2014, sec. 3). It knows no condition, which the
    generator is told; it serves training alone.

    Args:
        config: a resolved configuration of a sequence: text, music or a time series.
    """

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(config.replace(d_pack=1), **{"name": "encoder", **kwargs})

    def _build_head(self, width: int, kind: str = "", spreads: bool = True) -> None:
        self.latent_dim = self.config.generator.latent_dim
        self.head = self._make_linear(2 * self.latent_dim, "head")
        self.head.build((None, width))
        self.built = True

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        features = tf.reduce_mean(self._tokens(image, noise), axis=1)  # [B, C]
        posterior = self.head(tf.cast(features, self.variable_dtype))
        return tf.reshape(posterior, (-1, 2, self.latent_dim)), None
