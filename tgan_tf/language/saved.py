"""Sentence encoders of any kind, frozen, as a SavedModel from strings to vectors."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.language.base import TextEncoder, unit
from tgan_tf.language.operations import register_operations

_SIGNATURES = ("encode", "serving_default")


class SavedEncoder(TextEncoder):
    """Text to the direction of the vector that a SavedModel makes of it.

    It becomes part of an exported generator whole: tables, variables and all.

    Args:
        folder: of the SavedModel. Its signature ``encode``, or else ``serving_default``, has one
            input, strings ``[B]``, and one output, floats ``[B, K]``.
        flag: that named it.

    Raises:
        ConfigError: it cannot be loaded, or has no such signature.
    """

    def __init__(self, folder: Path, flag: str = "text_encoder") -> None:
        super().__init__(name="saved_encoder")
        # Kept whole: a signature alone does not keep its variables alive.
        self._loaded = _load(folder, flag)
        key = next((key for key in _SIGNATURES if key in self._loaded.signatures), None)
        if key is None:
            raise ConfigError(
                f"--{flag}: the SavedModel {folder} has no signature"
                f" {' or '.join(_SIGNATURES)}, from strings to vectors"
            )
        signature = self._loaded.signatures[key]
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
        self._key, self.width = key, _width(inputs, outputs)
        if not self.width:
            what = "; ".join(
                f"{name} {spec.dtype.name} {spec.shape}"
                for name, spec in [*inputs.items(), *sorted(outputs.items())]
            )
            raise ConfigError(
                f"--{flag}: signature {key} of the SavedModel {folder} has {what}; one"
                " input, string (None,), and one output, float32 (None, K), are needed"
            )
        (self._input,), (self._output,) = inputs, outputs
        self.identity = _digest(folder)

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """Strings ``[B]`` -> float32 ``[B, width]``, unit vectors."""
        made = self._loaded.signatures[self._key](**{self._input: text})[self._output]
        return unit(tf.cast(made, tf.float32))


def is_saved_model(folder: Path) -> bool:
    """Whether there is one in the folder."""
    return (folder / "saved_model.pb").is_file()


def _load(folder: Path, flag: str) -> Any:
    register_operations()
    try:
        return tf.saved_model.load(os.fspath(folder))
    except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
        hint = ""
        if "not registered" in str(error):
            hint = "; operations of tensorflow_text are had by pip install tensorflow-text"
        raise ConfigError(
            f"--{flag}: the SavedModel {folder} cannot be loaded ({error}){hint}"
        ) from error


def _width(inputs: dict[str, tf.TensorSpec], outputs: dict[str, tf.TensorSpec]) -> int:
    """K; 0: the inputs and outputs are not one string and one vector."""
    if len(inputs) != 1 or len(outputs) != 1:
        return 0
    (text,), (vector,) = inputs.values(), outputs.values()
    if text.dtype != tf.string or text.shape.rank != 1 or text.shape[0] is not None:
        return 0
    if not vector.dtype.is_floating or vector.shape.rank != 2:
        return 0
    return vector.shape[1] or 0


def _digest(folder: Path) -> str:
    """Of the graph, the variables and the assets, wherever the folder lies."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}/{path.stat().st_size}/".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
