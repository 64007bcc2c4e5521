"""The commands that export: flags in, files out, errors that say what to do."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import export.saved_model
import export.tflite
import tgan_tf
from tests.exporting.samplers import make_run
from tests.language import saved
from tgan_tf.exporting import ExportError
from tgan_tf.exporting.text_encoder import to_text_encoder

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


def test_a_text_encoder_that_is_a_saved_model(tmp_path, capsys):
    """It becomes part of the SavedModel; in TFLite the generator's file is all there is."""
    matrix = saved.write(tmp_path / "encoder")
    captions = {"captions": True, "text_encoder": str(tmp_path / "encoder")}
    run = make_run(tmp_path / "run", 0, vector_width=saved.WIDTH, **captions)
    sampler, text = tgan_tf.load(run), "a cat sat"
    vector = saved.forward(matrix, text)
    near = {"rtol": 0, "atol": 1}
    image = sampler.sample([7], text=text).astype(int)
    np.testing.assert_allclose(image, sampler.sample([7], vector).astype(int), **near)
    call(export.tflite, f"--run={run}", "--variants=float32")
    assert "Text encoder: no file: it is a SavedModel" in capsys.readouterr().out
    assert [path.name for path in (run / "export").glob("*.tflite")] == ["model.tflite"]
    with pytest.raises(ExportError, match="SavedModel that takes strings"):
        to_text_encoder(sampler.condition.encoder, tmp_path / "encoder.tflite")
    call(export.saved_model, f"--run={run}", f"--out={tmp_path}", "--version=4")
    shutil.rmtree(tmp_path / "encoder")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "4"))
        signatures = signatures.signature_def
        feed = {"seed": [7], "text": [text], "truncation": [1.0]}

        def ask(name: str, output: str):
            inputs = signatures[name].inputs
            given = {inputs[key].name: feed[key] for key in inputs}
            return session.run(signatures[name].outputs[output].name, given)[0]

        np.testing.assert_allclose(ask("encode", "condition"), vector, atol=1e-6)
        drawn = Image.open(io.BytesIO(ask("sample_text", "image_bytes")))
    np.testing.assert_allclose(np.asarray(drawn).astype(int), image[0].squeeze(), **near)


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
