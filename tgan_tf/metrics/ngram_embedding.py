"""Vectors of texts without a pretrained network: which tokens, which beside which, which together.

Of the training texts, positive pointwise mutual information of tokens that stand next to each
other, and of tokens in one text, is factorised (Levy and Goldberg 2014): `PPMI(a, b) ~ l_a r_b`.
A text's vector has three parts: the mean of its tokens' vectors, the mean of ``l_a * r_b`` over its
neighbours, and the same over all its pairs. The sums of the last two are the text's mean mutual
information: they fall where tokens do not belong together.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

_DISCOUNT = 30
_MOST_TEXTS = 20_000
_ROUNDS = 3  # of the randomised decomposition


class NgramEmbedding:
    """Fitted to training texts; every number of a vector has variance 1 over these.

    Args:
        samples: int ``[N, T]``, what the embedding learns from.
        vocabulary: V.
        rank: of each factorisation; vectors are three times as long.
    """

    name = "ngram"

    def __init__(self, samples: np.ndarray, vocabulary: int, rank: int = 16) -> None:
        samples = samples[:_MOST_TEXTS].astype(np.int64)
        shape = (vocabulary, vocabulary)
        left, right = samples[:, :-1].ravel(), samples[:, 1:].ravel()
        beside = sparse.csr_matrix((np.ones(len(left)), (left, right)), shape=shape)
        rows = np.repeat(np.arange(len(samples)), samples.shape[1])
        table = sparse.csr_matrix(
            (np.ones(samples.size), (rows, samples.ravel())), shape=(len(samples), vocabulary)
        )
        together = sparse.csr_matrix(table.T @ table)
        together.setdiag(0)
        together.eliminate_zeros()
        self._beside, self._together = (
            _factors(_information(counts), min(rank, vocabulary)) for counts in (beside, together)
        )
        parts = self._parts(samples)
        self._mean, self._scale = parts.mean(axis=0), 1 / (parts.std(axis=0) + 1e-9)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """int ``[N, T]`` -> float64 ``[N, 3 rank]``."""
        return (self._parts(samples) - self._mean) * self._scale

    def _parts(self, samples: np.ndarray) -> np.ndarray:
        length = samples.shape[1]
        left, right = (factor[samples] for factor in self._beside)  # [N, T, rank]
        neighbours = (left[:, :-1] * right[:, 1:]).mean(axis=1)
        left, right = (factor[samples] for factor in self._together)
        both = left.sum(axis=1) * right.sum(axis=1) - (left * right).sum(axis=1)
        pairs = both / (length * (length - 1))
        return np.concatenate([left.mean(axis=1), neighbours, pairs], axis=1)


def _information(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Positive pointwise mutual information, in nats."""
    counts = counts.tocoo()
    rows, columns = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    expected = rows[counts.row] * columns[counts.col] / counts.sum()
    values = np.log(counts.data / expected).clip(min=0)
    # A pair seen once says little: without the discount the training texts would look far more
    # coherent than unseen ones (Pantel and Lin 2002).
    values *= counts.data / (counts.data + _DISCOUNT)
    return sparse.csr_matrix((values, (counts.row, counts.col)), shape=counts.shape)


def _factors(matrix: sparse.csr_matrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """``[V, rank]`` each, whose products are the best of that rank, nearly.

    Randomised subspace iteration (Halko et al. 2011, algorithm 4.4), from a fixed start.
    """
    basis = np.random.default_rng(0).standard_normal((matrix.shape[1], rank))
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(matrix.T @ (matrix @ basis))
    return matrix @ basis, basis
