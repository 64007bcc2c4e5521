"""The commands that export: flags in, files out, errors that say what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from ai_edge_litert.interpreter import Interpreter

import export.saved_model
import export.tflite
import tgan_tf
from tests.exporting.samplers import make_run

ROOT = Path(__file__).parents[2]


def call(command, *arguments):
    """A command in this process."""
    values = flags.FlagValues()
    command.define_flags(values)
    values(["command", *arguments])
    command.run(values)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with two checkpoints."""
    return make_run(tmp_path_factory.mktemp("runs") / "00003-pets", steps=(20, 30))


def test_saved_model(run, tmp_path, capsys):
    call(export.saved_model, f"--run={run}", f"--out={tmp_path}", "--version=4")
    manifest = json.loads((tmp_path / "4" / "manifest.json").read_text())
    assert (manifest["run"], manifest["step"]) == ("00003-pets", 30)
    out = capsys.readouterr().out
    assert f"SavedModel of step 30: {tmp_path / '4'} (" in out
    assert f"saved_model_cli show --all --dir {tmp_path / '4'}" in out


def test_tflite_of_an_earlier_checkpoint_in_the_usual_place(run, capsys):
    call(export.tflite, f"--run={run}", "--checkpoint=ckpt-20", "--variants=float32")
    path = run / "export" / "model.tflite"
    told = capsys.readouterr().out
    assert f"TFLite of step 20, batch 1, one thread, in {path.parent}:" in told
    assert "| model.tflite |" in told
    draw = Interpreter(str(path)).get_signature_runner("sample")
    image = draw(seed=np.int32([7]), label=np.int32([1]), truncation=np.float32([0.7]))["image"]
    earlier = tgan_tf.load(run / "checkpoints" / "ckpt-20").sample([7], 1, 0.7)
    assert np.abs(image.astype(int) - earlier.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "flag --run=None: give a run directory, like --run=runs/00012-digits"),
        (["--run=x", "y"], "'y' is no flag; values are given as --name=value"),
        (["--run=x", "--verson=2"], "Unknown command line flag 'verson'. Did you mean:"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "export.saved_model", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert f"error: {message}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_run():
    with pytest.raises(FileNotFoundError, match=r"nowhere: no config\.json here or above; give a"):
        call(export.saved_model, "--run=nowhere")
