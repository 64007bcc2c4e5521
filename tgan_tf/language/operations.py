"""Operations that are not TensorFlow's own, which SavedModels of tokenizers consist of."""

from __future__ import annotations

import contextlib
import importlib

import tensorflow as tf


def register_operations() -> None:
    """Makes those of tensorflow_text known, where it is installed and of TensorFlow's release."""
    with contextlib.suppress(ImportError, tf.errors.NotFoundError):
        importlib.import_module("tensorflow_text")
