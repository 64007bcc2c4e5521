"""Tiny runs on the digits, shared by the tests of everything that trains."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.training.checkpoint import listed
from tgan_tf.training.journal import Journal

# 20 steps: a tick every 3, a checkpoint every 5, so that some checkpoints lie between two ticks.
TINY: dict[str, Any] = {
    "dataset": "digits",
    "g_widths": (8,),
    "g_depths": (1,),
    "g_windows": (0,),
    "g_heads": (2,),
    "g_patch": 4,
    "latent_dim": 4,
    "w_dim": 8,
    "mapping_layers": 0,
    "d_kind": "conv",
    "d_width": 8,
    "d_patch": 4,
    "batch_size": 4,
    "penalty_every": 1,  # one kind of step to trace
    "total_kimg": 0.08,
    "tick_kimg": 0.012,
    "snapshot_kimg": 0.02,
    "keep_checkpoints": 2,
    "metrics": (),
    "export": (),
}
TIMINGS = {"images_per_second", "memory_gib", "probe_seconds", "seconds"}


def tiny(out_dir: Path, **changes: Any) -> Config:
    """The configuration of a run of two seconds (and ten of compilation)."""
    return Config().replace(**{**TINY, "out_dir": os.fspath(out_dir), **changes})


def resolved(**changes: Any) -> Config:
    """The same, as the digits resolve it."""
    return (
        Config()
        .replace(**{**TINY, **changes})
        .resolve(image_size=(8, 8), channels=1, num_classes=10, class_names=map(str, range(10)))
    )


def tensors(checkpoint: Path) -> dict[str, np.ndarray]:
    """All that a checkpoint holds but for the number of times that the run was saved."""
    reader = tf.train.load_checkpoint(os.fspath(checkpoint))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and not name.startswith("save_counter")
    }


def assert_same_run(run: Path, other: Path) -> None:
    """Weights, slots, averages and rows are the same to the last bit; timings are not looked at."""
    one, two = tensors(listed(run / "checkpoints")[-1]), tensors(listed(other / "checkpoints")[-1])
    assert one.keys() == two.keys()
    different = [name for name in one if one[name].tobytes() != two[name].tobytes()]
    assert not different
    assert untimed_rows(run) == untimed_rows(other)


def untimed_rows(run: Path) -> list[dict[str, Any]]:
    """The rows of ``metrics.jsonl`` without what differs from run to run."""
    rows = Journal(run / "metrics.jsonl").rows()
    return [{k: v for k, v in row.items() if k not in TIMINGS} for row in rows]
