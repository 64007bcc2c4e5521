"""Recordings in files: tables (CSV, Parquet) and arrays (npz, npy), read and made whole.

- A table has names in its first row, then a row for each step and a column for each channel.
  Columns ``series`` and ``label`` are not channels: rows of one ``series``, which follow each
  other, are a recording; its ``label``, the same in all its rows, is its class. Truth values are 0
  and 1. Other columns without numbers (dates, text, nothing) are left out and named; one of text
  that is mostly numbers is an error.
- An array is [N, T, C] or [N, T]: ``series``, else the first of an archive with 2 or 3 axes;
  ``labels``, [N], if there.
- Missing values (empty, NaN, NA, null, None, ?, -, .) are interpolated on the line between the
  neighbours in time, at the ends filled with the nearest. A recording of which a channel lacks more
  than half, or that holds an infinity, is left out and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tgan_tf.config import ConfigError

_MOST_MISSING = 0.5
_NOT_CHANNELS = ("series", "label")
_MISSING = frozenset(
    ("", "?", "-", ".", "None", "none", "NULL", "null", "NA", "N/A", "n/a", "#N/A", "#NA")
).union(  # what else pyarrow knows
    ("NaN", "nan", "-NaN", "-nan", "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN")
)


class Recordings(NamedTuple):
    """What a file holds.

    Args:
        values: float64 [T, C] each; T may differ.
        labels: the class's name of each, or None.
        channel_names: C names.
        skipped: ``"recording: reason"`` for each that was left out, ``"column NAME: reason"`` too.
        names: of the recordings, if they have any.
    """

    values: list[np.ndarray]
    labels: list[str] | None
    channel_names: tuple[str, ...]
    skipped: tuple[str, ...]
    names: tuple[str, ...] = ()


def read_recordings(path: str) -> Recordings:
    """Reads a file by its ending.

    Raises:
        ConfigError: naming the file and what is wrong.
    """
    file = Path(path).expanduser()
    flag = f"--dataset=series:{file}"
    if not file.is_file():
        raise ConfigError(f"{flag}: there is no such file")
    readers = {".csv": _csv, ".parquet": _parquet, ".npz": _arrays, ".npy": _arrays}
    if file.suffix.lower() not in readers:
        raise ConfigError(f"{flag}: {' | '.join(readers)} can be read, not {file.suffix!r}")
    try:
        names, values, labels, channels, unused = readers[file.suffix.lower()](file)
    except ConfigError:
        raise
    except Exception as error:  # parsers raise what they like
        raise ConfigError(f"{flag}: cannot be read ({error})") from error
    kept, kept_labels, kept_names, skipped = [], [], [], []
    for index, (name, recording) in enumerate(zip(names, values, strict=True)):
        if problem := _problem(recording, channels):
            skipped.append(f"{name}: {problem}")
            continue
        kept.append(filled(recording))
        kept_labels.append(labels[index] if labels else "")
        kept_names.append(name)
    if not kept:
        raise ConfigError(f"{flag}: nothing is left of {len(values)} ({'; '.join(skipped[:3])})")
    return Recordings(
        kept, kept_labels if labels else None, channels, (*unused, *skipped), tuple(kept_names)
    )


def filled(values: np.ndarray) -> np.ndarray:
    """``[T, C]`` with NaN replaced: interpolated between neighbours, the nearest at the ends."""
    result = np.array(values, np.float64)
    steps = np.arange(len(result))
    for channel in result.T:  # views: filled in place
        missing = np.isnan(channel)
        if missing.any():
            channel[missing] = np.interp(steps[missing], steps[~missing], channel[~missing])
    return result


def _problem(values: np.ndarray, channels: tuple[str, ...]) -> str:
    if np.isinf(values).any():
        return "holds an infinity"
    share = np.isnan(values).mean(axis=0)
    worst = int(share.argmax())
    if share[worst] > _MOST_MISSING:
        return f"{share[worst]:.0%} of {channels[worst]} is missing"
    return ""


def _csv(file: Path) -> Any:
    from pyarrow import csv

    table = csv.read_csv(file, convert_options=csv.ConvertOptions(null_values=sorted(_MISSING)))
    numbers = [_number(name) for name in table.column_names]
    if None not in numbers and not np.isnan(np.array(numbers, np.float64)).all():
        raise ConfigError(
            f"--dataset=series:{file}: the first row, {','.join(table.column_names)}, is numbers,"
            " not names of columns; if it is data, put a row of names above it, else rename them"
        )
    return _table(table, file)


def _parquet(file: Path) -> Any:
    from pyarrow import parquet

    return _table(parquet.read_table(file), file)


def _table(table: Any, file: Path) -> Any:
    """(names, recordings, labels, channels, unused columns) of a pyarrow table."""
    flag = f"--dataset=series:{file}"
    if not table.num_rows:
        raise ConfigError(f"{flag}: has no rows")
    columns = dict(zip((name.strip() for name in table.column_names), table.columns, strict=True))
    if len(columns) < table.num_columns:
        raise ConfigError(f"{flag}: two columns have one name; found {table.column_names}")
    channels, unused = {}, []
    for name, column in columns.items():
        if name in _NOT_CHANNELS:
            continue
        try:
            channels[name] = _numbers(column)
        except _NoNumbers as reason:
            unused.append(f"column {name}: {reason}")
        except ValueError as error:
            raise ConfigError(f"{flag}: column {name}, {error}") from error
    if not channels:
        raise ConfigError(f"{flag}: no column holds numbers; found {[*columns]}")
    values = np.stack([*channels.values()], axis=-1)  # [rows, C]
    ids = [file.stem] * len(values)
    if "series" in columns:
        ids = columns["series"].to_pylist()
        _check_there(ids, "series", flag)
    starts = [0] + [i for i in range(1, len(ids)) if ids[i] != ids[i - 1]]
    names = [str(ids[start]) for start in starts]
    if len(set(names)) != len(names):
        raise ConfigError(f"{flag}: rows of one series do not follow each other; sort the table")
    labels = None
    if "label" in columns:
        labels = _labels(columns["label"].to_pylist(), starts, names, flag)
    return names, np.split(values, starts[1:]), labels, tuple(channels), unused


def _labels(cells: list[Any], starts: list[int], names: list[str], flag: str) -> list[str]:
    """The label of each recording, the same in all its rows."""
    _check_there(cells, "label", flag)
    for name, start, end in zip(names, starts, [*starts[1:], len(cells)], strict=True):
        row = next((i for i in range(start, end) if cells[i] != cells[start]), None)
        if row is not None:
            raise ConfigError(
                f"{flag}: row {row + 1} has the label {cells[row]!r}, but its series, {name}, began"
                f" with {cells[start]!r}; begin another series there, or rename the column"
            )
    return [str(cells[start]) for start in starts]


class _NoNumbers(Exception):
    """Why a column is no channel."""


def _numbers(column: Any) -> np.ndarray:
    """A column of a table, float64 [rows]; what is missing is NaN.

    Raises:
        _NoNumbers: it has none.
        ValueError: it is text that is mostly numbers; names the first row that is none.
    """
    import pyarrow as pa

    kind = pa.types
    if kind.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kind.is_string(column.type) or kind.is_large_string(column.type):
        texts = column.to_pylist()
        found = [_number(text or "") for text in texts]
        values = np.array(found, np.float64)  # None is NaN
        others = found.count(None)
        if others:
            if others >= np.count_nonzero(~np.isnan(values)):
                raise _NoNumbers("text, not numbers")
            row = found.index(None)
            raise ValueError(
                f"row {row + 1}: {texts[row]!r} is no number, and most of the column is; leave it"
                " empty if it is missing, or remove the column"
            )
    elif kind.is_null(column.type):
        values = np.full(len(column), np.nan)
    elif any(
        is_a(column.type)
        for is_a in (kind.is_boolean, kind.is_integer, kind.is_floating, kind.is_decimal)
    ):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    else:
        raise _NoNumbers(f"{column.type}, not numbers")
    if np.isnan(values).all():
        raise _NoNumbers("empty")
    return values


def _number(text: str) -> float | None:
    """Of a cell; NaN where it says that the value is missing, None where it is text."""
    text = text.strip()
    if text in _MISSING:
        return np.nan
    try:
        return None if "_" in text else float(text)  # 1_000 is Python's alone
    except ValueError:
        return None


def _check_there(cells: list[Any], name: str, flag: str) -> None:
    row = next((i for i, cell in enumerate(cells, 1) if cell is None or cell == ""), 0)
    if row:
        raise ConfigError(f"{flag}: row {row} has no {name}; give it one, or remove the column")


def _arrays(file: Path) -> Any:
    """(names, recordings, labels, channels, nothing) of an array [N, T, C]."""
    loaded = np.load(file, allow_pickle=False)
    arrays = {"series": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    key = next((k for k in ("series", *arrays) if k in arrays and arrays[k].ndim in (2, 3)), None)
    if key is None or arrays[key].dtype.kind not in "fiu" or 0 in arrays[key].shape:
        held = ", ".join(f"{k} {a.dtype} {a.shape}" for k, a in arrays.items())
        raise ConfigError(
            f"--dataset=series:{file}: no array of numbers has the shape [N, T, C] or [N, T];"
            f" found {held or 'nothing'}"
        )
    values = arrays[key] if arrays[key].ndim == 3 else arrays[key][..., np.newaxis]
    labels = arrays.get("labels")
    if labels is not None and labels.shape != (len(values),):
        raise ConfigError(
            f"--dataset=series:{file}: labels have the shape {labels.shape}, not [{len(values)}]"
        )
    channels = tuple(f"channel_{index}" for index in range(values.shape[-1]))
    names = [f"{key}[{index}]" for index in range(len(values))]
    classes = None if labels is None else [str(x) for x in labels]
    return names, list(values), classes, channels, ()
