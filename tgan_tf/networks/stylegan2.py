"""Both networks of StyleGAN2.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
StyleGAN", CVPR 2020, config F: skips in the generator, residual blocks in the discriminator.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers import (
    Convolution,
    Linear,
    MappingNetwork,
    MinibatchStddev,
    ModulatedConvolution,
    double,
    embed,
    normalize,
)
from tgan_tf.networks.convolutional import ConvGenerator
from tgan_tf.networks.discriminator import Discriminator, Judgement
from tgan_tf.networks.noise import TokenNoise

_MAPPING_RATE = 0.01  # learning rate of the mapping network / that of all else


def _activate(x: tf.Tensor) -> tf.Tensor:
    """Leaky ReLU that about keeps the variance."""
    return tf.nn.leaky_relu(x, 0.2) * 2**0.5


@keras.saving.register_keras_serializable(package="tgan_tf")
class StyleMapping(MappingNetwork):
    """``z`` and the condition's vector, each of length 1 a channel, through leaky layers that learn
    slowly (Karras et al. 2019, app. C; classes: Karras et al. 2020, "limited data", app. F)."""

    def build(self, z_shape: Any, label_shape: Any = None) -> None:
        width = z_shape[-1]
        if self.num_conditions:
            self.embedding = self.add_weight(
                shape=(self.num_conditions, self.w_dim),
                initializer=keras.initializers.RandomNormal(stddev=1.0),
                name="embedding",
            )
            width += self.w_dim
        self.layers = []
        for index in range(self.hidden_layers + 1):
            layer = Linear(
                self.w_dim, equalized=_MAPPING_RATE, dtype=self.dtype_policy, name=f"dense_{index}"
            )
            layer.build((None, width))
            self.layers.append(layer)
            width = self.w_dim

    def call(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        w = normalize(z, "rms", 1e-8)
        if self.num_conditions:
            embedded = tf.cast(embed(self.embedding, label), z.dtype)  # [B, D]
            w = tf.concat([w, normalize(embedded, "rms", 1e-8)], axis=-1)  # [B, Z + D]
        for layer in self.layers:
            w = _activate(layer(w))
        return w


@keras.saving.register_keras_serializable(package="tgan_tf")
class StyleGAN2Generator(ConvGenerator):
    """A learned constant, modulated convolutions with noise, and an image that grows beside them.

    Args:
        config: a resolved configuration.

    Attributes:
        num_ws: how many layers may have a w of their own.
    """

    num_ws: int

    def _make_mapping(self) -> keras.layers.Layer:
        g, policy = self.config.generator, self.dtype_policy
        return StyleMapping(
            g.w_dim, g.mapping_layers, self.num_conditions, dtype=policy, name="mapping"
        )

    def _build_synthesis(self) -> None:
        g, policy = self.config.generator, self.dtype_policy
        self.start = self.add_weight(
            shape=(*self.grids[0], g.g_widths[0]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="start",
        )
        self.num_ws = 2 * len(g.g_widths)
        self.convolutions: list[list[ModulatedConvolution]] = []
        self.to_images: list[ModulatedConvolution] = []
        self._noise = TokenNoise()
        w_shape, channels = (None, self.w_dim), g.g_widths[0]
        for stage, (grid, width) in enumerate(zip(self.grids, g.g_widths, strict=True)):
            layers = []
            for index in range(2 if stage else 1):
                doubles = bool(stage) and not index
                before = self.grids[stage - 1] if doubles else grid
                layer = ModulatedConvolution(
                    width,
                    doubles=doubles,
                    noise=g.g_noise,
                    dtype=policy,
                    name=f"stage_{stage}_convolution_{index}",
                )
                layer.build((None, *before, channels), w_shape)
                channels = width
                self._noise.add(grid[0] * grid[1] if g.g_noise else 0)
                layers.append(layer)
            self.convolutions.append(layers)
            to_image = ModulatedConvolution(
                self.config.data.signal_shape[-1],
                1,
                demodulate=False,
                dtype=policy,
                name=f"stage_{stage}_image",
            )
            to_image.build((None, *grid, width), w_shape)
            self.to_images.append(to_image)
        self.noise_numbers = self._noise.numbers

    def _synthesize(self, w: tf.Tensor, noise: tf.Tensor | None, training: bool) -> tf.Tensor:
        """``w`` ``[B, w_dim]``, or ``[B, num_ws, w_dim]``: one for each layer."""
        # An image layer shares its w with the next stage's first layer.
        ws = [w] * self.num_ws if w.shape.rank == 2 else tf.unstack(w, self.num_ws, axis=1)
        parts, place = self._noise.parts(noise, self.compute_dtype), 0
        x = tf.tile(tf.cast(self.start, w.dtype)[None], (tf.shape(w)[0], 1, 1, 1))
        image: Any = None
        for layers, to_image in zip(self.convolutions, self.to_images, strict=True):
            for layer in layers:
                x = _activate(layer(x, ws[place], next(parts)))  # [B, H, W, C]
                place += 1
            seen = to_image(x, ws[place])  # [B, H, W, channels]
            image = seen if image is None else double(image) + seen
        return image

    def kernels_of_w(self) -> list[Any]:
        layers = [layer for stage in self.convolutions for layer in stage] + self.to_images
        return [layer.to_style.scaled_kernel("float32").numpy() for layer in layers]


@keras.saving.register_keras_serializable(package="tgan_tf")
class StyleGAN2Discriminator(Discriminator):
    """Residual blocks that halve the side; the last grid is read by one layer.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        options: dict[str, Any] = {"equalized": self._equalized, "dtype": policy}
        self.input_layer = Convolution(d.d_width[0], 1, **options, name="input")
        self.input_layer.build(self._seen_shape)
        self.blocks: list[list[Convolution]] = []
        shape: Any = (*self._seen_shape[:-1], d.d_width[0])
        for block, width in enumerate(d.d_width[1:]):
            name, halves = f"block_{block}", {**options, "halves": True}
            layers = [
                Convolution(shape[-1], **options, name=f"{name}_convolution"),
                Convolution(width, **halves, name=f"{name}_halves"),
                Convolution(width, 1, bias=False, **halves, name=f"{name}_skip"),
            ]
            for layer in layers:
                layer.build(shape)
            shape = layers[-1].compute_output_shape(shape)
            self.blocks.append(layers)
        width = shape[-1]
        if d.d_minibatch_std:
            self.spread = MinibatchStddev(d.d_minibatch_std, dtype=policy, name="spread")
        self.last = Convolution(width, **options, name="last")
        self.last.build((*shape[:-1], width + bool(d.d_minibatch_std)))
        self.features = Linear(width, **options, name="features")
        self.features.build((None, shape[1] * shape[2] * width))
        self._build_head(width, "linear", spreads=False)

    def _make_linear(self, outputs: int, name: str) -> keras.layers.Layer:
        return Linear(outputs, equalized=self._equalized, dtype=self.variable_dtype, name=name)

    @property
    def _equalized(self) -> float:
        """None where spectral normalisation sets the scale: the two together leave logits of 0."""
        return 0.0 if self.config.discriminator.d_spectral_norm == "spectral" else 1.0

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        x = _activate(self.input_layer(image))
        for convolution, halving, skip in self.blocks:
            y = _activate(halving(_activate(convolution(x))))
            x = (y + skip(x)) * 0.5**0.5  # [B, H/2, W/2, C']
        if self.config.discriminator.d_minibatch_std:
            spread = self.spread(x)[:, None, None] * tf.ones_like(x[..., :1])
            x = tf.concat([x, spread], axis=-1)  # [B, h, w, C + 1]
        x = _activate(self.last(x))
        x = tf.reshape(x, (-1, x.shape[1] * x.shape[2] * x.shape[3]))
        return self._logits(_activate(self.features(x)), label, x)
