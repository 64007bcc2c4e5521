"""The table of recipes; the training itself is train.py's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from absl import flags

import train
from benchmarks import recipes
from tgan_tf.config import Config, from_flags

IMAGES = {"image_size": (32, 32), "channels": 3}


def configured(name: str) -> Config:
    values = flags.FlagValues()
    train.define_flags(values)
    assert values(["train.py", *recipes.words(recipes.RECIPES[name])]) == ["train.py"]
    return from_flags(values)


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
    config = configured(name)
    own = recipes.RECIPES[name] if name in ("equal_rates", "stylegan2") else {}
    rates = {rate: own[rate] for rate in ("g_lr", "d_lr") if own}
    assert config.optimizer == Config().replace(**rates).optimizer
    assert config.resolve(**IMAGES).is_resolved


def test_default_is_the_defaults():
    """What wins there is what train.py does when it is told nothing."""
    assert configured("default") == Config()


def test_architectures_are_the_presets_networks_in_the_default_game():
    config = configured("hit")
    g = config.resolve(**IMAGES).generator
    assert g.g_windows == (8, 8, 0)  # as they divide the image
    assert (g.g_window_pattern, config.discriminator.d_kind) == ("multi_axis", "stylegan2")
    assert (config.objective, config.optimizer) == (Config().objective, Config().optimizer)
    words = recipes.words({"a": (1, 2), "b": False, "c": True, "d": 0.5})
    assert words == ["--a=1,2", "--nob", "--c", "--d=0.5"]
