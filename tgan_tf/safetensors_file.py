"""Reads safetensors files: a JSON header with shapes and places, then the numbers.

https://huggingface.co/docs/safetensors: the header's length as 8 bytes, the header, the data.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}
_LONGEST_HEADER = 100 << 20  # what the format allows


class SafetensorsError(ValueError):
    """The file is damaged, or has a type that is not read."""


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """All tensors of a file by name; half precision as float32.

    Raises:
        OSError: it cannot be read.
        SafetensorsError: it is no such file.
    """
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, _LONGEST_HEADER):
        raise SafetensorsError(f"{path}: no safetensors file")
    try:
        header = json.loads(data[8 : 8 + length])
        entries = [(name, e) for name, e in header.items() if name != "__metadata__"]
        return {name: _tensor(memoryview(data)[8 + length :], entry) for name, entry in entries}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SafetensorsError(f"{path}: damaged safetensors file ({error})") from error


def _tensor(data: memoryview, entry: dict[str, Any]) -> np.ndarray:
    kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    dtype = np.dtype(_TYPES[kind])
    if not 0 <= start <= end <= len(data) or end - start != dtype.itemsize * math.prod(shape):
        raise ValueError(f"{end - start} bytes for {kind} of shape {shape}")
    values = np.frombuffer(data[start:end], dtype).reshape(shape)
    if kind == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32) if kind == "F16" else values
