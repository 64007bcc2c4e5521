"""Both networks of R3GAN: residual blocks of grouped convolutions, and nothing else.

Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline",
NeurIPS 2024, config E. No normalisation, no noise, no modulation.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers import Convolution, Dense, double, halve, he_normal
from tgan_tf.networks.convolutional import ConvGenerator
from tgan_tf.networks.discriminator import Discriminator, Judgement


@keras.saving.register_keras_serializable(package="tgan_tf")
class R3GANBlock(keras.layers.Layer):
    """``x + conv1x1(a(conv3x3(a(conv1x1(x)))))``, wide inside, leaky ReLU for ``a``.

    It starts as the identity, and the first two convolutions with He's spread times ``blocks **
    -1/4`` (Fixup: Zhang et al. 2019, sec. 3).

    Args:
        ratio: width inside / width.
        group: channels of one group of the 3x3 convolution.
        blocks: of the whole network.
    """

    def __init__(self, ratio: float, group: int, blocks: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ratio, self.group, self.blocks = ratio, group, blocks

    def build(self, input_shape: Any) -> None:
        width, policy = input_shape[-1], self.dtype_policy
        hidden = int(width * self.ratio)
        first = he_normal(2**0.5 / 1.04**0.5 * self.blocks**-0.25)
        wide: dict[str, Any] = {"initializer": first, "dtype": policy}
        self.convolutions = [
            Convolution(hidden, 1, **wide, name="expand"),
            Convolution(hidden, 3, groups=hidden // self.group, **wide, name="mix"),
            Convolution(width, 1, bias=False, initializer="zeros", dtype=policy, name="project"),
        ]
        for layer, channels in zip(self.convolutions, (width, hidden, hidden), strict=True):
            layer.build((*input_shape[:-1], channels))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B, H, W, C]``."""
        y = x
        for index, layer in enumerate(self.convolutions):
            y = layer(tf.nn.leaky_relu(y, 0.2) if index else y)
        return x + y

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("ratio", "group", "blocks")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _make_stages(
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    inputs: int,
    options: dict[str, Any],
) -> tuple[list[list[R3GANBlock]], dict[str, Convolution]]:
    """Blocks of each stage, and by its number what fits the channels to a stage that needs it."""
    policy = options["dtype"]
    stages: list[list[R3GANBlock]] = []
    fits: dict[str, Convolution] = {}
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        shape = (None, None, None, width)
        if width != inputs:
            fit = Convolution(
                width,
                1,
                bias=False,
                initializer=he_normal(1.0),
                dtype=policy,
                name=f"fit_{stage}",
            )
            fit.build((*shape[:-1], inputs))
            fits[str(stage)] = fit
        blocks = []
        for index in range(depth):
            block = R3GANBlock(blocks=sum(depths), **options, name=f"stage_{stage}_block_{index}")
            block.build(shape)
            blocks.append(block)
        stages.append(blocks)
        inputs = width
    return stages, fits


@keras.saving.register_keras_serializable(package="tgan_tf")
class R3GANGenerator(ConvGenerator):
    """Learned images for each channel, weighed by a linear map of ``w``; stages that grow.

    Args:
        config: a resolved configuration.
    """

    def _build_synthesis(self) -> None:
        g, policy = self.config.generator, self.dtype_policy
        width = g.g_widths[0]
        self.basis = self.add_weight(
            shape=(*self.grids[0], width),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="basis",
        )
        self.weigh = Dense(
            width, use_bias=False, kernel_initializer=he_normal(1.0), dtype=policy, name="weigh"
        )
        self.weigh.build((None, self.w_dim))
        options = {"ratio": g.g_mlp_ratio, "group": g.g_group_width, "dtype": policy}
        self.stages, self.fits = _make_stages(g.g_widths, g.g_depths, width, options)
        self.output_layer = Convolution(
            self.config.data.signal_shape[-1],
            1,
            bias=False,
            initializer=he_normal(1.0),
            dtype=policy,
            name="output",
        )
        self.output_layer.build((None, *self.grids[-1], g.g_widths[-1]))

    def _synthesize(self, w: tf.Tensor, noise: tf.Tensor | None, training: bool) -> tf.Tensor:
        x = self.weigh(w)[:, None, None] * tf.cast(self.basis, w.dtype)  # [B, h, w, C]
        for stage, blocks in enumerate(self.stages):
            fit = self.fits.get(str(stage))
            if stage:
                # Channels first: the smaller image costs less.
                x = double(fit(x) if fit else x)  # [B, 2H, 2W, C']
            for block in blocks:
                x = block(x)
        return self.output_layer(x)

    def kernels_of_w(self) -> list[Any]:
        return [self.weigh.kernel.numpy()]


@keras.saving.register_keras_serializable(package="tgan_tf")
class R3GANDiscriminator(Discriminator):
    """Stages that shrink, then a product with a learned image for each channel.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        first, last = d.d_width[0], d.d_width[-1]
        one: dict[str, Any] = {"bias": False, "initializer": he_normal(1.0), "dtype": policy}
        self.input_layer = Convolution(first, 1, **one, name="input")
        self.input_layer.build(self._seen_shape)
        options = {"ratio": d.d_mlp_ratio, "group": d.d_group_width, "dtype": policy}
        self.stages, self.fits = _make_stages(d.d_width, d.d_depth, first, options)
        scale = 2 ** (len(d.d_width) - 1)
        grid = tuple(size // scale for size in self.config.data.signal_shape[:2])
        self.basis = self.add_weight(
            shape=(*grid, last),
            initializer=keras.initializers.RandomNormal(stddev=(grid[0] * grid[1]) ** -0.5),
            name="basis",
        )
        self._build_head(last, "linear")

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        x = self.input_layer(image)
        for stage, blocks in enumerate(self.stages):
            fit = self.fits.get(str(stage))
            if stage:
                x = halve(x)  # [B, H/2, W/2, C]
                x = fit(x) if fit else x  # [B, H/2, W/2, C']
            for block in blocks:
                x = block(x)
        features = tf.reduce_sum(x * tf.cast(self.basis, x.dtype), axis=(1, 2))  # [B, C]
        return self._logits(features, label, x)
