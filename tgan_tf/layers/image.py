"""Between pixels and tokens: the discriminator's stem and the generator's output."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers.dense import Dense
from tgan_tf.layers.positions import sincos_table
from tgan_tf.layers.resampling import upsample
from tgan_tf.layers.windows import shuffle_pixels, to_grid, to_tokens

_PLACE_WIDTH = 32  # sines and cosines of a pixel's place in its patch


@keras.saving.register_keras_serializable(package="tgan_tf")
class ImageStem(keras.layers.Layer):
    """Image -> tokens.

    Args:
        width: channels of the tokens.
        patch: pixels a side of one token; of a sequence, rows.
        kind: ``patch``: one linear map of each patch (Dosovitskiy et al. 2021); ``conv``: 3x3
            convolutions of stride 2 until a token covers ``patch`` pixels (Xiao et al. 2021: easier
            to train), so ``patch`` is a power of 2; ``overlap``: one linear map of patches of twice
            the side, which share half of it with each neighbour (Lee et al. 2022, sec. 3.1), so
            ``patch`` is even.
        columns: of a sequence, all of which a token covers; 0: patches are square.
    """

    def __init__(
        self, width: int, patch: int, kind: str = "conv", columns: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if kind == "overlap" and patch % 2:
            raise ValueError(f"patch={patch}: overlapping patches need an even number")
        if kind == "conv" and patch & (patch - 1):
            raise ValueError(f"patch={patch}: strided convolutions need a power of 2")
        self.width, self.patch, self.kind, self.columns = width, patch, kind, columns

    def build(self, input_shape: Any) -> None:
        policy, columns = self.dtype_policy, self.columns
        self.convolutions = []
        if self.kind in ("patch", "overlap"):
            # Of a kernel of twice the stride, "same" pads half a stride on each side.
            self.convolutions.append(
                keras.layers.Conv2D(
                    self.width,
                    (side := self.patch * (2 if self.kind == "overlap" else 1), columns or side),
                    strides=(self.patch, columns or self.patch),
                    padding="same",
                    dtype=policy,
                    name="patches",
                )
            )
        else:
            count = self.patch.bit_length() - 1
            for index in range(max(1, count)):
                step = 2 if count else 1
                # The first one takes in all columns, the others find one.
                across = columns if index == 0 else min(columns, 1)
                # Channels double as the resolution halves: all convolutions cost about the same.
                self.convolutions.append(
                    keras.layers.Conv2D(
                        self.width >> max(0, count - 1 - index),
                        (3, across or 3),
                        strides=(step, across or step),
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
        across = self.columns or self.patch
        return (batch, (height // self.patch) * (width // across), self.width)

    def get_config(self) -> dict[str, Any]:
        names = ("width", "patch", "kind", "columns")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tgan_tf")
class ImageOutput(keras.layers.Layer):
    """Tokens -> image.

    Args:
        grid: (H, W) of the tokens.
        patch: rows and columns that a token makes.
        channels: of the image.
        kind: ``patch``: one linear map of each token to its pixels; ``conv``: pixel shuffle, then
            two 3x3 convolutions, which hide the seams between patches; ``smooth``: linear
            interpolation, then the same, so that there are no seams to begin with; ``coordinate``:
            a network with sines as nonlinearity, of a token and sines and cosines of a pixel's
            place in its patch (Lee et al. 2022, sec. 3.2; Sitzmann et al. 2020), as wide as the
            tokens.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        patch: tuple[int, int],
        channels: int,
        kind: str = "conv",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grid, self.patch = (grid[0], grid[1]), (patch[0], patch[1])
        self.channels, self.kind = channels, kind

    def build(self, input_shape: Any) -> None:
        policy, area = self.dtype_policy, self.patch[0] * self.patch[1]
        if self.kind == "patch":
            self.linear = Dense(area * self.channels, dtype=policy, name="linear")
            self.linear.build(input_shape)
            return
        if self.kind == "coordinate":
            width = input_shape[-1]
            self.of_token = Dense(width, dtype=policy, name="of_token")
            self.of_place = Dense(width, use_bias=False, dtype=policy, name="of_place")
            self.hidden = Dense(width, dtype=policy, name="hidden")
            self.linear = Dense(self.channels, dtype=policy, name="linear")
            for layer in (self.of_token, self.hidden, self.linear):
                layer.build(input_shape)
            self.of_place.build((area, _PLACE_WIDTH))
            return
        smooth = self.kind == "smooth"
        width = max(16, -(-input_shape[-1] // (2 if smooth else area)))
        outputs = width if smooth else area * width
        self.linear = Dense(outputs, dtype=policy, name="linear")
        self.linear.build(input_shape)
        self.convolutions = []
        for index, channels in enumerate((width, self.channels)):
            layer = keras.layers.Conv2D(
                channels, 3, padding="same", dtype=policy, name=f"convolution_{index}"
            )
            layer.build((None, None, None, width))
            self.convolutions.append(layer)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, h*w, width]`` -> ``[B, h*p, w*q, channels]``."""
        size = (self.grid[0] * self.patch[0], self.grid[1] * self.patch[1])
        if self.kind == "coordinate":
            place = tf.constant(sincos_table(self.patch, _PLACE_WIDTH), x.dtype)
            x = self.of_token(x)[:, :, None] + self.of_place(place)  # [B, h*w, p*q, width]
            x = self.linear(tf.sin(self.hidden(tf.sin(x))))  # [B, h*w, p*q, channels]
            x = tf.reshape(x, (-1, *self.grid, *self.patch, self.channels))
            x = tf.transpose(x, (0, 1, 3, 2, 4, 5))  # [B, h, p, w, q, channels]
            return tf.reshape(x, (-1, *size, self.channels))
        x = self.linear(x)
        if self.kind == "smooth":
            x = upsample(x, self.grid, "linear", self.patch)  # [B, H*W, width]
        else:
            x = shuffle_pixels(x, self.grid, self.patch)  # [B, H*W, width or channels]
        x = to_grid(x, size)  # [B, H, W, width or channels]
        if self.kind in ("conv", "smooth"):
            for layer in self.convolutions:
                x = layer(tf.nn.leaky_relu(x, 0.2))  # [B, H, W, channels] in the end
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        sides = (count * side for count, side in zip(self.grid, self.patch, strict=True))
        return (input_shape[0], *sides, self.channels)

    def get_config(self) -> dict[str, Any]:
        names = ("grid", "patch", "channels", "kind")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
