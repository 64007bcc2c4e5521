"""Frechet distance between two sets of features, from streamed first and second moments.

Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium" (2017). With pool_3 of the 2015 Inception graph it is the FID; with another network it
is not, and must not be called so.
"""

from __future__ import annotations

import numpy as np

from tgan_tf.metrics.features import check_features

# Of a Cholesky factor, beside the greatest; below, rounding has its part in it.
_LEAST_PIVOT = 1e-5


class Moments:
    """Mean and covariance of a stream of feature vectors, in float64.

    Sums are about the mean of the first batch (Chan, Golub and LeVeque 1983, "shifted data"), so
    that no digits are lost when the mean is large beside the spread. Memory is ``dim ** 2``,
    whatever the count.

    Args:
        dim: length of a feature vector; by default that of the first batch.
    """

    def __init__(self, dim: int | None = None) -> None:
        self._start(np.zeros(dim or 0))
        self.count = 0
        self._dim = dim

    @property
    def dim(self) -> int:
        """Length of a feature vector (0 before the first batch, if not given)."""
        return self._dim or 0

    def update(self, features: np.ndarray) -> None:
        """Takes in a batch.

        Args:
            features: ``[B, dim]``, any real dtype; B may be 0.

        Raises:
            ValueError: another shape than before, NaN or infinity.
        """
        x = check_features(features, self._dim)
        if len(x) == 0:
            return
        if self.count == 0:
            self._start(x.mean(axis=0, dtype=np.float64))
        shifted = x - self._origin  # [B, dim], float64
        self.count += len(x)
        self._sum += shifted.sum(axis=0)
        self._products += shifted.T @ shifted

    def merge(self, other: Moments) -> None:
        """Takes in all that another accumulator has seen (shards of one set)."""
        if other.count == 0:
            return
        if self._dim not in (None, other.dim):
            raise ValueError(f"cannot merge moments of {other.dim} features into {self._dim}")
        if self.count == 0:
            self._start(other._origin)
        # Sums about the other's origin, moved to ours.
        step = other._origin - self._origin
        moved = np.outer(other._sum, step)
        self.count += other.count
        self._sum += other._sum + other.count * step
        self._products += other._products + moved + moved.T + other.count * np.outer(step, step)

    def _start(self, origin: np.ndarray) -> None:
        dim = self._dim = len(origin)
        self._origin, self._sum, self._products = origin, np.zeros(dim), np.zeros((dim, dim))

    @property
    def mean(self) -> np.ndarray:
        """The mean, float64 ``[dim]``."""
        self._require(1)
        return self._origin + self._sum / self.count

    def cov(self, ddof: int = 1) -> np.ndarray:
        """The covariance, float64 ``[dim, dim]``.

        Args:
            ddof: 1 divides by N - 1 (torch-fidelity, clean-fid), 0 by N (StyleGAN).

        Raises:
            ValueError: no more samples than `ddof`.
        """
        self._require(ddof + 1)
        return self._scatter() / (self.count - ddof)

    def _scatter(self) -> np.ndarray:
        """The sum of outer products about the mean, ``[dim, dim]``."""
        if self.count == 0:
            return self._products
        return self._products - np.outer(self._sum, self._sum / self.count)

    def _require(self, count: int) -> None:
        if self.count < count:
            raise ValueError(f"moments need at least {count} samples, there are {self.count}")

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state, to be stored; `from_arrays` brings it back."""
        mean = self.mean if self.count else self._origin
        return {"count": np.array(self.count), "mean": mean, "scatter": self._scatter()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Moments:
        """The accumulator whose `to_arrays` gave this state."""
        moments = cls(len(arrays["mean"]) or None)
        moments.count = int(arrays["count"])
        moments._origin = np.array(arrays["mean"], np.float64)
        moments._products = np.array(arrays["scatter"], np.float64)
        return moments


def frechet_distance(a: Moments, b: Moments, *, ddof: int = 1) -> float:
    """Frechet distance between the Gaussians with the moments of two sets.

    Args:
        a, b: moments of the two sets.
        ddof: 1 divides covariances by N - 1 (torch-fidelity, clean-fid), 0 by N (StyleGAN).

    Raises:
        ValueError: too few samples, or sets of different `dim`.
    """
    return gaussian_frechet_distance(a.mean, a.cov(ddof), b.mean, b.cov(ddof))


def gaussian_frechet_distance(
    mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray
) -> float:
    """``|m_a - m_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))`` of two Gaussians.

    The trace of the root is the sum of the roots of the eigenvalues of ``R' S_b R`` with
    ``R R' = S_a``: a symmetric matrix, so that no general matrix square root, no complex rounding
    and no ``eps`` on the diagonal is needed, also when there are fewer samples than features.

    Args:
        mean_a, mean_b: ``[dim]``.
        cov_a, cov_b: symmetric, positive semi-definite ``[dim, dim]``.

    Returns:
        The distance, 0 or more.

    Raises:
        ValueError: the shapes do not match.
    """
    shapes = [np.shape(x) for x in (mean_a, mean_b, cov_a, cov_b)]
    dim = len(mean_a)
    if shapes != [(dim,), (dim,), (dim, dim), (dim, dim)]:
        raise ValueError(
            f"means and covariances do not match: {', '.join(str(list(s)) for s in shapes)}"
        )
    root = _root(cov_a)  # [dim, rank]
    products = np.linalg.eigvalsh(root.T @ cov_b @ root)
    trace_of_root = np.sqrt(products.clip(min=0)).sum()
    shift = np.asarray(mean_a) - mean_b
    distance = shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * trace_of_root
    return max(0.0, float(distance))


def _root(cov: np.ndarray) -> np.ndarray:
    """R, ``[dim, rank]``, with ``R R' = cov``."""
    try:
        # Ten times as fast, where all directions are there.
        root = np.linalg.cholesky(cov)
        pivots = root.diagonal()
        if pivots.min() > _LEAST_PIVOT * pivots.max():
            return root
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(cov)
    # Smaller ones are rounding: with fewer samples than features, most of them.
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])
