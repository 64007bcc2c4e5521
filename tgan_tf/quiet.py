"""Starting TensorFlow without its notices."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


def start_tensorflow() -> None:
    """Imports TensorFlow without its notices about instruction sets and missing GPUs.

    Some of them come before TensorFlow looks at TF_CPP_MIN_LOG_LEVEL, straight from C++. A user who
    has set that variable wants to see them and does.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with _no_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """File descriptor 2 goes nowhere; Python's exceptions are not affected."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
