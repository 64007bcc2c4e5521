"""How different images of one condition are, beside images of different ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tgan_tf.metrics.features import check_features


class Diversity(NamedTuple):
    """Of groups of images, one for each condition.

    Attributes:
        within: mean distance of the pairs of each group, ``[G]``.
        between: mean distance of pairs from different groups.
    """

    within: np.ndarray
    between: float

    @property
    def shares(self) -> np.ndarray:
        """``within`` as shares of ``between``, ``[G]``."""
        return self.within / self.between


def diversity(features: np.ndarray, groups: np.ndarray) -> Diversity:
    """Mean Euclidean distances within and between groups.

    Args:
        features: of images, ``[N, dim]``.
        groups: int ``[N]``, the group of each, of 0 to G - 1; each has two images or more.

    Raises:
        ValueError: fewer than two groups, one with a single image, or all images are equal.
    """
    x = check_features(features).astype(np.float64)
    counts = np.bincount(groups)
    if len(counts) < 2 or counts.min() < 2:
        raise ValueError("distances need two groups or more, of two images or more each")
    x -= x.mean(axis=0)  # of the products below, less is lost
    square = np.square(x).sum(axis=1)
    distances = np.sqrt(np.maximum(square[:, None] + square - 2 * x @ x.T, 0))  # [N, N]
    np.fill_diagonal(distances, 0)
    member = np.eye(len(counts))[groups]  # [N, G]
    sums = np.einsum("ng,nm,mg->g", member, distances, member, optimize=True)
    between = (distances.sum() - sums.sum()) / (len(x) ** 2 - np.square(counts).sum())
    if not between > 0:
        raise ValueError("all images are equal: no distance means anything")
    return Diversity(sums / (counts * (counts - 1)), float(between))
