"""The same numbers and grids for TensorBoard, where it is installed."""

from __future__ import annotations

import importlib.util
import os

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
        """All numbers of a row of ``metrics.jsonl``."""
        numbers = row["metrics"] if row["kind"] == "evaluation" else row
        with self._writer.as_default(step=row["step"]):
            for name, value in numbers.items():
                if isinstance(value, int | float) and name not in ("step", "kimg"):
                    tf.summary.scalar(f"{row['kind']}/{name}", value)

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """One grid, uint8 [H, W, C]."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, image[np.newaxis])

    def close(self) -> None:
        """Flushes and closes the file."""
        self._writer.close()
