"""JSON and TensorProto to arrays and back, of requests that may be anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from export.serve.errors import invalid
from export.serve.servable import DEFAULT_SIGNATURE, Servable, Spec

_BYTES_SUFFIX = "_bytes"  # an output so named is given in base64, as TensorFlow Serving does


@dataclass(frozen=True)
class JsonRequest:
    """A predict request of REST.

    Attributes:
        signature: its name.
        inputs: by name, not yet checked for agreement.
        by_row: whether it lists instances, and so wants a list of predictions.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    by_row: bool


def parse_json(body: bytes, servable: Servable) -> JsonRequest:
    """Reads the row form (``instances``) or the column form (``inputs``).

    Raises:
        ServingError: INVALID_ARGUMENT, with what is wrong.
    """
    try:
        request = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse Error: {error}") from None
    if not isinstance(request, dict):
        raise invalid("the request must be a JSON object")
    signature = request.get("signature_name") or DEFAULT_SIGNATURE
    if not isinstance(signature, str):
        raise invalid("signature_name must be text")
    if ("instances" in request) == ("inputs" in request):
        raise invalid("give either 'instances' (a list of rows) or 'inputs' (columns)")
    specs = servable.specs(signature)
    by_row = "instances" in request
    columns = _columns(request["instances"], specs) if by_row else request["inputs"]
    if not isinstance(columns, dict):
        if len(specs) != 1:
            raise invalid(f"'inputs' must be an object with {', '.join(sorted(specs))}")
        columns = {next(iter(specs)): columns}
    servable.check_names(signature, columns)
    arrays = {name: _array(name, value, specs[name]) for name, value in columns.items()}
    return JsonRequest(signature, arrays, by_row)


def to_json(outputs: Mapping[str, np.ndarray], by_row: bool) -> dict[str, Any]:
    """The answer in the form of the request."""
    plain = {name: _plain(name, array) for name, array in outputs.items()}
    if len(plain) == 1:
        (value,) = plain.values()
        return {"predictions" if by_row else "outputs": value}
    if not by_row:
        return {"outputs": plain}
    rows = zip(*plain.values(), strict=True)
    return {"predictions": [dict(zip(plain, row, strict=True)) for row in rows]}


def parse_proto(inputs: Mapping[str, Any], servable: Servable, signature: str) -> dict[str, Any]:
    """Arrays from TensorProtos.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    specs = servable.specs(signature or DEFAULT_SIGNATURE)
    servable.check_names(signature or DEFAULT_SIGNATURE, inputs)
    arrays = {}
    for name, proto in inputs.items():
        spec, shape = specs[name], tuple(dim.size for dim in proto.tensor_shape.dim)
        wanted = tf.as_dtype(spec.dtype)
        if proto.dtype != wanted.as_datatype_enum:
            given, asked = _type_name(proto.dtype), _type_name(wanted.as_datatype_enum)
            raise invalid(f"input {name!r}: type {given}, it must be {asked}")
        # Before anything is made: a shape of a billion with one value is a legal message.
        spec.check_shape(name, shape)
        values = _value_count(proto, spec)
        if values != np.prod(shape, dtype=object):
            raise invalid(f"input {name!r}: {values} values for the shape {list(shape)}")
        arrays[name] = tf.make_ndarray(proto)
    return arrays


def _columns(instances: Any, specs: Mapping[str, Spec]) -> Any:
    if not isinstance(instances, list) or not instances:
        raise invalid("'instances' must be a list with one entry or more")
    if not any(isinstance(row, dict) for row in instances):
        return instances
    names = set(specs)
    for index, row in enumerate(instances):
        if not isinstance(row, dict) or row.keys() != names:
            raise invalid(f"instance {index} must be an object with {', '.join(sorted(names))}")
    return {name: [row[name] for row in instances] for name in specs}


def _array(name: str, value: Any, spec: Spec) -> np.ndarray:
    if not isinstance(value, list):
        raise invalid(f"input {name!r}: must be a list, the batch in front")
    if spec.dtype.kind == "O":
        if not all(isinstance(one, str) for one in value):
            raise invalid(f"input {name!r}: must be texts")
        return np.array([one.encode(errors="replace") for one in value], object)
    try:
        array = np.array(value)
    except (ValueError, OverflowError, RecursionError):
        raise invalid(f"input {name!r}: rows of different lengths") from None
    if array.size and array.dtype.kind not in ("f" if spec.dtype.kind == "f" else "") + "iu":
        raise invalid(f"input {name!r}: must be numbers of type {spec.dtype}")
    spec.check_shape(name, array.shape)
    if spec.dtype.kind in "iu" and array.size:
        bounds = np.iinfo(spec.dtype)
        if array.min() < bounds.min or array.max() > bounds.max:
            raise invalid(f"input {name!r}: a value is outside of {spec.dtype}")
    with np.errstate(over="ignore"):  # what overflows is infinite, which is refused
        return array.astype(spec.dtype)


def _plain(name: str, array: np.ndarray) -> list[Any]:
    if array.dtype.kind not in "OSU":
        return array.tolist()
    if name.endswith(_BYTES_SUFFIX):
        return [{"b64": base64.b64encode(value).decode()} for value in array.ravel()]
    return [value.decode("utf-8", "replace") for value in array.ravel()]


def _value_count(proto: Any, spec: Spec) -> int:
    if proto.tensor_content and spec.dtype.kind != "O":  # texts are never packed
        return len(proto.tensor_content) // spec.dtype.itemsize
    counts = [len(value) for field, value in proto.ListFields() if field.name.endswith("_val")]
    return sum(counts)


def _type_name(number: int) -> str:
    names = types_pb2.DataType
    return names.Name(number) if number in names.values() else str(number)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
