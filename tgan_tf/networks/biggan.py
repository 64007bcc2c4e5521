"""Both networks of BigGAN.

Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
ICLR 2019, appendix B, table 4: residual blocks, batch normalisation by latent and class, spectral
normalisation of every matrix.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.layers import BatchNormalization, Convolution, Linear, SpectralNorm, repeat
from tgan_tf.networks.convolutional import ConvGenerator
from tgan_tf.networks.discriminator import Discriminator, Judgement

_INITIALIZER = "orthogonal"


@keras.saving.register_keras_serializable(package="tgan_tf")
class PixelAttention(keras.layers.Layer):
    """``x + gain * attention(x)``, the gain 0 at first (Zhang et al. 2019, eq. 1 to 3).

    Keys and values are those of 2x2 means.
    """

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        self.query, self.key, self.value, self.output_layer = (
            Convolution(
                max(1, outputs),
                1,
                bias=False,
                initializer=_INITIALIZER,
                dtype=self.dtype_policy,
                name=name,
            )
            for name, outputs in {
                "query": channels // 8,
                "key": channels // 8,
                "value": channels // 2,
                "output": channels,
            }.items()
        )
        for layer in (self.query, self.key, self.value):
            layer.build(input_shape)
        self.output_layer.build((*input_shape[:-1], max(1, channels // 2)))
        self.gain = self.add_weight(shape=(), initializer="zeros", name="attention_gain")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B, H, W, C]``; H and W are even."""
        height, width = x.shape[1:3]
        small = tf.nn.avg_pool2d(x, 2, 2, "VALID")  # [B, H/2, W/2, C]
        query, key, value = (
            tf.reshape(y, (-1, y.shape[1] * y.shape[2], y.shape[3]))
            for y in (self.query(x), self.key(small), self.value(small))
        )
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))  # [B, HW, HW/4]
        seen = tf.reshape(tf.matmul(weights, value), (-1, height, width, value.shape[-1]))
        return x + tf.cast(self.gain, x.dtype) * self.output_layer(seen)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable(package="tgan_tf")
