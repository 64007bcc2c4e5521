"""``metrics.jsonl``: what was measured when, one JSON object a line, appended as it happens."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tgan_tf.files import replacing

Row = dict[str, Any]


class Journal:
    """Appends rows to ``metrics.jsonl`` and reads them back.

    A row has ``kind`` ("tick": means since the last tick, and how healthy the training is;
    "evaluation": metrics; "diagnosis": what began to go wrong; "remedy": what was done about
    it), ``step`` and ``kimg``. Each line is written at once and flushed, so that a process killed
    at any moment leaves at most one incomplete line, which ``rewind`` drops.

    Args:
        path: the file; need not exist.
        writable: False: ``append`` and ``rewind`` do nothing (workers other than the chief).
    """

    def __init__(self, path: str | os.PathLike[str], *, writable: bool = True) -> None:
        self.path = Path(path)
        self.writable = writable

    def append(self, row: Row) -> None:
        """Adds one row; a number that is not finite becomes null, which is legal JSON."""
        if not self.writable:
            return
        with self.path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                # After a line that a killed process left incomplete, a new one begins.
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(_finite(row)).encode() + b"\n")

    def rows(self, kind: str | None = None) -> list[Row]:
        """All complete rows (of one kind), oldest first."""
        return [row for row in self._read() if kind in (None, row["kind"])]

    def rewind(self, step: int) -> None:
        """Drops the rows of later steps, which a resumed run will write again."""
        if self.writable and self.path.exists():
            self._write([row for row in self._read() if row["step"] <= step])

    def roll_back(self, remedy: Row) -> None:
        """Drops the rows after ``remedy["step"]``, to which the training goes back, and adds it.

        Remedies of later steps stay, as of that step: they stay in force. All in one rename.
        """
        if not self.writable:
            return
        rows = []
        for row in self._read():
            if row["kind"] == "remedy":
                row |= {name: min(row[name], remedy[name]) for name in ("step", "kimg")}
            if row["step"] <= remedy["step"]:
                rows.append(row)
        self._write([*rows, remedy])

    def _write(self, rows: list[Row]) -> None:
        with replacing(self.path) as beside:
            text = "".join(json.dumps(_finite(row)) + "\n" for row in rows)
            beside.write_text(text, encoding="utf-8")

    def _read(self) -> Iterator[Row]:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # the line at which a process was killed
                continue


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
