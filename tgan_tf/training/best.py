"""The best checkpoint by a metric of the evaluations, ``RUN/best``: kept whatever comes after."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tgan_tf.config import BEST_METRICS
from tgan_tf.files import replacing
from tgan_tf.training.checkpoint import Checkpoints
from tgan_tf.training.journal import Row

_RECORD = "best.json"


class Best:
    """Keeps one checkpoint, the best so far.

    It stays when a remedy goes back to an earlier step: it is the best that the run has seen.

    Args:
        directory: ``RUN/best``.
        metric: of ``config.BEST_METRICS``.
        trackables: as of ``Checkpoints``.
        writable: False for workers other than the chief.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        metric: str,
        trackables: Mapping[str, Any],
        *,
        writable: bool = True,
    ) -> None:
        self._directory, self._metric, self._writable = Path(directory), metric, writable
        self._checkpoints = Checkpoints(directory, trackables, keep=1, writable=writable)

    def is_better(self, row: Row) -> bool:
        """Whether an evaluation is better than all before; chief only."""
        value = metric_value(row, self._metric)
        record = read(self._directory)
        if value is None or record is None or record["metric"] != self._metric:
            return value is not None
        return value > record["value"] if BEST_METRICS[self._metric] else value < record["value"]

    def save(self, row: Row | None, step: int) -> None:
        """Saves all; the row is written by the chief."""
        self._checkpoints.save(step)
        if row is None or not self._writable:
            return
        record = {"metric": self._metric, "value": metric_value(row, self._metric), "row": row}
        with replacing(self._directory / _RECORD) as beside:
            beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def metric_value(row: Row, metric: str) -> float | None:
    """The first result of an evaluation that is of this metric, whichever network saw it."""
    values = (value for name, value in row["metrics"].items() if name.startswith(metric))
    return next(values, None)


def read(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """``metric``, ``value`` and ``row`` of the best checkpoint, or None where there is none."""
    path = Path(directory) / _RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
