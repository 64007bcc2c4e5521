"""TFLite files as data: their operations, what is written into them, and half-precision weights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

METADATA_NAME = "tgan_tf"
_FILE_IDENTIFIER = b"TFL3"
# Smaller constants are scales, shapes and the arithmetic of the seeds, which halves would spoil.
_HALF_FROM_ELEMENTS = 256
_BUILTIN_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()
}


def operators(content: bytes) -> Counter[str]:
    """How often each operation stands in a TFLite file; `CUSTOM:name` for those not built in."""
    model = _unpack(content)
    return Counter(
        _name(model.operatorCodes[operator.opcodeIndex])
        for subgraph in model.subgraphs
        for operator in subgraph.operators
    )


def results(content: bytes) -> list[str]:
    """Names of the tensors that the operations of all signatures make, in their order."""
    return [
        subgraph.tensors[index].name.decode()
        for subgraph in _unpack(content).subgraphs
        for operator in subgraph.operators
        for index in operator.outputs
    ]


def with_metadata(content: bytes, values: Mapping[str, Any]) -> bytes:
    """The file with plain values as JSON in its metadata, under `METADATA_NAME`."""
    model = _unpack(content)
    data = json.dumps(values, sort_keys=True).encode()
    model.buffers.append(_buffer(np.frombuffer(data, np.uint8)))
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    kept = [old for old in model.metadata or [] if old.name != METADATA_NAME.encode()]
    model.metadata = [*kept, entry]
    return _pack(model)


def read_metadata(content: bytes) -> dict[str, Any]:
    """What `with_metadata` wrote.

    Raises:
        ValueError: there is none.
    """
    model = _unpack(content)
    for entry in model.metadata or []:
        if entry.name == METADATA_NAME.encode():
            return json.loads(bytes(model.buffers[entry.buffer].data))
    raise ValueError(f"the TFLite file has no metadata named {METADATA_NAME}.")


def with_half_weights(content: bytes) -> bytes:
    """The file with all large float32 constants as float16, each behind a DEQUANTIZE.

    What the converter's own float16 option does, but for small constants: it takes those too, and
    the 2**22 in the arithmetic of the seeds is no half. Runtimes without half-precision kernels
    compute in float32.
    """
    model = _unpack(content)
    dequantize = _operator_code(model, schema.BuiltinOperator.DEQUANTIZE)
    halved: set[int] = set()
    for subgraph in model.subgraphs:
        made = {index for operator in subgraph.operators for index in operator.outputs}
        first = []
        for index in range(len(subgraph.tensors)):
            tensor = subgraph.tensors[index]
            data = model.buffers[tensor.buffer].data
            large = data is not None and np.prod(tensor.shape) >= _HALF_FROM_ELEMENTS
            if tensor.type != schema.TensorType.FLOAT32 or not large or index in made:
                continue
            if tensor.buffer not in halved:  # several signatures share it
                values = np.asarray(data, np.uint8).view(np.float32).astype(np.float16)
                model.buffers[tensor.buffer] = _buffer(values.view(np.uint8))
                halved.add(tensor.buffer)
            half = schema.TensorT()
            half.name, half.shape = tensor.name + b"/half", tensor.shape
            half.type, half.buffer = schema.TensorType.FLOAT16, tensor.buffer
            subgraph.tensors.append(half)
            tensor.buffer = 0  # by convention the empty one
            operator = schema.OperatorT()
            operator.opcodeIndex = dequantize
            operator.inputs, operator.outputs = [len(subgraph.tensors) - 1], [index]
            first.append(operator)
        subgraph.operators = first + subgraph.operators
    return _pack(model)


def _operator_code(model: Any, builtin: int) -> int:
    """Index of an operation in the file's table, appended if need be."""
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 2  # of DEQUANTIZE: from float16
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _buffer(data: np.ndarray) -> Any:
    buffer = schema.BufferT()
    buffer.data = data
    return buffer


def _unpack(content: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))


def _pack(model: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())


def _name(code: Any) -> str:
    # Codes above 127 are only in the newer of the two fields.
    name = _BUILTIN_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name
