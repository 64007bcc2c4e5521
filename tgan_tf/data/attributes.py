"""Attributes and vectors of samples: numbers [N, K] instead of one class each.

A folder of images has attributes if ``attributes.csv`` or ``attributes.jsonl`` lies in it: of every
image the path below the folder, and 1 or 0 (true or false; CelebA's -1 is 0) for each attribute.

    file,hat,smile                    {"file": "a.png", "hat": true, "smile": false}
    a.png,1,0                         {"file": "b/c.png", "hat": false, "smile": true}
    b/c.png,0,1
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from tgan_tf.config import ConfigError

_FILES = ("attributes.csv", "attributes.jsonl")
_WORDS = {"1": 1, "true": 1, "1.0": 1, "0": 0, "false": 0, "-1": 0, "0.0": 0, "": 0}
# Of a longer vector the networks would hear little else: z has sqrt(latent_dim).
_LONGEST_VECTOR = 32.0


class Table(NamedTuple):
    """What a file says.

    Attributes:
        path: of the file.
        names: of the attributes.
        rows: float32 [K] of 0 and 1, by the path of an image below the folder.
    """

    path: Path
    names: tuple[str, ...]
    rows: Mapping[str, np.ndarray]

    def row(self, image: Path) -> np.ndarray:
        """The attributes of an image, of which ``path`` is the folder's.

        Raises:
            ConfigError: the file does not mention it.
        """
        name = image.relative_to(self.path.parent).as_posix()
        if name not in self.rows:
            raise ConfigError(
                f"{self.path}: has no row for {name}; add one, or move the image away"
            )
        return self.rows[name]


def read_table(folder: Path) -> Table | None:
    """The attributes of a folder's images; None without such a file.

    Raises:
        ConfigError: it cannot be read.
    """
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        return None
    names: tuple[str, ...] = ()
    rows = {}
    try:
        for number, entry in enumerate(entries_of(path), 1):
            file, *values = entry.values()
            names = names or tuple(entry)[1:]
            if tuple(entry)[1:] != names or not names:
                raise ValueError(f"row {number} has other columns than the first, or none")
            numbers = [_WORDS.get(str(value).strip().lower()) for value in values]
            if None in numbers:
                wrong = values[numbers.index(None)]
                raise ValueError(f"row {number}: {wrong!r} is neither 0 nor 1")
            rows[PurePath(file).as_posix()] = np.array(numbers, np.float32)
    except (OSError, UnicodeDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: {error}; docs/data.md shows what it holds") from error
    return Table(path, names, rows)


def entries_of(path: Path) -> Iterable[dict[str, Any]]:
    """The rows of a .csv file whose first row has names, or of a .jsonl file.

    Raises:
        ValueError: a line cannot be read; it is named.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            reader = csv.DictReader(file, strict=True)
            try:
                yield from reader
            except csv.Error as error:
                raise ValueError(f"after line {reader.line_num}: {error}") from error
            return
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}: {error.msg}") from error
            yield entry


def checked(kind: str, values: np.ndarray, count: int, where: str) -> np.ndarray:
    """An array of attributes or vectors as float32 [N, K].

    Args:
        kind: "attributes" or "vectors".
        values: what was found.
        count: N.
        where: what to call it.

    Raises:
        ConfigError: other shapes or values.
    """
    if values.ndim != 2 or len(values) != count or not values.shape[1]:
        raise ConfigError(f"{where} has the shape {values.shape}; {kind} are [{count}, K]")
    if values.dtype.kind not in "buif" or not np.isfinite(values).all():
        raise ConfigError(f"{where} is {values.dtype}; {kind} are finite numbers")
    if kind == "attributes" and not np.isin(values, (0, 1)).all():
        raise ConfigError(f"{where} has other values than 0 and 1; save real numbers as 'vectors'")
    values = values.astype(np.float32)
    length = float(np.linalg.norm(values, axis=1).mean()) if kind == "vectors" else 0.0
    if length > _LONGEST_VECTOR:
        raise ConfigError(
            f"{where}: the mean length of the vectors is {length:.3g}; divide them by it, for the"
            " networks expect lengths around 1"
        )
    return values
