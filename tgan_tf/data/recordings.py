"""Recordings in files: tables (CSV, Parquet) and arrays (npz, npy), read and made whole.

- A table has a row for each step and a column for each channel. Columns ``series`` and ``label``
  are not channels: rows of one ``series``, which follow each other, are a recording; its ``label``
  is its class. Other columns that are not numbers (dates) are left out.
- An array is [N, T, C] or [N, T]: ``series``, else the first of an archive with 2 or 3 axes;
  ``labels``, [N], if there.
- Missing values (empty, NaN) are interpolated on the line between the neighbours in time, at the
  ends filled with the nearest. A recording of which a channel lacks more than half, or that holds
  an infinity, is left out and counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tgan_tf.config import ConfigError

_MOST_MISSING = 0.5
_NOT_CHANNELS = ("series", "label")


class Recordings(NamedTuple):
    """What a file holds.

    Args:
        values: float64 [T, C] each; T may differ.
        labels: the class's name of each, or None.
        channel_names: C names.
        skipped: ``"recording: reason"`` for each that was left out.
    """

    values: list[np.ndarray]
    labels: list[str] | None
    channel_names: tuple[str, ...]
    skipped: tuple[str, ...]


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
        names, values, labels, channels = readers[file.suffix.lower()](file)
    except ConfigError:
        raise
    except Exception as error:  # parsers raise what they like
        raise ConfigError(f"{flag}: cannot be read ({error})") from error
    kept, kept_labels, skipped = [], [], []
    for index, (name, recording) in enumerate(zip(names, values, strict=True)):
        if problem := _problem(recording, channels):
            skipped.append(f"{name}: {problem}")
            continue
        kept.append(filled(recording))
        kept_labels.append(labels[index] if labels else "")
    if not kept:
        raise ConfigError(f"{flag}: nothing is left of {len(values)} ({'; '.join(skipped[:3])})")
    return Recordings(kept, kept_labels if labels else None, channels, tuple(skipped))


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

    return _table(csv.read_csv(file), file)


def _parquet(file: Path) -> Any:
    from pyarrow import parquet

    return _table(parquet.read_table(file), file)


def _table(table: Any, file: Path) -> Any:
    """(names, recordings, labels, channels) of a pyarrow table."""
    import pyarrow as pa

    columns = {name.strip(): table.column(name) for name in table.column_names}
    channels = {
        name: column
        for name, column in columns.items()
        if name not in _NOT_CHANNELS
        and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type))
    }
    if not channels:
        raise ConfigError(f"--dataset=series:{file}: no column holds numbers; found {[*columns]}")
    values = np.stack(
        [c.cast(pa.float64()).to_numpy(zero_copy_only=False) for c in channels.values()], axis=-1
    )  # [rows, C]; null is NaN
    if not len(values):
        raise ConfigError(f"--dataset=series:{file}: has no rows")
    ids = columns["series"].to_pylist() if "series" in columns else [file.stem] * len(values)
    starts = [0] + [i for i in range(1, len(ids)) if ids[i] != ids[i - 1]]
    names = [str(ids[start]) for start in starts]
    if len(set(names)) != len(names):
        raise ConfigError(
            f"--dataset=series:{file}: rows of one series do not follow each other; sort the table"
        )
    parts = np.split(values, starts[1:])
    labels = None
    if "label" in columns:
        every = columns["label"].to_pylist()
        labels = [str(every[start]) for start in starts]
    return names, parts, labels, tuple(channels)


def _arrays(file: Path) -> Any:
    """(names, recordings, labels, channels) of an array [N, T, C]."""
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
    return names, list(values), None if labels is None else [str(x) for x in labels], channels
