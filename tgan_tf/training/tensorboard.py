"""The same numbers and grids for TensorBoard, where it is installed."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.training.journal import Row


def check_installed() -> None:
    """Before any work.

    Raises:
        ConfigError: TensorBoard is not installed; the message says how to get it.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            "--tensorboard: TensorBoard is not installed; pip install 'tgan_tf[tensorboard]', or"
            " leave the flag out"
        )


class Events:
    """Writes events below ``RUN/events``; ``tensorboard --logdir=runs`` shows them.

    A resumed run writes a file of its own, which continues the curves.

    Args:
        directory: of the event files.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._writer = tf.summary.create_file_writer(os.fspath(directory))

    def row(self, row: Row) -> None:
        """All numbers of a row of ``metrics.jsonl``; a diagnosis or a remedy as text."""
        kind = row["kind"]
        with self._writer.as_default(step=row.get("found_at_step", row["step"])):
            if kind in ("diagnosis", "remedy"):
                lines = [f"* {name}: {value}" for name, value in row.items() if name != "kind"]
                tf.summary.text(kind, "\n".join(lines))
                return
            for name, value in _flat(row["metrics"] if kind == "evaluation" else row):
                if isinstance(value, int | float) and name not in ("step", "kimg"):
                    tf.summary.scalar(f"{kind}/{name}", value)

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """One grid, uint8 [H, W, C]."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, image[np.newaxis])

    def close(self) -> None:
        """Flushes and closes the file."""
        self._writer.close()


def _flat(numbers: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from ((f"{name}/{inner}", number) for inner, number in value.items())
        else:
            yield name, value
