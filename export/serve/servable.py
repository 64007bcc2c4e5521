"""One version of a model, run by the Session loader as TensorFlow Serving runs it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import Message

from export.serve.errors import Code, ServingError, invalid
from tgan_tf.exporting.warm_up import read_requests
from tgan_tf.language.operations import register_operations

Arrays = Mapping[str, np.ndarray]

DEFAULT_SIGNATURE = "serving_default"
_SAFE_ERRORS = (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError)


@dataclass(frozen=True)
class Spec:
    """Type and shape of an input; the batch, in front, is None."""

    dtype: np.dtype
    shape: tuple[int | None, ...]

    def check_shape(self, name: str, shape: tuple[int, ...]) -> None:
        """Refuses another shape, before anything of that size is made.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        fits = len(shape) == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("batch" if size is None else str(size) for size in self.shape)
            raise invalid(f"input {name!r}: shape [{_join(shape)}], it must be [{wanted}]")

    def check(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array, if it can be given to the model.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        if array.dtype != self.dtype:
            raise invalid(f"input {name!r}: type {array.dtype}, it must be {self.dtype}")
        self.check_shape(name, array.shape)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise invalid(f"input {name!r}: has NaN or infinite values")
        return array


class Servable:
    """A loaded SavedModel. Versions that are no longer wanted close when their last request ends.

    Args:
        path: folder of the version, named by its number.

    Attributes:
        version: the number.
        inputs: signature -> input -> ``Spec``.
        definitions: signature -> TensorFlow's SignatureDef.

    Raises:
        OSError, RuntimeError, tf.errors.OpError: it cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.version = path, int(path.name)
        register_operations()  # a text encoder may consist of them
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._session = tf.compat.v1.Session()
            meta = tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
            self.definitions: dict[str, Message] = {
                name: definition
                for name, definition in meta.signature_def.items()
                if not name.startswith("__")
            }
            self.inputs = {
                name: {key: _spec(info) for key, info in definition.inputs.items()}
                for name, definition in self.definitions.items()
            }
            self._calls = {
                name: self._callable(definition) for name, definition in self.definitions.items()
            }
        self._lock = threading.Lock()
        self._users, self._retired = 0, False
        try:
            self._warm_up()
        except BaseException:
            self._session.close()
            raise

    def check(self, signature: str, inputs: Arrays) -> int:
        """Looks whether a request can be answered; the size of its batch.

        Raises:
            ServingError: INVALID_ARGUMENT, with what is wrong.
        """
        specs = self.specs(signature)
        self.check_names(signature, inputs)
        sizes = {name: len(specs[name].check(name, array)) for name, array in inputs.items()}
        if len(set(sizes.values())) != 1:
            told = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()))
            raise invalid(f"inputs differ in the size of the batch: {told}")
        if not (size := next(iter(sizes.values()))):
            raise invalid("the batch is empty")
        return size

    def specs(self, signature: str) -> Mapping[str, Spec]:
        """The inputs of a signature.

        Raises:
            ServingError: INVALID_ARGUMENT, there is no such signature.
        """
        if signature not in self.inputs:
            raise invalid(
                f'Serving signature name: "{signature[:100]}" not found in signature def; there are'
                f" {', '.join(sorted(self.inputs))}"
            )
        return self.inputs[signature]

    def check_names(self, signature: str, names: Iterable[str]) -> None:
        """Refuses missing and surplus inputs, in the words of TensorFlow Serving.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        wanted, given = set(self.specs(signature)), set(names)
        if wanted != given:
            raise invalid(
                f"input size does not match signature: {len(given)}!={len(wanted)}"
                f" len({{{_join(sorted(given))[:200]}}}) != len({{{_join(sorted(wanted))}}})."
                f" Sent extra: {{{_join(sorted(given - wanted))[:200]}}}."
                f" Missing but required: {{{_join(sorted(wanted - given))}}}."
            )

    def run(self, signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Runs one batch that was checked.

        Raises:
            ServingError: the model refuses the values, or fails.
        """
        try:
            return self._calls[signature](inputs)
        except _SAFE_ERRORS as error:
            raise invalid(_reason(error)) from error
        except tf.errors.OpError as error:
            raise ServingError(Code.INTERNAL, _reason(error)) from error

    def info(self) -> dict[str, Any]:
        """The manifest that the export wrote; nothing of other SavedModels."""
        path = self.path / "manifest.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def __enter__(self) -> Servable:
        with self._lock:
            self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            idle = self._retired and not self._users
        if idle:
            self._session.close()

    def retire(self) -> None:
        """Closes it, at once or after its last request."""
        with self:
            self._retired = True

    @property
    def closed(self) -> bool:
        """Whether it was retired and its last request has ended."""
        return self._retired and not self._users

    def _callable(self, definition: Any) -> Callable[[Arrays], dict[str, np.ndarray]]:
        names, outputs = sorted(definition.inputs), sorted(definition.outputs)
        run = self._session.make_callable(
            [definition.outputs[name].name for name in outputs],
            feed_list=[definition.inputs[name].name for name in names],
        )
        return lambda inputs: dict(zip(outputs, run(*(inputs[n] for n in names)), strict=True))

    def _warm_up(self) -> None:
        for request in read_requests(self.path):
            inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            self.run(request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs)


def _spec(info: Any) -> Spec:
    sizes = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
    return Spec(np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype), sizes)


def _join(values: Iterable[object]) -> str:
    return ",".join(map(str, values))


def _reason(error: tf.errors.OpError) -> str:
    """What went wrong, out of a message that is mostly about where in the graph it did."""
    lines = [line for line in (error.message or "").splitlines() if line.strip()]
    before_node = [a for a, b in pairwise(lines) if b.lstrip().startswith("[[")]
    return (before_node or lines or [type(error).__name__])[0][:500]
