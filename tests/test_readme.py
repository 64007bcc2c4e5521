"""What README.md and docs/ tell people to type works."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
from absl import flags

import tgan_tf
import tgan_tf.config
import train
from tgan_tf.training.checkpoint import Checkpoints

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def commands() -> list[str]:
    texts = [block.replace("\\\n", " ") for page in PAGES for block in blocks(page, "bash")]
    lines = [line for text in texts for line in text.split("\n")]
    return sorted({line for line in lines if line.startswith(("python", "make"))})


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A directory with configs/ and the run of an untrained quickstart in runs/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    config = tgan_tf.Config.from_flagfile("configs/quickstart.flags").resolve(
        image_size=(8, 8), channels=1, num_classes=10, class_names=map(str, range(10))
    )
    run = tmp_path / "runs" / "00000-digits-quickstart"
    run.mkdir(parents=True)
    config.save(run / "config.json")
    gan = tgan_tf.TransformerGAN(config)
    Checkpoints(run / "checkpoints", gan.trackables(), keep=1).save(0)


def test_python(checkout, monkeypatch):
    fit = keras.Model.fit

    def fit_two_steps(self, *args, **options):
        return fit(self, *args, **options | {"epochs": 1, "steps_per_epoch": 2, "verbose": 0})

    monkeypatch.setattr(tgan_tf.TransformerGAN, "fit", fit_two_steps)
    load, train, evaluate = blocks(ROOT / "README.md", "python")
    names: dict = {}

    exec(compile(load, "README.md", "exec"), names)
    assert names["images"].shape == (64, 8, 8, 1)
    assert names["images"].dtype == np.uint8

    exec(compile(train, "README.md", "exec"), names)
    assert names["images"].shape == (10, 8, 8, 1)
    assert names["images"].dtype == np.uint8
    assert int(names["gan"].step) == 2

    exec(compile(evaluate, "README.md", "exec"), names)
    assert set(names["results"]) == {"density_efficientnet_lite0", "coverage_efficientnet_lite0"}


@pytest.mark.parametrize("command", commands())
def test_command(command, monkeypatch):
    """Its file, module or target is there, and train.py knows its options."""
    monkeypatch.chdir(ROOT)
    program, *words = shlex.split(command, comments=True)
    if program == "make" and words[0] == "-C":
        assert (ROOT / words[1] / "Makefile").is_file()
    elif program == "make":
        assert re.search(rf"^{words[0]}:", Path("Makefile").read_text("utf-8"), re.M)
    elif words[0] == "-m":
        assert importlib.util.find_spec(words[1])
    else:
        assert words[0] == "train.py"
        values = flags.FlagValues()
        train.define_flags(values)
        values(words)
        tgan_tf.config.from_flags(values)


def test_links():
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
