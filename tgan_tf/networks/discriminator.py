"""From image to logit: a transformer encoder, or a convolutional network."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.layers import ImageStem, Normalization, TransformerBlock


class _Discriminator(keras.Model):
    """Shared by both kinds: features -> logit, with projection of the class.

    ``logit = head(f) + <embedding[label], f>`` (Miyato & Koyama 2018, eq. 4), in float32 at least:
    penalties differentiate the logit, and half precision loses that.
    """

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(**{"dtype": config.training.precision, "name": "discriminator", **kwargs})
        self.config = config
        self.num_classes = config.data.num_classes
        self._image_shape = (None, *config.data.image_size, config.data.channels)

    def _build_head(self, width: int) -> None:
        policy = self.variable_dtype
        self.hidden = keras.layers.Dense(width, dtype=policy, name="hidden")
        self.hidden.build((None, width))
        self.head = keras.layers.Dense(1, dtype=policy, name="head")
        self.head.build((None, width))
        if self.num_classes:
            self.embedding = self.add_weight(
                shape=(self.num_classes, width),
                initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
                autocast=False,
                name="embedding",
            )
        self.built = True

    def _logits(self, features: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        """``[B, C]`` (and ``label`` int ``[B]``) -> ``[B]``."""
        features = tf.cast(features, self.variable_dtype)
        features = tf.nn.leaky_relu(self.hidden(features), 0.2)  # [B, C]
        logits = self.head(features)[:, 0]
        if self.num_classes:
            logits += tf.reduce_sum(tf.gather(self.embedding, label) * features, axis=-1)
        return logits

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "name": self.name}


@keras.saving.register_keras_serializable(package="tgan_tf")
class TransformerDiscriminator(_Discriminator):
    """Patches or strided convolutions to tokens, transformer blocks, pooling, a head.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        self.stem = ImageStem(d.d_width, d.d_patch, d.d_stem, dtype=policy, name="stem")
        self.stem.build(self._image_shape)
        shape = self.stem.compute_output_shape(self._image_shape)
        grid = tuple(size // d.d_patch for size in self.config.data.image_size)
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.position = self.add_weight(shape=shape[1:], initializer=small, name="position")
        if d.d_pool == "class_token":
            self.class_token = self.add_weight(
                shape=(1, d.d_width), initializer=small, name="class_token"
            )
        self.blocks = []
        for index in range(d.d_depth):
            # The class token joins for the last block, as in TransGAN: it has no place in a grid.
            joined = d.d_pool == "class_token" and index == d.d_depth - 1
            attention: dict[str, Any] = {"kind": d.d_attention, "qk_norm": d.d_qk_norm}
            if not joined:
                attention |= {
                    "grid": grid,
                    "window": d.d_window,
                    "relative_bias": d.d_relative_bias,
                }
            block = TransformerBlock(
                d.d_width,
                d.d_heads,
                d.d_mlp_ratio,
                norm=d.d_norm,
                activation=d.d_activation,
                attention=attention,
                dtype=policy,
                name=f"block_{index}",
            )
            block.build((None, shape[1] + int(joined), shape[2]))
            self.blocks.append(block)
        self.norm = Normalization(d.d_norm, dtype=policy, name="norm")
        self.norm.build(shape)
        self._build_head(d.d_width)

    def call(self, image: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """Image in [-1, 1] ``[B, H, W, C]`` (and ``label`` int ``[B]``) -> logits ``[B]``."""
        x = self.stem(tf.cast(image, self.compute_dtype))  # [B, N, C]
        x = x + tf.cast(self.position, x.dtype)
        with_token = self.config.discriminator.d_pool == "class_token"
        for block in self.blocks:
            if with_token and block is self.blocks[-1]:
                token = tf.cast(self.class_token, x.dtype)
                token = tf.tile(token[None], (tf.shape(x)[0], 1, 1))  # [B, 1, C]
                x = tf.concat([token, x], axis=1)  # [B, 1 + N, C]
            x = block(x)
        x = self.norm(x)
        return self._logits(x[:, 0] if with_token else tf.reduce_mean(x, axis=1), label)


@keras.saving.register_keras_serializable(package="tgan_tf")
class ConvDiscriminator(_Discriminator):
    """4x4 convolutions of stride 2 until ``d_patch`` is reached, mean pooling, a head.

    DCGAN's discriminator (Radford et al. 2016) without batch normalisation, under which an
    example's logit would depend on the others and gradient penalties would be wrong.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        self.convolutions = []
        shape, count = self._image_shape, d.d_patch.bit_length() - 1
        for index in range(count + 1):
            layer = keras.layers.Conv2D(
                d.d_width >> (count - index),
                3 if index == 0 else 4,
                strides=1 if index == 0 else 2,
                padding="same",
                dtype=policy,
                name=f"conv_{index}",
            )
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            self.convolutions.append(layer)
        self._build_head(d.d_width)

    def call(self, image: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """Image in [-1, 1] ``[B, H, W, C]`` (and ``label`` int ``[B]``) -> logits ``[B]``."""
        x = tf.cast(image, self.compute_dtype)
        for layer in self.convolutions:
            x = tf.nn.leaky_relu(layer(x), 0.2)  # [B, H / 2^i, W / 2^i, C_i]
        return self._logits(tf.reduce_mean(x, axis=(1, 2)), label)
