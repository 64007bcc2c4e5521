"""Directions in w along which pictures change in one way: how they are found and kept.

sefa      without labels: where the modulation weights stretch w most, the eigenvectors of A'A
          of all of them (Shen and Zhou 2021, eq. 4)
pca       without labels: principal components of w within its class (Harkonen et al. 2020)
boundary  with labels: from all others to a class or an attribute, the normal of a linear
          classifier of w (Shen et al. 2020), one for each
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tgan_tf.files import replacing

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

METHODS = ("sefa", "pca", "boundary")
FILE = "directions.npz"  # in the run directory
_LATENTS = 4096  # of which w is looked at
_AT_ONCE = 256


@dataclass(frozen=True)
class Directions:
    """Named directions of a generator.

    Attributes:
        names: unique.
        vectors: float32 ``[K, w_dim]``; as long as one standard deviation of w along them.
    """

    names: tuple[str, ...]
    vectors: npt.NDArray[np.float32]

    def strengths(self, edits: Mapping[str, float]) -> npt.NDArray[np.float32]:
        """float32 ``[K]`` from strengths by name; those that are not named are 0.

        Raises:
            ValueError: there is no such direction, or a strength is not finite.
        """
        unknown = [name for name in edits if name not in self.names]
        if unknown:
            known = ", ".join(self.names) or "none: find some with python -m tgan_tf.directions"
            raise ValueError(f"edit: no direction is named {unknown[0]!r}; there are {known}")
        if not np.isfinite(list(edits.values())).all():
            raise ValueError(f"edit: strengths must be finite numbers, got {dict(edits)}")
        return np.array([edits.get(name, 0.0) for name in self.names], np.float32)

    def save(self, run: Path) -> None:
        """Writes RUN/directions.npz, beside and then renamed."""
        with replacing(run / FILE) as beside, beside.open("wb") as file:
            np.savez(file, names=np.array(self.names, str), vectors=self.vectors)

    @classmethod
    def load(cls, run: Path | None, w_dim: int) -> Directions:
        """Those of a run; none if it has none.

        Raises:
            ValueError: the file is damaged, or of another generator.
        """
        if run is None or not (run / FILE).is_file():
            return cls((), np.zeros((0, w_dim), np.float32))
        try:
            with np.load(run / FILE) as file:
                found = cls(tuple(map(str, file["names"])), file["vectors"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{run / FILE} cannot be read ({error}); delete it") from error
        if found.vectors.shape != (len(found.names), w_dim):
            raise ValueError(f"{run / FILE} is of another generator; delete it")
        return found


def stretched_most(weights: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Unit directions of w that linear maps stretch most, all of them together.

    Args:
        weights: kernels ``[w_dim, outputs]``.
        count: how many, at most w_dim.

    Returns:
        float64 ``[count, w_dim]``, orthonormal, the most stretched first.
    """
    gram = sum(np.asarray(w, np.float64) @ np.asarray(w, np.float64).T for w in weights)
    _, vectors = np.linalg.eigh(gram)
    return vectors.T[::-1][:count]


def principal(w: np.ndarray, count: int) -> np.ndarray:
    """Unit principal components of ``w`` ``[N, w_dim]``, which is centred: ``[count, w_dim]``."""
    _, vectors = np.linalg.eigh(w.astype(np.float64).T @ w)
    return vectors.T[::-1][:count]


def boundary(w: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The unit normal of a linear boundary, towards where ``labels`` is True: ``[w_dim]``."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(class_weight="balanced", max_iter=1000).fit(w, labels)
    return fitted.coef_[0] / np.linalg.norm(fitted.coef_[0])


def find(sampler: Sampler, method: str, count: int) -> Directions:
    """Finds directions of a generator.

    Args:
        sampler: the generator.
        method: of `METHODS`.
        count: how many; of `boundary`, one for each class or attribute.

    Raises:
        ValueError: the method does not suit the generator.
    """
    import tensorflow as tf

    from tgan_tf.exporting.portable_random import normal_numpy

    seeds, data = np.arange(_LATENTS), sampler.config.data
    labels = sampler.condition.of_seeds(seeds) if sampler.condition.name else None
    z = normal_numpy(seeds, sampler.latent_dim)
    parts = []
    for start in range(0, _LATENTS, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        label = None if labels is None else tf.constant(labels[rows])
        w = sampler.generator.mapping(tf.constant(z[rows]), label)
        parts.append((w.numpy(), (w - sampler.means_of(label)).numpy()))
    w, within = (np.concatenate(part) for part in zip(*parts, strict=True))
    if method == "boundary":
        if labels is None or data.condition == "vector":
            raise ValueError(
                "--method=boundary needs classes or attributes; this generator has none: use pca"
            )
        names = data.attribute_names or data.class_names or tuple(map(str, range(data.num_classes)))
        # [latents, K], whether it is of the class, or has the attribute
        has = labels > 0.5 if data.attribute_names else labels[:, np.newaxis] == range(len(names))
        alike = [
            name for name, column in zip(names, has.T, strict=True) if column.min() == column.max()
        ]
        if alike:
            raise ValueError(f"--method=boundary: all samples, or none, have {alike[0]!r}: use pca")
        units = np.stack([boundary(w, column) for column in has.T])
        found = tuple(f"to_{name.replace(' ', '_')}" for name in names)
        spread = w
    else:
        if not 1 <= count <= w.shape[1]:
            raise ValueError(f"--count={count}: must be 1 to {w.shape[1]}, the width of w")
        if method == "sefa":
            units = stretched_most(sampler.generator.kernels_of_w(), count)
        else:
            units = principal(within, count)
        found, spread = tuple(f"{method}{index}" for index in range(count)), within
    lengths = (spread @ units.T).std(axis=0)  # [K]
    return Directions(found, (units * lengths[:, None]).astype(np.float32))


def joined(old: Directions, new: Directions, method: str) -> Directions:
    """With the new ones of a method in place of its old ones."""
    prefix = "to_" if method == "boundary" else method
    kept = [i for i, name in enumerate(old.names) if not name.startswith(prefix)]
    names = (*(old.names[i] for i in kept), *new.names)
    return Directions(names, np.concatenate([old.vectors[kept], new.vectors]))
