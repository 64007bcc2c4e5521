"""How far a distance could have come out otherwise, from the influence of each sample on it.

The influence function (Hampel 1974) is the derivative of a statistic with respect to the weight of
one sample; its variance over N samples, divided by N, is the statistic's (the infinitesimal
jackknife; Efron 1982). One pass gives what a bootstrap gives by repeating a costly statistic. The
reference is held fixed: the intervals say what other samples of the same generator would give.

They do not hold the bias of a small N: a Frechet distance of few samples is too large.
"""

from __future__ import annotations

import math

import numpy as np

from tgan_tf.metrics.frechet import Moments
from tgan_tf.metrics.intervals import Interval

_Z = 1.959964  # 95 %
_STUDENT_19 = 2.093024  # 95 %, of 20 blocks
_BLOCKS = 20


def around(value: float, standard_error: float, *, low: float = -math.inf) -> Interval:
    """The 95 % interval of a value that is normal with this error."""
    return Interval(max(low, value - _Z * standard_error), value + _Z * standard_error)


def frechet_error(reference: Moments, moments: Moments, features: np.ndarray) -> float:
    """Standard error of a Frechet distance.

    The derivative of the distance with respect to the mean m of the samples is ``2 (m - m_r)``, and
    with respect to their covariance S it is ``I - T``, where T is the optimal transport map
    ``R (R' S R)^(-1/2) R'`` of the Gaussians, ``R R' = S_r``.

    Args:
        reference: moments of the reals.
        moments: of all generated samples.
        features: of some of them, ``[n, dim]``.
    """
    centred = features - moments.mean  # [n, dim], float64
    values, vectors = np.linalg.eigh(reference.cov())
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    root = vectors[:, kept] * np.sqrt(values[kept])
    values, vectors = np.linalg.eigh(root.T @ moments.cov() @ root)
    # Directions without samples have no finite derivative: N < dim, where the bias rules anyway.
    kept = values > values.max(initial=0.0) * len(values) * 1e-12
    half = root @ (vectors[:, kept] / values[kept] ** 0.25)  # T = half half'
    quadratic = np.einsum("nd,nd->n", centred, centred) - np.square(centred @ half).sum(axis=1)
    influence = 2 * centred @ (moments.mean - reference.mean) + quadratic
    return float(influence.std() / math.sqrt(moments.count))


def kernel_interval(value: float, blocks: np.ndarray) -> Interval:
    """The 95 % interval of a kernel distance from those of disjoint blocks of the samples.

    Args:
        value: the distance.
        blocks: distances of the 20 `blocks_of`; the estimate is unbiased, so all have one mean.
    """
    half = _STUDENT_19 * float(np.std(blocks, ddof=1)) / math.sqrt(len(blocks))
    return Interval(value - half, value + half)


def score_error(score: float, divergences: np.ndarray) -> float:
    """Standard error of an inception score ``exp(mean divergence)``.

    The marginal adds nothing at first order: it minimises the mean divergence.

    Args:
        score: the score.
        divergences: KL of each sample's prediction from the marginal, ``[N]``.
    """
    return float(score * divergences.std() / math.sqrt(len(divergences)))


def blocks_of(count: int) -> list[slice]:
    """Disjoint blocks of equal size, 20 of them; none if there are fewer than 4 samples in each."""
    size = count // _BLOCKS
    return [slice(i * size, (i + 1) * size) for i in range(_BLOCKS)] if size >= 4 else []
