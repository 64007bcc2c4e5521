"""Writes small safetensors files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, np.ndarray]]) -> None:
    """By name, the format's word for the type, and the numbers as they are stored."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, (kind, values) in tensors.items():
        start, data = len(data), data + values.tobytes()
        offsets = [start, len(data)]
        entries[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": offsets}
    text = json.dumps(entries).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
