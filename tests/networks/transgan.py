"""Weights by rule, in the names and shapes of the published checkpoints."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"


def array_of(line: str) -> tuple[str, np.ndarray]:
    """``"NAME 3x4"`` -> the name and the array that the rule gives it."""
    name, _, shape_text = line.partition(" ")
    shape = tuple(int(n) for n in shape_text.split("x") if n)
    n = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if name.endswith("norm.weight"):
        return name, 1 + np.float32(0.1) * n
    if name.rpartition(".")[2].startswith("noise_strength"):
        return name, np.zeros(shape, np.float32)
    if name.startswith(("pos_embed", "cls_token", "embed_pos")) or name.endswith("bias_table"):
        return name, np.float32(0.5) * n
    if len(shape) >= 2:
        return name, n / np.float32(np.sqrt(np.prod(shape[1:])))
    return name, np.float32(0.1) * n


def state(lines: Iterable[str]) -> dict[str, np.ndarray]:
    """The state dictionary of these lines."""
    return dict(array_of(line) for line in lines)
