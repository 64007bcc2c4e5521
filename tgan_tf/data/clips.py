"""Clips of the two splits in a directory of the cache, written one after the other.

Each split is a file ``SPLIT.npy``, uint8 [N, F, H, W, C], and its labels ``SPLIT_labels.npy``,
int32 [N]; ``about.json`` says what was left out and how fast clips are. Where more is known exactly
of each clip, it is in a file ``SPLIT_KNOWN.npy`` for each kind of it, an array with a row for each
clip.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tgan_tf.data.prepare import NpyWriter
from tgan_tf.data.types import SampleSet

_SPLITS = ("train", "val")


class StoredClips(NamedTuple):
    """What ``read_clips`` finds.

    Args:
        train, val: the two splits.
        skipped: "file: reason" of what was left out.
        frame_rate: of the clips, frames a second; 0: unknown.
    """

    train: SampleSet
    val: SampleSet
    skipped: tuple[str, ...]
    frame_rate: float


class Clips:
    """Takes what ``writing_clips`` writes; in memory it holds the labels alone.

    Attributes:
        skipped: for the caller to fill, "file: reason".
        known: likewise, what is known of the clips of each split.
        frame_rate: likewise, frames a second; 0: unknown.
    """

    def __init__(self, files: Sequence[NpyWriter]) -> None:
        self._files = files
        self.labels: tuple[list[int], list[int]] = ([], [])
        self.skipped: list[str] = []
        self.known: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
        self.frame_rate = 0.0

    @property
    def counts(self) -> tuple[int, int]:
        """Clips to train on, and held out, so far."""
        return len(self.labels[0]), len(self.labels[1])

    def append(self, clip: np.ndarray, label: int, held_out: bool) -> None:
        """Writes uint8 [F, H, W, C]; the label is -1 without classes."""
        self._files[held_out].append(clip)
        self.labels[held_out].append(label)


@contextmanager
def writing_clips(directory: Path, shape: tuple[int, int, int, int]) -> Iterator[Clips]:
    """Fills a directory for ``read_clips``.

    Args:
        directory: exists.
        shape: (F, H, W, C) of a clip.
    """
    with ExitStack() as stack:
        paths = [directory / f"{split}.npy" for split in _SPLITS]
        clips = Clips([stack.enter_context(NpyWriter(path, shape)) for path in paths])
        yield clips
    for split, labels, known in zip(_SPLITS, clips.labels, clips.known, strict=True):
        for name, array in {"labels": np.array(labels, np.int32), **known}.items():
            np.save(directory / f"{split}_{name}.npy", array)
    about = {"skipped": clips.skipped, "frame_rate": clips.frame_rate}
    (directory / "about.json").write_text(json.dumps(about), encoding="utf-8")


def read_clips(directory: Path, labelled: bool, known: Sequence[str] = ()) -> StoredClips:
    """The two splits that were written to a directory, and what is known of both.

    Args:
        directory: of ``writing_clips``.
        labelled: whether there are classes.
        known: names of what else is known of each clip.
    """
    train, val = (
        SampleSet(
            np.load(directory / f"{split}.npy", mmap_mode="r"),
            np.load(directory / f"{split}_labels.npy") if labelled else None,
            known={name: np.load(directory / f"{split}_{name}.npy") for name in known},
        )
        for split in _SPLITS
    )
    about = json.loads((directory / "about.json").read_text("utf-8"))
    return StoredClips(train, val, tuple(about["skipped"]), about["frame_rate"])
