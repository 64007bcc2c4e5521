"""Reads, converts and writes a whole data set once, in parallel, without holding it in memory."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data import pixels
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.types import Progress, SampleSet

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_SPLITS = ("train", "val")


class Prepared(NamedTuple):
    """What ``read`` finds in a directory that ``prepare`` filled."""

    train: SampleSet
    val: SampleSet
    skipped: tuple[str, ...]


def prepare(
    reader: Reader,
    requested: tuple[int, int, int],
    fit: str,
    directory: Path,
    progress: Progress | None = None,
) -> None:
    """Fills ``directory`` with uint8 images, labels and the list of what was unreadable.

    Args:
        reader: the data set.
        requested: (H, W, C) of the result; zeros: as the data are.
        fit: how other aspect ratios become that size (``pixels``).
        directory: exists and is empty.
        progress: called with (done, total) about two hundred times.

    Raises:
        ConfigError: when there is no room, or no image can be read.
    """
    shape = reader.shape(requested)
    _check_room(directory, reader.count * int(np.prod(shape)))

    def convert(item: Item) -> tuple[Item, np.ndarray | None, str]:
        # Decoders raise nearly anything on broken files; each becomes a named, counted skip.
        try:
            return item, pixels.to_row(reader.load(item.key, shape[:2]), shape, fit), ""
        except Exception as error:
            return item, None, f"{reader.describe(item.key)}: {error or type(error).__name__}"

    labels: dict[bool, list[int | np.ndarray]] = {True: [], False: []}
    captions: dict[bool, list[str]] = {True: [], False: []}
    skipped = []
    with (
        NpyWriter(directory / "train_images.npy", shape) as train,
        NpyWriter(directory / "val_images.npy", shape) as val,
    ):
        tick = max(1, reader.count // 200)
        for done, (item, row, problem) in enumerate(ordered_map(convert, reader.items()), 1):
            if row is None:
                skipped.append(problem)
            else:
                (val if item.held_out else train).append(row)
                labels[item.held_out].append(item.label)
                captions[item.held_out].append(item.caption)
            if progress and (done % tick == 0 or done == reader.count):
                progress(done, reader.count)
    _check_not_empty(reader, len(labels[False]), len(labels[True]), skipped)
    for split, held_out in zip(_SPLITS, (False, True), strict=True):
        rows = np.array(labels[held_out])
        if reader.class_names or rows.ndim > 1:
            dtype = np.int32 if rows.ndim == 1 else np.float32
            np.save(directory / f"{split}_labels.npy", rows.astype(dtype))
        if any(captions[held_out]):
            text = json.dumps(captions[held_out])
            (directory / f"{split}_captions.json").write_text(text, encoding="utf-8")
    (directory / "skipped.json").write_text(json.dumps(skipped), encoding="utf-8")


def read(directory: Path, *, in_memory: bool = False) -> Prepared:
    """Opens what ``prepare`` wrote, as read-only memory maps unless ``in_memory``.

    Raises:
        OSError, ValueError: when files are missing or damaged.
    """
    mode: Literal["r"] | None = None if in_memory else "r"
    sets = []
    for split in _SPLITS:
        labels_path = directory / f"{split}_labels.npy"
        labels = np.load(labels_path) if labels_path.exists() else None
        captions_path = directory / f"{split}_captions.json"
        captions = (
            json.loads(captions_path.read_text(encoding="utf-8")) if captions_path.exists() else []
        )
        images = np.load(directory / f"{split}_images.npy", mmap_mode=mode)
        sets.append(SampleSet(images, labels, tuple(captions)))
    skipped = json.loads((directory / "skipped.json").read_text(encoding="utf-8"))
    return Prepared(sets[0], sets[1], tuple(skipped))


def ordered_map(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """``map`` on a thread pool: results in order, few of them waiting, errors raised here."""
    workers = 1 + (os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[_Out]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 8 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class NpyWriter:
    """A .npy file of uint8 rows whose number is known only at the end."""

    def __init__(self, path: Path, row_shape: tuple[int, ...]) -> None:
        self._file = path.open("wb")
        self._row_shape = row_shape
        self.count = 0
        self._file.write(self._header(0))

    def _header(self, count: int) -> bytes:
        # NumPy pads the header so that the first axis can grow to 21 digits in place.
        buffer = io.BytesIO()
        described = {"descr": "|u1", "fortran_order": False, "shape": (count, *self._row_shape)}
        np.lib.format.write_array_header_1_0(buffer, described)
        return buffer.getvalue()

    def append(self, row: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(row).data)
        self.count += 1

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._file.seek(0)
            self._file.write(self._header(self.count))
        self._file.close()


def _check_room(directory: Path, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise ConfigError(
            f"--cache_dir: the prepared images need {needed / 1e9:.1f} GB, but {directory.parent}"
            f" has {free / 1e9:.1f} GB left; pass --cache_dir on a larger disk, or a smaller"
            " --image_size"
        )


def _check_not_empty(reader: Reader, train: int, val: int, skipped: list[str]) -> None:
    if train and val:
        return
    shown = "; ".join(skipped[:3])
    if not train and not val and skipped:
        raise ConfigError(
            f"--dataset: none of the {len(skipped)} images of {reader.name} can be read ({shown})"
        )
    if skipped:
        raise ConfigError(
            f"--dataset: {len(skipped)} images of {reader.name} cannot be read ({shown}), and none"
            f" is left to {'hold out' if train else 'train on'}; remove them or add images"
        )
    raise ConfigError(
        f"--dataset: {reader.name} has {train + val} images; training needs at least two, one of"
        " them held out"
    )
