"""Precision and recall, density and coverage: quality and diversity as two numbers, not one.

Sources: Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models"
(2019); Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models" (2020).

Around every sample of a set lies a ball that reaches to its k-th nearest neighbour in the same set;
the union of the balls stands for the support of the set.

* precision: share of fakes inside some real ball (are the samples good?)
* recall: share of reals inside some fake ball (is everything there?)
* density: number of real balls around a fake, over k (1 for equal distributions; can exceed it)
* coverage: share of real balls that hold a fake (robust to outliers, unlike recall)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tgan_tf.metrics.features import check_features

# Elements of a distance matrix that are in memory at a time: the cost does not grow with N^2.
_BLOCK_ELEMENTS = 8_000_000


@dataclass(frozen=True)
class Manifold:
    """What lies in whose balls, sample by sample; the metrics are means of it.

    Attributes:
        k: the neighbour that the balls reach to.
        fake_inside: bool ``[M]``, the fake lies in some real ball.
        real_inside: bool ``[N]``, the real lies in some fake ball.
        real_balls: int ``[M]``, how many real balls hold the fake.
        real_covered: bool ``[N]``, the ball of the real holds some fake.
    """

    k: int
    fake_inside: np.ndarray
    real_inside: np.ndarray
    real_balls: np.ndarray
    real_covered: np.ndarray

    @property
    def precision(self) -> float:
        return float(self.fake_inside.mean())

    @property
    def recall(self) -> float:
        return float(self.real_inside.mean())

    @property
    def density(self) -> float:
        return float(self.real_balls.mean() / self.k)

    @property
    def coverage(self) -> float:
        return float(self.real_covered.mean())


def manifold(real: np.ndarray, fake: np.ndarray, *, k: int = 5, closed: bool = False) -> Manifold:
    """Compares the supports of two sets.

    Args:
        real, fake: features ``[N, dim]``, ``[M, dim]``. Distances are computed in their dtype:
            float32 is fast, float64 decides ties exactly.
        k: neighbour that the balls reach to, the sample itself not counted.
        closed: whether a sample on the sphere is inside (``<=``, as torch-fidelity and StyleGAN) or
            not (``<``, as prdc and StudioGAN).

    Raises:
        ValueError: a set has no more than k samples, or the features have different length or NaN.
    """
    real = check_features(real)
    fake = check_features(fake, real.shape[1])
    for name, features in (("real", real), ("generated", fake)):
        if not 1 <= k < len(features):
            raise ValueError(
                f"k={k} needs 1 <= k < the number of samples, and there are {len(features)} "
                f"{name}: measure more samples or choose a smaller k"
            )
    # Distances do not change when both sets move; products of small numbers lose fewer digits.
    centre = real.mean(axis=0, dtype=np.float64).astype(np.result_type(real, fake, np.float32))
    real, fake = real - centre, fake - centre
    real_norms, fake_norms = _squared_norms(real), _squared_norms(fake)
    real_radii = _squared_radii(real, real_norms, k)
    fake_radii = _squared_radii(fake, fake_norms, k)
    inside = np.less_equal if closed else np.less

    fake_inside = np.zeros(len(fake), bool)
    real_inside = np.empty(len(real), bool)
    real_balls = np.zeros(len(fake), np.int64)
    real_covered = np.empty(len(real), bool)
    for rows in _blocks(len(real), len(fake)):
        distances = _squared_distances(real[rows], real_norms[rows], fake, fake_norms)  # [rows, M]
        in_real_ball = inside(distances, real_radii[rows, None])
        real_balls += in_real_ball.sum(axis=0)
        fake_inside |= in_real_ball.any(axis=0)
        real_inside[rows] = inside(distances, fake_radii[None, :]).any(axis=1)
        # "Holds some fake" is open in prdc and has no other published form.
        real_covered[rows] = distances.min(axis=1) < real_radii[rows]
    return Manifold(k, fake_inside, real_inside, real_balls, real_covered)


def neighbour_distances(features: np.ndarray, k: int = 5) -> np.ndarray:
    """Distance of every sample to its k-th nearest other sample: the radii of the balls.

    Args:
        features: ``[N, dim]``, N > k.
        k: 1 or more.

    Returns:
        ``[N]``, in the features' dtype.
    """
    x = check_features(features)
    x = x - x.mean(axis=0, dtype=np.float64).astype(np.result_type(x, np.float32))
    return np.sqrt(_squared_radii(x, _squared_norms(x), k))


def _blocks(rows: int, columns: int) -> list[slice]:
    step = max(1, _BLOCK_ELEMENTS // columns)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _squared_norms(x: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", x, x)


def _squared_distances(
    x: np.ndarray, x_norms: np.ndarray, y: np.ndarray, y_norms: np.ndarray
) -> np.ndarray:
    """``|x|^2 - 2 <x, y> + |y|^2``, ``[len(x), len(y)]``: one matrix product does the work."""
    distances = x @ y.T
    distances *= -2
    distances += x_norms[:, None]
    distances += y_norms[None, :]
    return np.maximum(distances, 0, out=distances)


def _squared_radii(x: np.ndarray, norms: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of every sample to its k-th nearest other sample, ``[N]``.

    The distances are symmetric: each block of them serves its rows and its columns.
    """
    nearest = np.full((len(x), k + 1), np.inf, norms.dtype)  # the sample itself is one of them
    step = max(1, math.isqrt(_BLOCK_ELEMENTS))
    blocks = [slice(start, min(start + step, len(x))) for start in range(0, len(x), step)]
    for i, rows in enumerate(blocks):
        for columns in blocks[i:]:
            distances = _squared_distances(x[rows], norms[rows], x[columns], norms[columns])
            if rows == columns:
                np.fill_diagonal(distances, 0)  # exactly, so that it is surely the smallest
            else:
                _keep_nearest(nearest[columns], np.ascontiguousarray(distances.T))
            _keep_nearest(nearest[rows], distances)
    return nearest.max(axis=1)


def _keep_nearest(nearest: np.ndarray, distances: np.ndarray) -> None:
    """Takes into ``nearest`` ``[n, k + 1]`` what of ``distances`` ``[n, m]`` is smaller."""
    count = nearest.shape[1]
    if distances.shape[1] > count:
        distances = np.partition(distances, count - 1, axis=1)[:, :count]
    both = np.concatenate([nearest, distances], axis=1)
    both.partition(count - 1, axis=1)
    nearest[:] = both[:, :count]
