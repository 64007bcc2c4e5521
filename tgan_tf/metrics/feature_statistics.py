"""What a network sees in a set of images, gathered in one pass and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tgan_tf.metrics.features import ClassifyingExtractor, FeatureExtractor, check_features
from tgan_tf.metrics.frechet import Moments

_CHUNK = 64  # images in the network at a time

Images = np.ndarray
Batch = Images | tuple[Images, np.ndarray | None]


class FeatureStatistics:
    """Moments of all samples of a set, and the features of at most `keep` of them.

    Beyond `keep` samples the kept ones are a uniform random choice (reservoir sampling), so that a
    set sorted by class is not judged by its first classes.

    Args:
        keep: samples whose features are kept, for metrics that compare samples.
        seed: of the choice.

    Attributes:
        moments: of all samples.
    """

    def __init__(self, *, keep: int = 10_000, seed: int = 0) -> None:
        self.moments = Moments()
        self._keep = keep
        self._rng = np.random.default_rng(seed)
        self._columns: dict[str, np.ndarray] = {}

    @property
    def count(self) -> int:
        """Samples seen."""
        return self.moments.count

    @property
    def kept(self) -> int:
        """Samples whose features are kept."""
        return min(self.count, self._keep)

    @property
    def features(self) -> np.ndarray:
        """Features of the kept samples, float32 ``[kept, dim]``."""
        kept = self._column("features")
        if kept is None:
            raise ValueError("there are no samples to measure")
        return kept

    @property
    def logits(self) -> np.ndarray | None:
        """Class logits of the kept samples, ``[kept, classes]``, or None."""
        return self._column("logits")

    @property
    def labels(self) -> np.ndarray | None:
        """Classes that the kept samples were made for, ``[kept]``, or None."""
        return self._column("labels")

    def _column(self, name: str) -> np.ndarray | None:
        rows = self._columns.get(name)
        return None if rows is None else rows[: self.kept]

    def update(
        self,
        features: np.ndarray,
        logits: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> None:
        """Takes in a batch.

        Args:
            features: ``[B, dim]``.
            logits: ``[B, classes]``, if the network has classes: in every batch or in none.
            labels: ``[B]``, if the samples have labels: in every batch or in none.

        Raises:
            ValueError: NaN, or other shapes or columns than before.
        """
        given = {"features": check_features(features), "logits": logits, "labels": labels}
        if logits is not None:
            check_features(logits)
        columns = {name: np.asarray(rows) for name, rows in given.items() if rows is not None}
        for name, rows in columns.items():
            if len(rows) != len(features):
                raise ValueError(f"{len(rows)} {name} for {len(features)} feature vectors")
        if self.count and columns.keys() != self._columns.keys():
            raise ValueError(
                f"batches have {', '.join(columns)} and earlier ones had {', '.join(self._columns)}"
            )
        slots = self._slots(len(features))
        taken = slots >= 0
        before = self.count
        self.moments.update(features)
        needed = min(before + len(features), self._keep)
        for name, rows in columns.items():
            store = self._reserve(name, rows, before, needed)
            store[slots[taken]] = rows[taken]

    def _slots(self, count: int) -> np.ndarray:
        """Row in which each new sample is kept, or -1 (Vitter 1985, algorithm R)."""
        places = np.arange(self.count, self.count + count)
        late = places >= self._keep
        if late.any():
            places[late] = self._rng.integers(0, places[late] + 1)
        return np.where(places < self._keep, places, -1)

    def _reserve(self, name: str, rows: np.ndarray, used: int, needed: int) -> np.ndarray:
        """The store of a column, with room for `needed` rows; grows by doubling."""
        store = self._columns.get(name)
        if store is None or len(store) < needed:
            size = min(self._keep, max(needed, 2 * (0 if store is None else len(store))))
            dtype = rows.dtype if name == "labels" else np.float32
            larger = np.empty((size, *rows.shape[1:]), dtype)
            if store is not None:
                larger[:used] = store[:used]
            self._columns[name] = store = larger
        return store

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state, to be stored; `from_arrays` brings it back."""
        arrays = {f"moments_{name}": value for name, value in self.moments.to_arrays().items()}
        arrays |= {name: rows[: self.kept] for name, rows in self._columns.items()}
        return arrays | {"keep": np.array(self._keep)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> FeatureStatistics:
        """The statistics whose `to_arrays` gave this state; for reading, not for more samples."""
        arrays = dict(arrays)
        statistics = cls(keep=int(arrays.pop("keep")))
        start = "moments_"
        statistics.moments = Moments.from_arrays(
            {n.removeprefix(start): arrays.pop(n) for n in list(arrays) if n.startswith(start)}
        )
        statistics._columns = arrays
        return statistics


def gather(
    extractors: Sequence[FeatureExtractor],
    batches: Iterable[Batch],
    *,
    total: int = 0,
    keep: int = 10_000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, FeatureStatistics]:
    """Shows a stream of images to several networks, in one pass over the stream.

    Args:
        extractors: the networks.
        batches: uint8 images ``[B, H, W, C]``, or pairs of images and labels ``[B]``.
        total: number of images to come, for `progress`; 0 if unknown.
        keep, seed: see `FeatureStatistics`.
        progress: called with the images done and `total`.

    Returns:
        The statistics by the name of the extractor.

    Raises:
        ValueError: two extractors have one name, or there are no images, or not of the right kind.
    """
    names = [extractor.name for extractor in extractors]
    if len(set(names)) != len(names):
        raise ValueError(f"two feature extractors have the same name: {', '.join(names)}")
    statistics = {name: FeatureStatistics(keep=keep, seed=seed) for name in names}
    # Asked once: the check may read every attribute, and some are costly.
    views = [_view(extractor) for extractor in extractors]
    done = 0
    for batch in batches:
        images, labels = batch if isinstance(batch, tuple) else (batch, None)
        for start in range(0, len(images), _CHUNK):
            chunk = images[start : start + _CHUNK]
            chunk_labels = None if labels is None else labels[start : start + _CHUNK]
            for name, view in zip(names, views, strict=True):
                features, logits = view(chunk)
                statistics[name].update(features, logits, chunk_labels)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    if done == 0:
        raise ValueError("there are no images to measure")
    return statistics


def _view(
    extractor: FeatureExtractor,
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]:
    """Images to features and, if the network has classes, logits."""
    if isinstance(extractor, ClassifyingExtractor):
        return extractor.features_and_logits
    return lambda images: (extractor(images), None)
