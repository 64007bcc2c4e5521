"""What is known of the real images of a data set: kept, so that it is computed once.

A file's name holds a hash of all that its content depends on: the images, the network with its
resizing, and how many. Files appear whole or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data.opaque import Joined, OpaqueRows
from tgan_tf.data.types import Progress, SampleSet, Source
from tgan_tf.files import replacing
from tgan_tf.metrics.classifier import Classifier, train_classifier
from tgan_tf.metrics.feature_statistics import FeatureStatistics, gather
from tgan_tf.metrics.features import FeatureExtractor

SPLITS = ("auto", "training", "held-out", "all")
# With fewer held-out images than this the training split is the reference.
FEWEST_HELD_OUT = 2000
AT_ONCE = 256


@dataclass(frozen=True)
class Reference:
    """Real images that samples are compared with.

    Attributes:
        name: of the split: "held-out", "training" or "all".
        images: RGBA composed on white.
        labels: int32, one for each; None without classes.
    """

    name: str
    images: OpaqueRows
    labels: np.ndarray | None

    @classmethod
    def of(cls, source: Source, split: str = "auto", most: int | None = None) -> Reference:
        """The images of a split.

        Args:
            source: the data.
            split: of `SPLITS`; auto: held out, or training where too few are.
            most: of more, so many are taken, evenly spaced.
        """
        split, images, labels = split_of(source, split)
        count = len(images)
        rows = np.linspace(0, count - 1, min(count, most or count)).astype(np.int64)
        return cls(split, OpaqueRows(images, rows), None if labels is None else labels[rows])

    def __len__(self) -> int:
        return len(self.images)


def split_of(source: Source, split: str) -> tuple[str, np.ndarray | Joined, np.ndarray | None]:
    """Name, samples and labels of a split, of `SPLITS`."""
    if split == "auto":
        split = "held-out" if len(source.val) >= FEWEST_HELD_OUT else "training"
    if split == "all":
        joined = Joined(source.train.samples, source.val.samples)
        return split, joined, _joined_labels(source.train, source.val)
    chosen = source.val if split == "held-out" else source.train
    return split, chosen.samples, chosen.labels


def _joined_labels(train: SampleSet, val: SampleSet) -> np.ndarray | None:
    if train.labels is None or val.labels is None:
        return None
    return np.concatenate([train.labels, val.labels])


def classifier_of(source: Source, cache: Path, progress: Progress) -> Classifier:
    """The data set's classifier, trained or from the cache; the data have labels."""
    train, val = source.train, source.val
    assert train.labels is not None
    assert val.labels is not None
    key = digest(train.samples, train.labels, val.samples, val.labels)
    path = cache / f"classifier-{source.name}-{key}.npz"
    if path.is_file():
        try:
            return Classifier.load(path)
        except ValueError:  # damaged, or of another version
            path.unlink()
    classifier = train_classifier(
        OpaqueRows(train.samples),
        train.labels,
        len(source.class_names),
        held_out=(OpaqueRows(val.samples), val.labels),
        progress=progress,
    )
    _make(cache)
    classifier.save(path)
    return classifier


def statistics_of(
    network: FeatureExtractor, reference: Reference, keep: int, cache: Path, progress: Progress
) -> FeatureStatistics:
    """What a network sees in the real images, computed or from the cache."""
    reals, labels = reference.images, reference.labels
    contents = digest(reals) if labels is None else digest(reals, labels)
    key = hashlib.sha256(f"{network.identity}/{keep}/{contents}".encode())
    path = cache / f"features-{network.name}-{key.hexdigest()[:16]}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return FeatureStatistics.from_arrays(dict(stored))
        except Exception:  # a damaged archive raises whatever its part raises
            path.unlink()
    parts = (slice(start, start + AT_ONCE) for start in range(0, len(reals), AT_ONCE))
    batches = ((reals[p], None if labels is None else labels[p]) for p in parts)
    statistics = gather([network], batches, total=len(reals), keep=keep, progress=progress)
    _make(cache)
    with replacing(path) as beside, beside.open("wb") as file:
        arrays: dict[str, Any] = statistics[network.name].to_arrays()
        np.savez(file, **arrays)
    return statistics[network.name]


def _make(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--cache_dir: cannot write {cache} ({error}); pass a directory that can be written"
        ) from error


def digest(*arrays: np.ndarray | OpaqueRows) -> str:
    """Of shapes and contents, read in parts: some are memory maps larger than memory."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        for start in range(0, len(array), AT_ONCE):
            found.update(np.ascontiguousarray(array[start : start + AT_ONCE]).data)
    return found.hexdigest()[:16]
