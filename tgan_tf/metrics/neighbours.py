"""Nearest training neighbours of samples, and whether a generator has learned by heart.

Source of the score: Meehan et al., "A Non-Parametric Test to Detect Data-Copying in Generative
Models" (2020), without its division into cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tgan_tf.metrics.features import check_features


class Neighbours(NamedTuple):
    """The nearest of a set for each query: float32 and int64, ``[N, k]``, nearest first."""

    distances: np.ndarray
    rows: np.ndarray


def nearest(queries: np.ndarray, batches: Iterable[np.ndarray], *, k: int = 1) -> Neighbours:
    """Finds the nearest vectors of a stream; its length does not matter to memory.

    Args:
        queries: ``[N, dim]``.
        batches: the set in parts, each ``[B, dim]``; rows are counted over all.
        k: how many neighbours.

    Raises:
        ValueError: other features, or fewer than k in the set.
    """
    queries = check_features(queries).astype(np.float32)
    squares = np.einsum("nd,nd->n", queries, queries)[:, None]
    best = np.full((len(queries), k), np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    seen = 0
    for batch in batches:
        batch = check_features(batch, queries.shape[1]).astype(np.float32)
        distances = squares - 2 * queries @ batch.T + np.einsum("nd,nd->n", batch, batch)  # [N, B]
        both = np.concatenate([best, np.maximum(distances, 0)], axis=1)
        numbers = np.broadcast_to(np.arange(seen, seen + len(batch)), distances.shape)
        order = np.argsort(both, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(both, order, axis=1)
        rows = np.take_along_axis(np.concatenate([rows, numbers], axis=1), order, axis=1)
        seen += len(batch)
    if seen < k:
        raise ValueError(f"{k} nearest neighbours of a set of {seen}: give more images")
    return Neighbours(np.sqrt(best), rows)


class Memorisation(NamedTuple):
    """How near samples are to training samples, beside unseen real ones.

    Attributes:
        score: the probability that a generated sample is nearer to its nearest training sample
            than an unseen real one is to its own; .5 is what fresh samples of the same
            distribution have, 1 is a copy, and below .5 is underfitting.
        error: standard error of the score.
        copies: share of generated samples nearer to a training sample than 99 % of unseen real
            ones are.
    """

    score: float
    error: float
    copies: float


def memorisation(fake: np.ndarray, real: np.ndarray) -> Memorisation:
    """Compares distances to the nearest training sample by ranks (Mann and Whitney 1947).

    Args:
        fake: of generated samples, ``[N]``.
        real: of unseen real samples, ``[M]``.

    Raises:
        ValueError: no distances.
    """
    fake, real = np.sort(np.asarray(fake, np.float64)), np.sort(np.asarray(real, np.float64))
    if not len(fake) or not len(real):
        raise ValueError(
            f"memorisation compares {len(fake)} generated with {len(real)} real images"
        )
    # Share of reals that are farther than each fake; ties count a half.
    farther = 1 - _placement(real, fake)  # [N]
    nearer = _placement(fake, real)  # [M]
    variance = farther.var() / len(fake) + nearer.var() / len(real)  # DeLong et al. 1988
    threshold = np.quantile(real, 0.01)
    return Memorisation(
        float(farther.mean()), math.sqrt(variance), float(np.mean(fake < threshold))
    )


def _placement(of: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Share of the sorted `of` below each of `at`, ties half."""
    below = np.searchsorted(of, at, "left") + np.searchsorted(of, at, "right")
    return below / (2 * len(of))
