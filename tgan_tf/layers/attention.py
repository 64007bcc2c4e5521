"""One attention layer for every network of the project."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.layers.normalization import normalize
from tgan_tf.layers.positions import rotate
from tgan_tf.layers.windows import merge_windows, split_windows

KINDS = ("softmax", "l2")


def attend(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    *,
    kind: str = "softmax",
    bias: tf.Tensor | None = None,
) -> tf.Tensor:
    """Attention of every query to every key.

    ``softmax(Q K^T / sqrt(d)) V`` (Vaswani et al. 2017, eq. 1), or with the negative squared
    distance instead of the product, ``softmax(-|q - k|^2 / sqrt(d)) V`` (Kim et al. 2021, eq. 12),
    which is Lipschitz where the product is not.

    Args:
        query: ``[..., N, d]``.
        key: ``[..., M, d]``.
        value: ``[..., M, e]``.
        kind: ``softmax`` or ``l2``.
        bias: added to the scores, broadcastable to ``[..., N, M]``.

    Returns:
        ``[..., N, e]``.
    """
    root = float(np.sqrt(query.shape[-1]))
    if kind == "l2":
        # -|q - k|^2 = 2 q.k - |k|^2 - |q|^2; the last term is the same for every key of a query
        # and falls out of the softmax.
        scores = tf.matmul(query * (2 / root), key, transpose_b=True)  # [..., N, M]
        scores -= tf.reduce_sum(tf.square(key), axis=-1)[..., None, :] / root
    else:
        # Scaling the queries touches N * d numbers, scaling the scores N * M.
        scores = tf.matmul(query * (1 / root), key, transpose_b=True)  # [..., N, M]
    if bias is not None:
        scores += tf.cast(bias, scores.dtype)
    return tf.matmul(tf.nn.softmax(scores), value)  # [..., N, e]


def relative_bias(table: tf.Tensor, grid: tuple[int, int]) -> tf.Tensor:
    """A bias for each query and key of a grid, by their offset (Swin, Liu et al. 2021).

    Rows are gathered before columns: one index of all pairs would be a constant of ``(H*W)**2``
    numbers in every graph and exported file.

    Args:
        table: ``[(2H-1) * (2W-1), heads]``; the entry of the query at (i, j) and the key at (m, n)
            is ``(i - m + H - 1) * (2W - 1) + j - n + W - 1``.
        grid: (H, W).

    Returns:
        ``[heads, H*W, H*W]``.
    """
    height, width = grid
    down, right = (np.arange(n)[:, None] - np.arange(n) + n - 1 for n in grid)
    table = tf.reshape(table, (2 * height - 1, 2 * width - 1, -1))
    bias = tf.gather(tf.gather(table, down), right, axis=2)  # [H, H, W, W, heads]
    bias = tf.transpose(bias, (4, 0, 2, 1, 3))  # [heads, H, W, H, W]
    return tf.reshape(bias, (-1, height * width, height * width))


@keras.saving.register_keras_serializable(package="tgan_tf")
class Attention(keras.layers.Layer):
    """Multi-head attention: of a grid to itself, in windows or globally, or to a context.

    Args:
        width: channels of the input and of the output.
        heads: number of heads; divides ``width``.
        grid: (H, W) of the tokens; needed for windows and the relative bias.
        window: side of the square windows that attend to themselves; 0: the whole grid.
        kind: ``softmax`` or ``l2``. With ``l2``, queries and keys share their weights, as its
            Lipschitz bound needs (Kim et al. 2021).
        qk_norm: RMS-normalise queries and keys, with a learned gain (Henry et al. 2020).
        relative_bias: add a learned bias for each offset in the grid (Swin).
        rotary: rotate queries and keys by their place in the grid (or the window).
        prefix: tokens in front of the grid, which are not rotated.
        cross: attend to ``context`` instead of to itself.
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
        kind: str = "softmax",
        qk_norm: bool = False,
        relative_bias: bool = False,
        rotary: bool = False,
        prefix: int = 0,
        cross: bool = False,
        noise: bool = False,
        initializer: str | dict[str, Any] = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if width % heads:
            raise ValueError(f"heads={heads} does not divide width={width}")
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
        if (window or relative_bias or rotary) and grid is None:
            raise ValueError("window, relative_bias and rotary need the grid (H, W)")
        if window and (grid[0] % window or grid[1] % window):  # type: ignore[index]
            raise ValueError(f"window={window} does not divide the grid {grid}")
        if cross and (window or relative_bias or rotary or kind == "l2"):
            raise ValueError(
                "attention to a context has no window, relative_bias, rotary or kind='l2'"
            )
        if prefix and (window or relative_bias):
            raise ValueError("tokens in front of the grid have no window and no relative_bias")
        self.width, self.heads, self.window, self.kind = width, heads, window, kind
        # Any: None where neither windows nor a bias ask for it, which is checked above.
        self.grid: Any = tuple(grid) if grid else None
        self.qk_norm, self.relative_bias, self.cross = qk_norm, relative_bias, cross
        self.rotary, self.prefix = rotary, prefix
        self.noise, self.initializer = noise, initializer
        # A window that covers the grid is the whole grid.
        self._split = bool(window) and self.grid != (window, window)
        self._local_grid: Any = (window, window) if self._split else self.grid

    def build(self, input_shape: Any, context_shape: Any = None) -> None:
        width = self.width

        def dense(units: int, name: str, use_bias: bool = False) -> keras.layers.Dense:
            return keras.layers.Dense(
                units,
                use_bias=use_bias,
                kernel_initializer=self.initializer,
                dtype=self.dtype_policy,
                name=name,
            )

        if self.cross:
            self.to_q, self.to_kv = dense(width, "to_q"), dense(2 * width, "to_kv")
            self.to_q.build((*input_shape[:-1], input_shape[-1]))
            self.to_kv.build((*context_shape[:-1], context_shape[-1]))
        else:
            # q and k are one projection where they are tied.
            parts = 2 if self.kind == "l2" else 3
            self.to_qkv = dense(parts * width, "to_qkv")
            self.to_qkv.build(input_shape)
        self.project = dense(width, "project", use_bias=True)
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
                initializer=keras.initializers.TruncatedNormal(stddev=0.02),
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
        if self._split:
            x = split_windows(x, self.grid, self.window)  # [B * windows, window**2, C]
        if self.cross:
            (query,) = self._to_heads(self.to_q(x), 1)
            key, value = self._to_heads(self.to_kv(context), 2)
        elif self.kind == "l2":
            query, value = self._to_heads(self.to_qkv(x), 2)
        else:
            query, key, value = self._to_heads(self.to_qkv(x), 3)  # [B, heads, N, d]
        if self.qk_norm:
            query = normalize(query, "rms", 1e-6) * tf.cast(self.q_gain, query.dtype)
            if self.kind != "l2":
                key = normalize(key, "rms", 1e-6) * tf.cast(self.k_gain, key.dtype)
        if self.rotary:
            query = rotate(query, self._local_grid, self.prefix)
            if self.kind != "l2":
                key = rotate(key, self._local_grid, self.prefix)
        if self.kind == "l2":
            key = query
        bias = None
        if self.relative_bias:
            bias = relative_bias(tf.convert_to_tensor(self.bias_table), self._local_grid)
        x = attend(query, key, value, kind=self.kind, bias=bias)  # [B, heads, N, d]
        x = tf.transpose(x, (0, 2, 1, 3))  # [B, N, heads, d]
        x = self.project(tf.reshape(x, (-1, x.shape[1], self.width)))  # [B, N, C]
        return merge_windows(x, self.grid, self.window) if self._split else x

    def _to_heads(self, x: tf.Tensor, parts: int) -> list[tf.Tensor]:
        """``[B, N, parts * C]`` -> ``parts`` of ``[B, heads, N, d]``; parts and heads major."""
        x = tf.reshape(x, (-1, x.shape[1], parts, self.heads, self.width // self.heads))
        return tf.unstack(tf.transpose(x, (2, 0, 3, 1, 4)), num=parts)

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = (
            "width",
            "heads",
            "grid",
            "window",
            "kind",
            "qk_norm",
            "relative_bias",
            "rotary",
            "prefix",
            "cross",
            "noise",
            "initializer",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
