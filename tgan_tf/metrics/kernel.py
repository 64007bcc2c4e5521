"""Kernel distance: squared maximum mean discrepancy with a polynomial kernel.

Source: Binkowski et al., "Demystifying MMD GANs" (2018). With pool_3 of the 2015 Inception graph it
is the KID. The definition, the order of the random draws and so the numbers are those of
torch-fidelity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tgan_tf.metrics.features import check_features

# Rows of a kernel matrix that are in memory at a time, times its columns, are at most this.
_BLOCK_ELEMENTS = 8_000_000


class KernelDistance(NamedTuple):
    """Mean and standard deviation of the unbiased estimate over random subsets."""

    mean: float
    std: float


def kernel_distance(
    a: np.ndarray,
    b: np.ndarray,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
    seed: int = 2020,
) -> KernelDistance:
    """Unbiased squared MMD with the kernel ``(gamma <x, y> + coef0)^degree``, by random subsets.

    The estimate is unbiased, so that its mean over two sets of the same kind is 0 and it can be
    negative; unlike the Frechet distance it does not depend on the number of samples.

    Args:
        a, b: features ``[N, dim]``, ``[M, dim]``; products are taken in their dtype, sums in
            float64.
        subsets: number of random subsets.
        subset_size: samples in each, drawn without replacement from either set.
        degree, gamma, coef0: of the kernel; `gamma` is 1 / dim by default.
        seed: of the draws; with 2020 they are torch-fidelity's.

    Raises:
        ValueError: fewer samples than `subset_size`, or features of different length or with NaN.
    """
    a = check_features(a)
    b = check_features(b, a.shape[1])
    fewest = min(len(a), len(b))
    if not 2 <= subset_size <= fewest:
        raise ValueError(
            f"the kernel distance draws subsets of {subset_size} samples and there are {fewest}: "
            f"measure at least {subset_size} samples, or set subset_size to 2..{fewest} (the "
            "expected value stays the same, its spread grows)"
        )
    # The legacy generator on purpose: its draws are what torch-fidelity publishes numbers with.
    rng = np.random.RandomState(seed)
    draws = [
        (
            rng.choice(len(a), subset_size, replace=False),
            rng.choice(len(b), subset_size, replace=False),
        )
        for _ in range(subsets)
    ]
    kernel = _Kernel(degree, 1.0 / a.shape[1] if gamma is None else gamma, coef0)
    # Below some 10,000 samples one pass over all pairs is cheaper than a product for every subset.
    if max(len(a), len(b)) ** 2 < subsets * subset_size**2:
        rows_a = np.stack([draw[0] for draw in draws])  # [subsets, subset_size]
        rows_b = np.stack([draw[1] for draw in draws])
        within = kernel.pair_sums(a, a, rows_a, rows_a) + kernel.pair_sums(b, b, rows_b, rows_b)
        within -= kernel.diagonal(a)[rows_a].sum(1) + kernel.diagonal(b)[rows_b].sum(1)
        between = kernel.pair_sums(a, b, rows_a, rows_b)
        values = _unbiased(within, between, subset_size)
    else:
        values = np.array([kernel.distance(a[rows_a], b[rows_b]) for rows_a, rows_b in draws])
    return KernelDistance(float(values.mean()), float(values.std()))


def _unbiased(within, between, size: int):
    """Eq. 4 of the paper; `within` is the sum over both sets of all pairs but the diagonal."""
    return within / (size * (size - 1)) - 2 * between / size**2


class _Kernel:
    def __init__(self, degree: int, gamma: float, coef0: float) -> None:
        self.degree, self.gamma, self.coef0 = degree, gamma, coef0

    def matrix(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """``[len(x), len(y)]``"""
        products = x @ y.T
        products *= self.gamma
        products += self.coef0
        # By multiplication: a power of floats takes ten times as long.
        powers = products.copy()
        for _ in range(self.degree - 1):
            powers *= products
        return powers

    def diagonal(self, x: np.ndarray) -> np.ndarray:
        """The kernel of every vector with itself, float64 ``[len(x)]``."""
        squares = np.einsum("nd,nd->n", x, x)
        return ((squares * self.gamma + self.coef0) ** self.degree).astype(np.float64)

    def distance(self, x: np.ndarray, y: np.ndarray) -> float:
        """The unbiased estimate of two whole sets of the same size."""
        within = sum(
            self.matrix(z, z).sum(dtype=np.float64) - self.diagonal(z).sum() for z in (x, y)
        )
        return _unbiased(within, self.matrix(x, y).sum(dtype=np.float64), len(x))

    def pair_sums(
        self, x: np.ndarray, y: np.ndarray, rows_x: np.ndarray, rows_y: np.ndarray
    ) -> np.ndarray:
        """Sum of the kernel over all pairs of each subset, float64 ``[subsets]``.

        Written as ``u' K v`` with indicator vectors u, v, a block of rows of K at a time.
        """
        in_x = _indicators(rows_x, len(x), np.float64)  # [len(x), subsets]
        in_y = _indicators(rows_y, len(y), np.result_type(x, y))
        sums = np.zeros(len(rows_x))
        step = max(1, _BLOCK_ELEMENTS // len(y))
        for start in range(0, len(x), step):
            block = slice(start, start + step)
            sums += np.einsum("ns,ns->s", in_x[block], self.matrix(x[block], y) @ in_y)
        return sums


def _indicators(rows: np.ndarray, count: int, dtype) -> np.ndarray:
    """1 where a sample is in a subset: ``[subsets, size] -> [count, subsets]``."""
    indicators = np.zeros((count, len(rows)), dtype)
    indicators[rows, np.arange(len(rows))[:, None]] = 1
    return indicators
