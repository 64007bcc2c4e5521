"""Confidence intervals for metrics that are means over samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """Bounds that hold the true value with the stated confidence."""

    low: float
    high: float


def gain(value: float, interval: Sequence[float]) -> str:
    """A difference and its bounds, as "+0.044 (+0.020 to +0.071)"."""
    low, high = interval
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def bootstrap_mean(
    values: np.ndarray, *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Percentile bootstrap of a mean (Efron 1979).

    Cheap for values with few levels (in or out, a count): a resample is then one multinomial draw
    of the levels, whatever the number of samples.

    Args:
        values: one number a sample, ``[N]``.
        confidence: probability of the interval, below 1.
        resamples: number of resampled means.
        seed: of the draws.

    Raises:
        ValueError: no values.
    """
    values = np.asarray(values, np.float64).ravel()
    if not len(values):
        raise ValueError("an interval needs at least one value")
    levels, counts = np.unique(values, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(
        len(values), counts / len(values), size=resamples
    )  # [resamples, levels]
    means = draws @ levels / len(values)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def proportion(successes: int, count: int, *, z: float = 1.959964) -> Interval:
    """Wilson's score interval of a share, sound also for shares near 0 and 1 (Wilson 1927).

    Args:
        successes: 0 to `count`.
        count: number of trials, at least 1.
        z: quantile of the normal distribution; 1.96 gives 95 % confidence.

    Raises:
        ValueError: the numbers are no share.
    """
    if not 0 <= successes <= count or count < 1:
        raise ValueError(f"{successes} of {count} is no share")
    share = successes / count
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
