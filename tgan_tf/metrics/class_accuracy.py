"""Whether samples made for a class are recognised as it, and whether any class is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassReport:
    """What a classifier sees in labelled samples.

    Attributes:
        confusion: int ``[classes, classes]``: samples made for the row's class, seen as the
        column's.
    """

    confusion: np.ndarray

    @property
    def count(self) -> int:
        """Number of samples."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of samples recognised as the class that they were made for."""
        return float(np.trace(self.confusion) / self.count)

    @property
    def per_class_accuracy(self) -> np.ndarray:
        """The same for each class, float64 ``[classes]``; NaN where no sample was made."""
        made = self.confusion.sum(axis=1)
        return np.where(made > 0, np.diag(self.confusion) / np.maximum(made, 1), np.nan)

    def missing(self, threshold: float = 0.1) -> list[int]:
        """Classes of which samples were made, and hardly any recognised.

        Args:
            threshold: a class is missing when fewer than this share of its samples is recognised.
        """
        return [int(c) for c in np.flatnonzero(self.per_class_accuracy < threshold)]


def class_report(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> ClassReport:
    """Counts what samples were seen as against what they were made for.

    Args:
        predicted, labels: int ``[N]``, 0 to ``num_classes - 1``.
        num_classes: number of classes.

    Raises:
        ValueError: different lengths, no samples, or classes out of range.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            "class accuracy needs one predicted class and one label for each sample, got "
            f"{list(predicted.shape)} and {list(labels.shape)}"
        )
    for what, classes in (("predicted classes", predicted), ("labels", labels)):
        if classes.min() < 0 or classes.max() >= num_classes:
            raise ValueError(
                f"{what} run from {classes.min()} to {classes.max()}, and there are "
                f"{num_classes} classes: is this the classifier of this data set?"
            )
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return ClassReport(cells.reshape(num_classes, num_classes))
