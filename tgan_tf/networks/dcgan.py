"""The generator of DCGAN; its discriminator is ``ConvDiscriminator``."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers import BatchNormalization, Dense
from tgan_tf.networks.convolutional import ConvGenerator


@keras.saving.register_keras_serializable(package="tgan_tf")
class DCGANGenerator(ConvGenerator):
    """A linear map of ``w``, then transposed convolutions of stride 2 (Radford et al. 2016).

    Batch normalisation and ReLU after each but the last, which makes ``g_patch`` pixels a side.

    Args:
        config: a resolved configuration.
    """

    def _build_synthesis(self) -> None:
        g, policy = self.config.generator, self.dtype_policy
        (height, columns), width = self.grids[0], g.g_widths[0]
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.first = Dense(
            height * columns * width, kernel_initializer=small, dtype=policy, name="first"
        )
        self.first.build((None, self.w_dim))
        self.norms: list[BatchNormalization] = []
        self.convolutions: list[keras.layers.Conv2DTranspose] = []
        shape: Any = (None, height, columns, width)
        for stage, width in enumerate((*g.g_widths[1:], self.config.data.signal_shape[-1])):
            norm = BatchNormalization(dtype=policy, name=f"norm_{stage}")
            norm.build(shape)
            self.norms.append(norm)
            stride = 2 if stage < len(g.g_widths) - 1 else g.g_patch
            convolution = keras.layers.Conv2DTranspose(
                width,
                max(3, 2 * stride),
                strides=stride,
                padding="same",
                kernel_initializer=small,
                dtype=policy,
                name=f"convolution_{stage}",
            )
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            self.convolutions.append(convolution)

    def _synthesize(self, w: tf.Tensor, noise: tf.Tensor | None, training: bool) -> tf.Tensor:
        x = tf.reshape(self.first(w), (-1, *self.grids[0], self.config.generator.g_widths[0]))
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            # [B, 2H, 2W, C']
            x = convolution(tf.nn.relu(norm(x, training=training)))
        return x

    def kernels_of_w(self) -> list[Any]:
        return [self.first.kernel.numpy()]
