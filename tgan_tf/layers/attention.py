"""One attention layer for every network of the project."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.layers.attend import attend, attend_additive, keep_apart, relative_bias
from tgan_tf.layers.dense import Dense
from tgan_tf.layers.normalization import normalize
from tgan_tf.layers.positions import rotate
from tgan_tf.layers.windows import (
    merge_dilated,
    merge_windows,
    roll,
    shifted_regions,
    split_dilated,
    split_windows,
)

KINDS = ("softmax", "l2", "additive")
PATTERNS = ("plain", "double", "multi_axis")
Cache = tuple[tf.Tensor, tf.Tensor]  # keys and values of all places, [B, heads, N, d]
_HIDDEN = -3e4


def causal_bias(tokens: int) -> np.ndarray:
    """Hides from each token those after it: float32 ``[N, N]``, 0 or so low that softmax gives 0.

    Finite also in half precision: a row of infinities alone would have no softmax.
    """
    return np.triu(np.full((tokens, tokens), _HIDDEN, np.float32), 1)


@keras.saving.register_keras_serializable(package="tgan_tf")
class Attention(keras.layers.Layer):
    """Multi-head attention: of a grid to itself, in windows or globally, or to a context.

    Args:
        width: channels of the input and of the output.
        heads: number of heads; divides ``width``.
        grid: (H, W) of the tokens; needed for windows and the relative bias.
        window: side of the square windows that attend to themselves; 0: the whole grid.
        pattern: which tokens see each other, where windows do not cover the grid. ``plain``: those
            of a window; ``double``: for half of the heads, windows are shifted by half of their
            side, and smaller at the edges (StyleSwin, Zhang et al. 2022, sec. 3.2); ``multi_axis``:
            half of the heads joins tokens with the same place in their windows (HiT, Zhao et al.
            2021).
        kind: ``softmax``, ``l2`` or ``additive``. With ``l2``, queries and keys share their
            weights, as its Lipschitz bound needs (Kim et al. 2021). ``additive`` costs as much for
            each token as there are channels, however many tokens there are.
        qk_norm: RMS-normalise queries and keys, with a learned gain (Henry et al. 2020).
        relative_bias: add a learned bias for each offset in the grid (Swin).
        rotary: rotate queries and keys by their place in the grid (or the window).
        prefix: tokens in front of the grid, which are not rotated.
        cross: attend to ``context`` instead of to itself.
        causal: a token attends to itself and to those before it.
        noise: add noise to the tokens, the same for all channels, by a learned strength that
            starts at 0 (TransGAN, Jiang et al. 2021). Attention to a context has the weight, as
            published, and no use for it.
        initializer: of the matrices.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        grid: tuple[int, int] | None = None,
        window: int = 0,
        pattern: str = "plain",
        kind: str = "softmax",
        qk_norm: bool = False,
        relative_bias: bool = False,
        rotary: bool = False,
        prefix: int = 0,
        cross: bool = False,
        causal: bool = False,
        noise: bool = False,
        initializer: str | dict[str, Any] = "glorot_uniform",
        silent: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if width % heads:
            raise ValueError(f"heads={heads} does not divide width={width}")
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
        if pattern not in PATTERNS:
            raise ValueError(f"pattern={pattern!r} is not one of {', '.join(PATTERNS)}")
        if (window or relative_bias or rotary) and grid is None:
            raise ValueError("window, relative_bias and rotary need the grid (H, W)")
        if window and (grid[0] % window or grid[1] % window):  # type: ignore[index]
            raise ValueError(f"window={window} does not divide the grid {grid}")
        if cross and (window or relative_bias or rotary or kind != "softmax"):
            raise ValueError(
                f"attention to a context has no window, relative_bias, rotary or kind={kind!r}"
            )
        if kind == "additive" and (qk_norm or relative_bias or rotary):
            raise ValueError("kind='additive' has no qk_norm, relative_bias or rotary")
        if pattern != "plain" and window and (kind != "softmax" or heads % 2):
            raise ValueError(f"pattern={pattern!r} needs kind='softmax' and an even heads={heads}")
        if pattern == "multi_axis" and relative_bias:
            raise ValueError("pattern='multi_axis' has no relative_bias")
        if prefix and (window or relative_bias):
            raise ValueError("tokens in front of the grid have no window and no relative_bias")
        if causal and (cross or window or relative_bias or rotary or kind != "softmax"):
            raise ValueError(
                f"causal attention has no context, window, relative_bias, rotary or kind={kind!r}"
            )
        self.causal = causal
        self.width, self.heads, self.window, self.kind = width, heads, window, kind
        self.pattern = pattern
        # Any: None where neither windows nor a bias ask for it, which is checked above.
        self.grid: Any = tuple(grid) if grid else None
        self.qk_norm, self.relative_bias, self.cross = qk_norm, relative_bias, cross
        self.rotary, self.prefix = rotary, prefix
        self.noise, self.initializer, self.silent = noise, initializer, silent
        # A window that covers the grid is the whole grid.
        self._split = bool(window) and self.grid != (window, window)
        self._local_grid: Any = (window, window) if self._split else self.grid

    def build(self, input_shape: Any, context_shape: Any = None) -> None:
        width = self.width

        def dense(units: int, name: str, **more: Any) -> Dense:
            arguments = {"use_bias": False, "kernel_initializer": self.initializer, **more}
            return Dense(units, **arguments, dtype=self.dtype_policy, name=name)

        if self.cross:
            self.to_q, self.to_kv = dense(width, "to_q"), dense(2 * width, "to_kv")
            self.to_q.build((*input_shape[:-1], input_shape[-1]))
            self.to_kv.build((*context_shape[:-1], context_shape[-1]))
        else:
            # q and k are one projection where they are tied.
            parts = 2 if self.kind == "l2" else 3
            self.to_qkv = dense(parts * width, "to_qkv")
            self.to_qkv.build(input_shape)
            if self.kind == "additive":
                self.to_scores = dense(self.heads, "to_scores")
                self.to_scores.build((*input_shape[:-1], width))
        start = {"kernel_initializer": "zeros"} if self.silent else {}
        self.project = dense(width, "project", use_bias=True, **start)
        self.project.build((*input_shape[:-1], width))
        if self.qk_norm:
            head_width = width // self.heads
            self.q_gain = self.add_weight(shape=(head_width,), initializer="ones", name="q_gain")
            if self.kind != "l2":
                self.k_gain = self.add_weight(
                    shape=(head_width,), initializer="ones", name="k_gain"
                )
        if self.relative_bias:
            height, columns = self._local_grid
            self.bias_table = self.add_weight(
                shape=((2 * height - 1) * (2 * columns - 1), self.heads),
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                name="bias_table",
            )
        if self.noise:
            self.noise_strength = self.add_weight(
                shape=(), initializer="zeros", trainable=not self.cross, name="noise_strength"
            )

    def call(
        self, x: tf.Tensor, context: tf.Tensor | None = None, noise: tf.Tensor | None = None
    ) -> tf.Tensor:
        """``[B, N, C]`` -> ``[B, N, C]``; ``context`` is ``[B, M, E]``, ``noise`` ``[B, N]``."""
        if self.noise and noise is not None:
            x = x + (tf.cast(noise, x.dtype) * tf.cast(self.noise_strength, x.dtype))[..., None]
        if self._split and self.pattern != "plain":
            return self.project(self._in_halves(self.to_qkv(x)))
        if self._split:
            x = split_windows(x, self.grid, self.window)  # [B * windows, window**2, C]
        key = None  # of l2, the query is the key too
        if self.cross:
            parts = [*_to_heads(self.to_q(x), 1, self.heads)]
            parts += _to_heads(self.to_kv(context), 2, self.heads)
        else:
            projected = self.to_qkv(x)
            parts = _to_heads(projected, 2 if self.kind == "l2" else 3, self.heads)
        if self.kind == "additive":
            scores = self.to_scores(projected[..., : self.width])  # [B, N, heads]
            scores = tf.transpose(scores, (0, 2, 1))[:, :, None]  # [B, heads, 1, N]
            query, key, value = parts
            x = _from_heads(attend_additive(query, key, value, scores))  # [B, N, C]
        else:
            bias = None
            if self.relative_bias:
                bias = relative_bias(tf.convert_to_tensor(self.bias_table), self._local_grid)
            elif self.causal:
                bias = causal_bias(x.shape[1])
            x = self._attend(parts, self._local_grid, bias)  # [B, N, C]
        x = self.project(x)
        return merge_windows(x, self.grid, self.window) if self._split else x

    def _attend(
        self,
        parts: list[tf.Tensor],
        grid: tuple[int, int],
        bias: tf.Tensor | None,
        region: np.ndarray | None = None,
    ) -> tf.Tensor:
        """Queries, keys (unless they are the queries) and values -> what they make of each other.

        Args:
            parts: each ``[B, heads, N, d]``.
            grid: of the N tokens.
            bias: ``[heads, N, N]`` or None.
            region: where windows are put together of several: numbers below 4, ``[windows, N]``;
                tokens of other regions are not seen.

        Returns:
            ``[B, N, heads * d]``.
        """
        query, *others = parts
        key, value = others[0], others[-1]
        query, key = self._normalized(query, key)
        if self.rotary:
            query = rotate(query, grid, self.prefix)
            if self.kind != "l2":
                key = rotate(key, grid, self.prefix)
        if self.kind == "l2":
            key = query
        if region is not None:
            query, key = keep_apart(query, key, region)
        return _from_heads(attend(query, key, value, kind=self.kind, bias=bias))

    def empty_cache(self, batch: tf.Tensor, tokens: int) -> Cache:
        """For ``step``, before the first of so many tokens."""
        shape = (batch, self.heads, tokens, self.width // self.heads)
        return tf.zeros(shape, self.compute_dtype), tf.zeros(shape, self.compute_dtype)

    def step(self, x: tf.Tensor, cache: Cache, place: tf.Tensor) -> tuple[tf.Tensor, Cache]:
        """Causal attention of one token to itself and to those before it.

        Token by token it gives what ``call`` gives of all at once.

        Args:
            x: ``[B, 1, C]``.
            cache: keys and values of the tokens before.
            place: int scalar, number of the token, from 0 on.

        Returns:
            ``[B, 1, C]``, and the cache with this token's key and value.
        """
        query, key, value = _to_heads(self.to_qkv(x), 3, self.heads)  # [B, heads, 1, d]
        query, key = self._normalized(query, key)
        tokens = cache[0].shape[2]
        here = (tf.range(tokens) == place)[:, None]  # [N, 1]
        # Not a scatter, which runtimes lack: the cache is as small as a sample.
        cache = (tf.where(here, key, cache[0]), tf.where(here, value, cache[1]))
        bias = tf.where(tf.range(tokens) > place, _HIDDEN, 0.0)  # [N]
        return self.project(_from_heads(attend(query, *cache, bias=bias))), cache

    def _normalized(self, query: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Both with the RMS norm of ``qk_norm``; keys of ``l2`` become the queries anyway."""
        if self.qk_norm:
            query = normalize(query, "rms", 1e-6) * tf.cast(self.q_gain, query.dtype)
            if self.kind != "l2":
                key = normalize(key, "rms", 1e-6) * tf.cast(self.k_gain, key.dtype)
        return query, key

    def _in_halves(self, projected: tf.Tensor) -> tf.Tensor:
        """Queries, keys and values ``[B, N, 3*C]``: one half of the heads in windows, the other by
        the pattern -> ``[B, N, C]``."""
        grid, window, half = self.grid, self.window, self.width // 2
        # Of each of the three, the first heads' channels come first.
        tokens = projected.shape[1]
        both = tf.unstack(tf.reshape(projected, (-1, tokens, 3, 2, half)), axis=3)
        near, far = (tf.reshape(x, (-1, tokens, 3 * half)) for x in both)  # [B, N, 3 * C/2] each

        def attend_half(
            x: tf.Tensor,
            grid: tuple[int, int],
            bias: tf.Tensor | None = None,
            region: np.ndarray | None = None,
        ) -> tf.Tensor:
            return self._attend(_to_heads(x, 3, self.heads // 2), grid, bias, region)

        biases: Any = (None, None)
        if self.relative_bias:
            table = tf.convert_to_tensor(self.bias_table)
            biases = tf.split(relative_bias(table, self._local_grid), 2)  # [heads/2, w*w, w*w]
        near = attend_half(split_windows(near, grid, window), self._local_grid, biases[0])
        near = merge_windows(near, grid, window)  # [B, N, C/2]
        if self.pattern == "multi_axis":
            across = (grid[0] // window, grid[1] // window)
            far = attend_half(split_dilated(far, grid, window), across)
            far = merge_dilated(far, grid, window)  # [B, N, C/2]
        else:
            shift = window // 2
            region = shifted_regions(grid, window, shift)
            far = split_windows(roll(far, grid, shift), grid, window)
            far = attend_half(far, self._local_grid, biases[1], region)
            far = roll(merge_windows(far, grid, window), grid, -shift)  # [B, N, C/2]
        return tf.concat([near, far], axis=-1)

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = (
            "width",
            "heads",
            "grid",
            "window",
            "pattern",
            "kind",
            "qk_norm",
            "relative_bias",
            "rotary",
            "prefix",
            "cross",
            "causal",
            "noise",
            "initializer",
            "silent",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _to_heads(x: tf.Tensor, parts: int, heads: int) -> list[tf.Tensor]:
    """``[B, N, parts * C]`` -> ``parts`` of ``[B, heads, N, d]``; parts and heads major."""
    x = tf.reshape(x, (-1, x.shape[1], parts, heads, x.shape[-1] // (parts * heads)))
    return tf.unstack(tf.transpose(x, (2, 0, 3, 1, 4)), num=parts)


def _from_heads(x: tf.Tensor) -> tf.Tensor:
    """``[B, heads, N, d]`` -> ``[B, N, heads * d]``."""
    x = tf.transpose(x, (0, 2, 1, 3))  # [B, N, heads, d]
    return tf.reshape(x, (-1, x.shape[1], x.shape[2] * x.shape[3]))