class BigGANUpBlock(keras.layers.Layer):
    """Twice the side; ``y`` scales and shifts both norms, without a bias of its own.

    Args:
        width: channels that come out.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: Any, y_shape: Any) -> None:
        policy = self.dtype_policy
        options: dict[str, Any] = {"initializer": _INITIALIZER, "dtype": policy}
        self.norms, self.modulations, self.convolutions = [], [], []
        for index, channels in enumerate((input_shape[-1], self.width)):
            norm = BatchNormalization(affine=False, dtype=policy, name=f"norm_{index}")
            norm.build((*input_shape[:-1], channels))
            modulation = Linear(2 * channels, bias=False, **options, name=f"modulation_{index}")
            modulation.build(y_shape)
            convolution = Convolution(self.width, **options, name=f"convolution_{index}")
            convolution.build((*input_shape[:-1], channels))
            self.norms.append(norm)
            self.modulations.append(modulation)
            self.convolutions.append(convolution)
        self.skip = Convolution(self.width, 1, **options, name="skip")
        self.skip.build(input_shape)

    def call(self, x: tf.Tensor, y: tf.Tensor, training: bool = False) -> tf.Tensor:
        """``x`` ``[B, H, W, C]``, ``y`` ``[B, D]`` -> ``[B, 2H, 2W, width]``."""
        h = x
        for index, (norm, modulation, convolution) in enumerate(
            zip(self.norms, self.modulations, self.convolutions, strict=True)
        ):
            scale, shift = tf.split(modulation(y), 2, axis=-1)  # [B, C] each
            h = tf.nn.relu(norm(h, scale, shift, training=training))
            h = convolution(h if index else repeat(h))
        # A pixel's four copies have the same 1x1 convolution.
        return h + repeat(self.skip(x))

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        batch, height, width, _ = input_shape
        return (batch, 2 * height, 2 * width, self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="tgan_tf")
class BigGANDownBlock(keras.layers.Layer):
    """Two convolutions beside a skip; half the side by means.

    Args:
        width: channels that come out.
        halves: whether to halve the side.
        first: of the network: the image itself has no ReLU before it.
    """

    def __init__(self, width: int, halves: bool, first: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.halves, self.first = width, halves, first

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        options: dict[str, Any] = {"initializer": _INITIALIZER, "dtype": self.dtype_policy}
        self.convolutions = []
        for index, inputs in enumerate((channels, self.width)):
            layer = Convolution(self.width, **options, name=f"convolution_{index}")
            layer.build((*input_shape[:-1], inputs))
            self.convolutions.append(layer)
        self.skip = None
        if self.halves or channels != self.width:
            self.skip = Convolution(self.width, 1, **options, name="skip")
            self.skip.build(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B, H', W', width]``."""
        first, second = self.convolutions
        h = second(tf.nn.relu(first(x if self.first else tf.nn.relu(x))))
        if self.halves:
            # Means and 1x1 convolutions may change places.
            h, x = (tf.nn.avg_pool2d(t, 2, 2, "VALID") for t in (h, x))
        return h + (self.skip(x) if self.skip else x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        factor = 2 if self.halves else 1
        return (batch, height // factor, width // factor, self.width)

    def get_config(self) -> dict[str, Any]:
        names = ("width", "halves", "first")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tgan_tf")
class BigGANGenerator(ConvGenerator):
    """A linear map of a part of z, then blocks that each see another part and the class's vector.

    ``w`` is z followed by the class's vector, which all blocks share.

    Args:
        config: a resolved configuration.
    """

    spectral: SpectralNorm | None = None

    def _build_synthesis(self) -> None:
        g, policy = self.config.generator, self.dtype_policy
        options: dict[str, Any] = {"initializer": _INITIALIZER, "dtype": policy}
        (height, columns), width = self.grids[0], g.g_widths[0]
        self.part = self.latent_dim // len(g.g_widths)
        self.first = Linear(height * columns * width, **options, name="first")
        self.first.build((None, self.part))
        self.blocks: list[BigGANUpBlock] = []
        y_shape = (None, self.part + self.w_dim - self.latent_dim)
        for stage, width in enumerate(g.g_widths[1:], 1):
            block = BigGANUpBlock(width, dtype=policy, name=f"block_{stage}")
            block.build((None, *self.grids[stage - 1], g.g_widths[stage - 1]), y_shape)
            self.blocks.append(block)
        shape = (None, *self.grids[-1], width)
        if stage := g.g_attention_stage:
            self.attention = PixelAttention(dtype=policy, name="attention")
            self.attention.build((None, *self.grids[stage - 1], g.g_widths[stage - 1]))
        self.norm = BatchNormalization(dtype=policy, name="norm")
        self.norm.build(shape)
        self.output_layer = Convolution(self.config.data.signal_shape[-1], **options, name="output")
        self.output_layer.build(shape)
        if g.g_spectral_norm:
            # A class's vector is a latent, not a linear map.
            self.spectral = SpectralNorm(self, names=("kernel",))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As ``call``, with normalised matrices."""
        with self._normalized(kwargs.get("training", False)):
            return super().__call__(*args, **kwargs)

    def call(
        self,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        # Not ``synthesis``, which normalises once more.
        return super().synthesis(self.mapping(z, label), noise, training)

    def synthesis(
        self, w: tf.Tensor, noise: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        with self._normalized(training):
            return super().synthesis(w, noise, training)

    @contextlib.contextmanager
    def _normalized(self, training: bool) -> Iterator[None]:
        """For those outside, where weights are not yet cast to half precision."""
        if self.spectral is None:
            yield
            return
        with self.spectral.scope() as scope:
            yield
        if training:  # the scope has kept what batch normalisation has assigned
            norms = [norm for block in self.blocks for norm in block.norms] + [self.norm]
            for weight in (w for norm in norms for w in norm.non_trainable_weights):
                weight.assign(scope.get_current_value(weight))

    def _synthesize(self, w: tf.Tensor, noise: tf.Tensor | None, training: bool) -> tf.Tensor:
        g = self.config.generator
        z, label = w[:, : self.latent_dim], w[:, self.latent_dim :]
        first, *parts = tf.split(z, len(g.g_widths), axis=-1)  # [B, part] each
        x = tf.reshape(self.first(first), (-1, *self.grids[0], g.g_widths[0]))
        for stage in range(len(g.g_widths)):
            if stage:
                y = tf.concat([parts[stage - 1], label], axis=-1)
                x = self.blocks[stage - 1](x, y, training=training)  # [B, 2H, 2W, C']
            if stage + 1 == g.g_attention_stage:
                x = self.attention(x)
        return self.output_layer(tf.nn.relu(self.norm(x, training=training)))

    def kernels_of_w(self) -> list[Any]:
        kernels = []
        label = np.arange(self.latent_dim, self.w_dim)
        layers = [[self.first], *(block.modulations for block in self.blocks)]
        for index, linear in enumerate(layers):
            rows = np.arange(index * self.part, (index + 1) * self.part)
            for layer in linear:
                kernel = layer.kernel.numpy()
                whole = np.zeros((self.w_dim, kernel.shape[1]), kernel.dtype)
                whole[rows if index == 0 else np.concatenate([rows, label])] = kernel
                kernels.append(whole)
        return kernels


@keras.saving.register_keras_serializable(package="tgan_tf")
class BigGANDiscriminator(Discriminator):
    """Blocks of which the first of each stage halves the side, and a sum over the last grid.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        self.stages: list[list[BigGANDownBlock]] = []
        shape: Any = self._seen_shape
        for stage, (width, depth) in enumerate(zip(d.d_width, d.d_depth, strict=True), 1):
            blocks = []
            for index in range(depth):
                block = BigGANDownBlock(
                    width,
                    halves=index == 0,
                    first=stage == 1 and index == 0,
                    dtype=policy,
                    name=f"stage_{stage}_block_{index}",
                )
                block.build(shape)
                shape = block.compute_output_shape(shape)
                blocks.append(block)
            self.stages.append(blocks)
            if stage == d.d_attention_stage:
                self.attention = PixelAttention(dtype=policy, name="attention")
                self.attention.build(shape)
        self._build_head(shape[-1], "linear")

    def _make_linear(self, outputs: int, name: str) -> keras.layers.Layer:
        options = {"initializer": _INITIALIZER, "dtype": self.variable_dtype}
        return Linear(outputs, **options, name=name)

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        x = image
        for stage, blocks in enumerate(self.stages, 1):
            for block in blocks:
                x = block(x)
            if stage == self.config.discriminator.d_attention_stage:
                x = self.attention(x)
        x = tf.cast(x, self.variable_dtype)  # half precision loses a sum
        features = tf.reduce_sum(tf.nn.relu(x), axis=(1, 2))  # [B, C]
        return self._logits(features, label, x)
