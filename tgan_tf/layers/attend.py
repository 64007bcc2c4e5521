"""What attention does with queries, keys and values that are there: pure functions."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# Its square keeps tokens apart in a softmax, in half precision too.
_APART = 100.0


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


def attend_additive(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, scores: tf.Tensor
) -> tf.Tensor:
    """Attention at a cost that is linear in the tokens (Morales-Juarez & Fuentes-Pineda 2024).

    One vector for each head, the mean of the queries with the softmax of the scores as weights, is
    multiplied with every key and that with its value, channel by channel.

    Args:
        query: ``[..., N, d]``.
        key: ``[..., N, d]``.
        value: ``[..., N, d]``.
        scores: ``[..., 1, N]``, of the queries.

    Returns:
        ``[..., N, d]``.
    """
    weights = tf.nn.softmax(scores / float(np.sqrt(query.shape[-1])))
    return tf.matmul(weights, query) * key * value


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


def keep_apart(query: tf.Tensor, key: tf.Tensor, region: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """Further channels, whose product is 0 within a region and far below others' elsewhere.

    A mask of all pairs would be a constant of windows * N**2 numbers in every exported file.

    Args:
        query: ``[B * windows, heads, N, d]``.
        key: like ``query``.
        region: ``[windows, N]``, numbers below 4.
    """
    windows, (heads, tokens, depth) = len(region), query.shape[1:]
    own = np.eye(4)[region][:, None]  # [windows, 1, N, 4]
    # Scores are divided by the root of the number of channels, which grows here.
    query = query * float(np.sqrt((depth + 4) / depth))
    sides = []
    for x, mark in ((query, _APART * own), (key, _APART * (own - 1))):
        x = tf.reshape(x, (-1, windows, heads, tokens, depth))
        marks = tf.ones_like(x[..., :1]) * tf.constant(mark, x.dtype)  # [B, windows, heads, N, 4]
        x = tf.concat([x, marks], axis=-1)
        sides.append(tf.reshape(x, (-1, heads, tokens, depth + 4)))
    return sides[0], sides[1]
