"""Clips of the two splits in a directory of the cache, written one after the other.

Each split is a file ``SPLIT.npy``, uint8 [N, F, H, W, C], and its labels ``SPLIT_labels.npy``,
int32 [N]; ``skipped.json`` lists what was left out. Where more is known exactly of each clip, it
is in a file ``SPLIT_KNOWN.npy`` for each kind of it, an array with a row for each clip.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from tgan_tf.data.prepare import NpyWriter
from tgan_tf.data.types import SampleSet

_SPLITS = ("train", "val")


class ClipWriter:
    """Fills a directory for ``read_clips``; in memory it holds the labels alone.

    Args:
        directory: exists.
        shape: (F, H, W, C) of a clip.
    """

    def __init__(self, directory: Path, shape: tuple[int, int, int, int]) -> None:
        self._directory = directory
        self._files = [NpyWriter(directory / f"{split}.npy", shape) for split in _SPLITS]
        self._labels: tuple[list[int], list[int]] = ([], [])
        # For the caller to fill: "file: reason", and what is known, for the two splits.
        self.skipped: list[str] = []
        self.known: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})

    @property
    def counts(self) -> tuple[int, int]:
        """Clips to train on, and held out, so far."""
        return len(self._labels[0]), len(self._labels[1])

    def append(self, clip: np.ndarray, label: int, held_out: bool) -> None:
        """Writes uint8 [F, H, W, C]; the label is -1 without classes."""
        self._files[held_out].append(clip)
        self._labels[held_out].append(label)

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files:
            file.__exit__(kind, error, trace)
        if error is None:
            for split, labels, known in zip(_SPLITS, self._labels, self.known, strict=True):
                arrays = {"labels": np.array(labels, np.int32), **known}
                for name, array in arrays.items():
                    np.save(self._directory / f"{split}_{name}.npy", array)
            skipped = self._directory / "skipped.json"
            skipped.write_text(json.dumps(self.skipped), encoding="utf-8")


def read_clips(
    directory: Path, labelled: bool, known: Sequence[str] = ()
) -> tuple[list[SampleSet], tuple[str, ...]]:
    """The two splits that were written to a directory, and what was left out.

    Args:
        directory: of a ``ClipWriter``.
        labelled: whether there are classes.
        known: names of what else is known of each clip.
    """
    sets = [
        SampleSet(
            np.load(directory / f"{split}.npy", mmap_mode="r"),
            np.load(directory / f"{split}_labels.npy") if labelled else None,
            known={name: np.load(directory / f"{split}_{name}.npy") for name in known},
        )
        for split in _SPLITS
    ]
    return sets, tuple(json.loads((directory / "skipped.json").read_text("utf-8")))
