"""Attention in space and in time, and a latent that moves."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.layers.attention import Attention
from tgan_tf.layers.dense import Dense
from tgan_tf.layers.normalization import Normalization
from tgan_tf.layers.transformer import TransformerBlock

_TIME_FEATURES = 8  # sines and cosines; the slowest takes four clips, the fastest two frames or so
_PLACE_OCTAVES = 4
_SHIFT_STD, _SHIFT_WIDTH = 0.01, 128
_POINT_WIDTH = 16  # channels between the two convolutions that look for points


@keras.saving.register_keras_serializable(package="tgan_tf")
class SpaceTimeBlock(keras.layers.Layer):
    """A transformer block within each frame, then attention of each place to itself in time.

    Factorised: N tokens see the N of their frame and the F of their place, instead of all N F
    (Bertasius et al. 2021, "divided space-time attention"). With a context, which is one of all
    frames, all tokens then attend to it.

    Args:
        width: channels of the tokens.
        heads: attention heads, of both kinds.
        in_time: whether there is attention in time; without it frames know nothing of each other.
        norm: kind of normalisation.
        epsilon: of the normalisation.
        initializer: of the matrices.
        **block: further arguments of the block within a frame.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        in_time: bool = True,
        *,
        norm: str = "layer",
        epsilon: float = 1e-6,
        initializer: str | dict[str, Any] = "glorot_uniform",
        block: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.in_time = width, heads, in_time
        self.norm, self.epsilon, self.initializer = norm, epsilon, initializer
        self.block = dict(block or {})

    def build(self, input_shape: Any, w_shape: Any = None, context_shape: Any = None) -> None:
        _, frames, tokens, width = input_shape
        policy = self.dtype_policy
        self.space = TransformerBlock(
            width,
            self.heads,
            norm=self.norm,
            epsilon=self.epsilon,
            initializer=self.initializer,
            **self.block,
            dtype=policy,
            name="space",
        )
        self.space.build((None, tokens, width), w_shape and (None, w_shape[-1]))
        if self.in_time:
            self.time_norm = Normalization(self.norm, self.epsilon, dtype=policy, name="time_norm")
            self.time_norm.build((None, frames, width))
            # Frames begin alone, and learn what to tell each other.
            self.time = Attention(
                width,
                self.heads,
                initializer=self.initializer,
                silent=True,
                dtype=policy,
                name="time",
            )
            self.time.build((None, frames, width))
        if context_shape is not None:
            self.context_norm = Normalization(
                self.norm, self.epsilon, dtype=policy, name="context_norm"
            )
            self.context_norm.build((None, frames * tokens, width))
            self.to_context = Attention(
                width,
                self.heads,
                cross=True,
                initializer=self.initializer,
                dtype=policy,
                name="context",
            )
            self.to_context.build((None, frames * tokens, width), context_shape)

    def call(
        self, x: tf.Tensor, w: tf.Tensor | None = None, context: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Tokens ``[B, F, N, C]`` (and, where modulated, ``w`` ``[B, F, D]``; where there is one, a
        context ``[B, M, E]``) -> the same shape."""
        _, frames, tokens, width = x.shape
        x = tf.reshape(x, (-1, tokens, width))  # [B F, N, C]
        x = self.space(x, None if w is None else tf.reshape(w, (-1, w.shape[-1])))
        x = tf.reshape(x, (-1, frames, tokens, width))  # [B, F, N, C]
        if self.in_time:
            places = tf.transpose(x, (0, 2, 1, 3))  # [B, N, F, C]
            places = tf.reshape(places, (-1, frames, width))  # [B N, F, C]
            seen = self.time(self.time_norm(places))
            seen = tf.reshape(seen, (-1, tokens, frames, width))  # [B, N, F, C]
            x = x + tf.transpose(seen, (0, 2, 1, 3))
        if context is not None:
            flat = tf.reshape(x, (-1, frames * tokens, width))  # [B, F N, C]
            seen = self.to_context(self.context_norm(flat), context)
            x = x + tf.reshape(seen, (-1, frames, tokens, width))
        return x

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("width", "heads", "in_time", "norm", "epsilon", "initializer", "block")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tgan_tf")
class MotionCode(keras.layers.Layer):
    """A latent that is a smooth function of time: waves whose frequencies and phases are learned.

    ``code(t) = mlp(sin(f(v) t + p(v)))`` with linear ``f`` and ``p``. Time is a coordinate, so any
    moment can be asked for, those after the longest clip of the training too (Skorokhodov et al.
    2022, sec. 3.2, with one segment).

    Args:
        width: of the code.
        waves: how many.
    """

    def __init__(self, width: int, waves: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.waves = width, waves

    def build(self, v_shape: Any, times_shape: Any = None) -> None:
        policy = self.dtype_policy
        self.to_waves = Dense(2 * self.waves, dtype=policy, name="waves")
        self.to_waves.build(v_shape)
        self.hidden = Dense(self.width, dtype=policy, name="hidden")
        self.hidden.build((None, None, self.waves))
        self.output_layer = Dense(self.width, dtype=policy, name="output")
        self.output_layer.build((None, None, self.width))

    def call(self, v: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
        """``v`` ``[B, D]`` and times ``[F]``, 1 for a clip's length -> codes ``[B, F, width]``."""
        frequency, phase = tf.split(self.to_waves(v)[:, None], 2, axis=-1)  # [B, 1, waves]
        times = tf.cast(times, frequency.dtype)[None, :, None]
        # In a clip's length a wave of frequency 1 goes half round: there and back is once a bounce.
        waves = tf.sin(math.pi * (frequency * times + phase))  # [B, F, waves]
        return self.output_layer(tf.nn.leaky_relu(self.hidden(waves), 0.2))

    def compute_output_shape(self, v_shape: Any, times_shape: Any) -> Any:
        return (v_shape[0], times_shape[0], self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "waves": self.waves}


@keras.saving.register_keras_serializable(package="tgan_tf")
class MovingGrid(keras.layers.Layer):
    """Where the tokens of a frame are, in a plane that a code moves from frame to frame.

    Sines and cosines of a token's place in that plane, so that what is drawn by them moves as the
    plane does, between the tokens too (Karras et al. 2021, sec. 3.2: "transformed Fourier
    features", translation alone). Waves run along both axes and both diagonals; the longest takes
    two sides of a frame, the shortest a quarter.

    Args:
        grid: (H, W) of the tokens.
        width: of what is given for each token.
        initializer: of the matrix.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        width: int,
        initializer: str | dict[str, Any] = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grid, self.width, self.initializer = tuple(grid), width, initializer
        places = [(np.arange(count) + 0.5) / count - 0.5 for count in self.grid]
        self._places = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 2)
        directions = np.array([(1, 0), (0, 1), (0.5, 0.5), (0.5, -0.5)])
        waves = directions[:, np.newaxis] * 2.0 ** np.arange(_PLACE_OCTAVES)[:, np.newaxis]
        self._waves = np.pi * waves.reshape(-1, 2).T  # [2, K], radians a side of the frame

    def build(self, code_shape: Any) -> None:
        policy = self.dtype_policy
        self.to_shift = Dense(2, dtype=policy, name="shift")
        self.to_shift.build(code_shape)
        self.to_tokens = Dense(
            self.width,
            use_bias=False,
            kernel_initializer=self.initializer,
            dtype=policy,
            name="tokens",
        )
        self.to_tokens.build((None, None, None, 2 * self._waves.shape[1]))

    def call(self, codes: tf.Tensor) -> tf.Tensor:
        """Codes ``[B, F, D]`` -> tokens ``[B, F, H W, width]``."""
        waves = tf.constant(self._waves, codes.dtype)
        # Of the shift and of the places: as the sum of both would be, at less cost.
        moved = (self.to_shift(codes) @ waves)[:, :, tf.newaxis]  # [B, F, 1, K]
        angles = moved + tf.constant(self._places @ self._waves, codes.dtype)  # [B, F, N, K]
        return self.to_tokens(tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1))

    def compute_output_shape(self, code_shape: Any) -> Any:
        return (*code_shape[:-1], self.grid[0] * self.grid[1], self.width)

    def get_config(self) -> dict[str, Any]:
        names = ("grid", "width", "initializer")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tgan_tf")
class CarriedFrame(keras.layers.Layer):
    """A frame that moves on, as it is and between pixels too.

    What is seen in a given frame need not be drawn anew, only put where it goes (Finn et al. 2016,
    "Unsupervised learning for physical interaction through video prediction": spatial transformer
    predictors, translation alone). Beyond its borders a frame goes on as it is there, and is said
    not to be seen. Where it is at each moment is a network of what is known of that moment, beside
    a linear map.

    Args:
        moment: of the frame, counted from 0.
    """

    def __init__(self, moment: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.moment = moment

    def build(self, known_shape: Any, frame_shape: Any = None) -> None:
        policy, hidden = self.dtype_policy, (*known_shape[:-1], _SHIFT_WIDTH)
        self.hidden = [Dense(_SHIFT_WIDTH, dtype=policy, name=f"hidden_{i}") for i in (0, 1)]
        self.hidden[0].build(known_shape)
        self.hidden[1].build(hidden)
        # All nearly stays where it is at first: at a whole pixel there would be no slope.
        small: dict[str, Any] = {
            "kernel_initializer": keras.initializers.RandomNormal(stddev=_SHIFT_STD),
            "use_bias": False,
            "dtype": policy,
        }
        self.to_shift = Dense(2, **small, name="shift")
        self.to_shift.build(hidden)
        self.straight = Dense(2, **small, name="straight")
        self.straight.build(known_shape)

    def call(self, known: tf.Tensor, frame: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What is known of each moment ``[B, F, K]`` and a frame ``[B, H, W, C]`` -> ``[B, F, H, W,
        C]``, and how much of each pixel was seen, 0 to 1, ``[B, F, H, W, 1]``."""
        x = known
        for layer in self.hidden:
            x = tf.nn.leaky_relu(layer(x), 0.2)
        shift = self.to_shift(x) + self.straight(known)  # [B, F, 2], sides of a frame
        shift = shift - shift[:, self.moment : self.moment + 1]
        count, (height, width, channels) = known.shape[1], frame.shape[1:]
        (down, rows), (right, columns) = (
            _shift_matrices(shift[..., axis], side) for axis, side in ((0, height), (1, width))
        )  # [B, F, H, H], [B, F, H]; [B, F, W, W], [B, F, W]
        seen = tf.cast(rows[..., None, None] * columns[:, :, None, :, None], frame.dtype)
        down = tf.cast(tf.reshape(down, (-1, count * height, height)), frame.dtype)
        x = down @ tf.reshape(frame, (-1, height, width * channels))  # [B, F H, W C]
        x = tf.reshape(x, (-1, count, height, width, channels))
        x = tf.transpose(x, (0, 1, 3, 2, 4))  # [B, F, W, H, C]
        x = tf.reshape(x, (-1, count, width, height * channels))
        x = tf.reshape(tf.cast(right, x.dtype) @ x, (-1, count, width, height, channels))
        return tf.transpose(x, (0, 1, 3, 2, 4)), seen

    def compute_output_shape(self, known_shape: Any, frame_shape: Any) -> Any:
        shape = (*known_shape[:2], *frame_shape[1:])
        return shape, (*shape[:-1], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "moment": self.moment}


@keras.saving.register_keras_serializable(package="tgan_tf")
class Keypoints(keras.layers.Layer):
    """Where in a frame some things are, which are learned: the mean place of a softmax over all
    pixels, for each (Levine et al. 2016, sec. 5.1: "spatial softmax").

    A place so found is exact between pixels too, and moves as what is there moves.

    Args:
        count: of points.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def build(self, frame_shape: Any) -> None:
        self.convolutions = []
        channels = frame_shape[-1]
        for index, width in enumerate((_POINT_WIDTH, self.count)):
            layer = keras.layers.Conv2D(
                width, 3, padding="same", dtype=self.dtype_policy, name=f"convolution_{index}"
            )
            layer.build((None, None, None, channels))
            self.convolutions.append(layer)
            channels = width

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        """Frames ``[B, H, W, C]`` -> (row, column) of each point ``[B, count, 2]``, -1 to 1."""
        height, width = frames.shape[1:3]
        x = self.convolutions[1](tf.nn.leaky_relu(self.convolutions[0](frames), 0.2))
        # In less than float32 the places would be rounded.
        x = tf.cast(x, tf.float64 if x.dtype == tf.float64 else tf.float32)
        x = tf.transpose(tf.reshape(x, (-1, height * width, self.count)), (0, 2, 1))
        sides = [(2 * np.arange(side) + 1) / side - 1 for side in (height, width)]
        places = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
        return tf.cast(tf.nn.softmax(x) @ tf.constant(places, x.dtype), frames.dtype)

    def compute_output_shape(self, frame_shape: Any) -> Any:
        return (frame_shape[0], self.count, 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}


def _shift_matrices(shift: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Shifts ``[B, F]``, sides of an axis -> maps ``[B, F, size, size]`` of its pixels: linear
    interpolation, places held at the borders; and how much is not held there ``[B, F, size]``."""
    # In less than float32 a pixel's place would be rounded.
    shift = tf.cast(shift, tf.float64 if shift.dtype == tf.float64 else tf.float32)
    pixels = tf.range(size, dtype=shift.dtype)
    places = pixels - size * shift[..., None]  # [B, F, size]
    held = tf.clip_by_value(places, 0, size - 1)
    inside = tf.nn.relu(1 - tf.abs(places - held))
    return tf.nn.relu(1 - tf.abs(held[..., None] - pixels)), inside


def time_features(times: tf.Tensor) -> tf.Tensor:
    """Times ``[F]``, 1 for a clip's length -> sines and cosines ``[F, 8]``, of any moment."""
    octaves = 2.0 ** tf.range(_TIME_FEATURES // 2, dtype=times.dtype)
    angles = 0.5 * math.pi * times[:, None] * octaves  # [F, 4]
    return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
