"""Weights by rule, in the names and shapes of the published checkpoints."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tgan_tf.networks.transgan_checkpoint import load_state

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


def state_for(network: keras.Model) -> dict[str, np.ndarray]:
    """By rule, of everything that a network wants from a checkpoint."""
    lines = (problem.split(maxsplit=2) for problem in load_state(network, {}))
    return state(
        f"{name} {'x'.join(re.findall('[0-9]+', shape))}"
        for kind, name, shape in lines
        if kind == "missing"
    )


# Sizes for which each preset is small; heads stay 4.
SMALL: dict[str, dict[str, Any]] = {
    "transgan_cifar10": {
        "image_size": 8,
        "g_widths": (64, 16, 4),
        "g_depths": (2, 1, 1),
        "d_width": (4, 8),
        "d_depth": (1, 2),
        "latent_dim": 3,
    },
    "transgan_celebahq256": {
        "image_size": 16,
        "g_widths": (64, 64, 16, 4),
        "g_depths": (0, 1, 1, 1),
        "g_windows": (0, 0, 0, 8),
        "g_upsample": ("bicubic", "shuffle", "smooth_shuffle"),
        "g_latent_tokens": 2,
        "d_width": (4, 4, 8),
        "d_depth": (1, 1, 2),
        "d_window": (2, 0, 0),
        "latent_dim": 3,
    },
}
