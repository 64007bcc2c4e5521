"""Between pixels and tokens: the discriminator's stem and the generator's output."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers.windows import shuffle_pixels, to_grid, to_tokens


@keras.saving.register_keras_serializable(package="tgan_tf")
class ImageStem(keras.layers.Layer):
    """Image -> tokens.

    Args:
        width: channels of the tokens.
        patch: pixels a side of one token.
        kind: ``patch``: one linear map of each patch (Dosovitskiy et al. 2021); ``conv``: 3x3
            convolutions of stride 2 until a token covers ``patch`` pixels (Xiao et al. 2021: easier
            to train), so ``patch`` is a power of 2; ``overlap``: one linear map of patches of twice
            the side, which share half of it with each neighbour (Lee et al. 2022, sec. 3.2), so
            ``patch`` is even.
    """

    def __init__(self, width: int, patch: int, kind: str = "conv", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind == "overlap" and patch % 2:
            raise ValueError(f"patch={patch}: overlapping patches need an even number")
        if kind == "conv" and patch & (patch - 1):
            raise ValueError(f"patch={patch}: strided convolutions need a power of 2")
        self.width, self.patch, self.kind = width, patch, kind

    def build(self, input_shape: Any) -> None:
        policy = self.dtype_policy
        self.convolutions = []
        if self.kind in ("patch", "overlap"):
            # Of a kernel of twice the stride, "same" pads half a stride on each side.
            self.convolutions.append(
                keras.layers.Conv2D(
                    self.width,
                    self.patch * (2 if self.kind == "overlap" else 1),
                    strides=self.patch,
                    padding="same",
                    dtype=policy,
                    name="patches",
                )
            )
        else:
            count = self.patch.bit_length() - 1
            for index in range(max(1, count)):
                # Channels double as the resolution halves: all convolutions cost about the same.
                self.convolutions.append(
                    keras.layers.Conv2D(
                        self.width >> max(0, count - 1 - index),
                        3,
                        strides=2 if count else 1,
                        padding="same",
                        dtype=policy,
                        name=f"conv_{index}",
                    )
                )
        for layer in self.convolutions:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B, H/p * W/p, width]``."""
        for index, layer in enumerate(self.convolutions):
            x = layer(x if index == 0 else tf.nn.leaky_relu(x, 0.2))
        return to_tokens(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        return (batch, (height // self.patch) * (width // self.patch), self.width)

    def get_config(self) -> dict[str, Any]:
        names = ("width", "patch", "kind")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tgan_tf")
class ImageOutput(keras.layers.Layer):
    """Tokens -> image.

    Args:
        grid: (H, W) of the tokens.
        patch: pixels a side that a token makes.
        channels: of the image.
        kind: ``patch``: one linear map of each token to its pixels; ``conv``: pixel shuffle, then
            two 3x3 convolutions, which hide the seams between patches.
        activation: ``tanh``, or ``linear``, which decoding clips to [-1, 1]. Where many pixels of
            the data are exactly -1 or 1, as a black background is, only tanh reaches them: the
            discriminator soon knows a linear output by its noise there.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        patch: int,
        channels: int,
        kind: str = "conv",
        activation: str = "tanh",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grid = (grid[0], grid[1])
        self.patch, self.channels, self.kind = patch, channels, kind
        self.activation = activation

    def build(self, input_shape: Any) -> None:
        policy, area = self.dtype_policy, self.patch**2
        if self.kind == "patch":
            self.linear = keras.layers.Dense(area * self.channels, dtype=policy, name="linear")
            self.linear.build(input_shape)
            return
        width = max(16, -(-input_shape[-1] // area))
        self.linear = keras.layers.Dense(area * width, dtype=policy, name="linear")
        self.linear.build(input_shape)
        self.convolutions = []
        for index, channels in enumerate((width, self.channels)):
            layer = keras.layers.Conv2D(
                channels, 3, padding="same", dtype=policy, name=f"convolution_{index}"
            )
            layer.build((None, None, None, width))
            self.convolutions.append(layer)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, h*w, width]`` -> ``[B, h*p, w*p, channels]``."""
        size = (self.grid[0] * self.patch, self.grid[1] * self.patch)
        x = shuffle_pixels(self.linear(x), self.grid, self.patch)  # [B, H*W, width or channels]
        x = to_grid(x, size)  # [B, H, W, width or channels]
        if self.kind == "conv":
            for layer in self.convolutions:
                x = layer(tf.nn.leaky_relu(x, 0.2))  # [B, H, W, channels] in the end
        return tf.tanh(x) if self.activation == "tanh" else x

    def compute_output_shape(self, input_shape: Any) -> Any:
        height, width = self.grid
        return (input_shape[0], height * self.patch, width * self.patch, self.channels)

    def get_config(self) -> dict[str, Any]:
        names = ("grid", "patch", "channels", "kind", "activation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
