"""The table of recipes; the training itself is train.py's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from absl import flags

import train
from benchmarks import recipes
from tgan_tf.config import from_flags


def finished(out: Path, name: str, frechet: float) -> None:
    run = out / f"00000-digits-{name}"
    run.mkdir()
    metrics = {"frechet_classifier": frechet, "recall_classifier": 0.5}
    (run / "result.json").write_text(json.dumps({"metrics": metrics}))
    look = {"d_train": 1.0, "d_val": 0.5, "d_fake": -1.0, "overfit": 0.25}
    ticks = [
        {"kind": "tick", "kimg": 1.0, "seconds": 7.4, **look},
        {"kind": "evaluation", "metrics": metrics},
        {"kind": "tick", "kimg": 2.0, "seconds": 9.6},
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks))


def test_table(tmp_path):
    finished(tmp_path, "hinge", 2.0)
    finished(tmp_path, "default", 1.25)
    rows = [recipes._row(name, tmp_path) for name in ("hinge", "default")]
    assert recipes._row("exact", tmp_path) is None
    assert recipes.table(rows).splitlines()[2:] == [
        "| hinge | 2.000 | - | 0.500 | - | - | - | 10 | 1.00 | 0.50 | -1.00 |",
        "| default | 1.250 | - | 0.500 | - | - | - | 10 | 1.00 | 0.50 | -1.00 |",
    ]


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_are_legal(name):
    values = flags.FlagValues()
    train.define_flags(values)
    options = {**recipes._NETWORKS, "g_windows": "0,7", **recipes.RECIPES[name]}
    if options.get("d_kind") == "conv":
        del options["d_depth"]
    words = [f"--{k}" if v is None else f"--{k}={v}" for k, v in options.items()]
    assert values(["train.py", *words]) == ["train.py"]
    assert from_flags(values).training.batch_size == 64
