from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import resolved
from tgan_tf.config import ConfigError
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import tensorboard
from tgan_tf.training.health import Diagnosis
from tgan_tf.training.progress import Console
from tgan_tf.training.recorder import Recorder
from tgan_tf.training.rundir import RunDirectory
from tgan_tf.training.tensorboard import check_installed

TICK = {
    "kind": "tick",
    "step": 3,
    "kimg": 0.1,
    "loss_d": 0.5,
    "seconds": 9.0,
    "images_per_second": None,
    "class_diversity": {"3": 0.25},
    "diagnoses": ["mode_collapse"],
}
DIAGNOSIS = Diagnosis("mode_collapse", 1, 3, "e", "c", "a").row(0.1)
EVALUATION = {"kind": "evaluation", "step": 4, "kimg": 0.2, "metrics": {"frechet_x": 2.5}}


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"--tensorboard: .* pip install 'tgan_tf\[tensorboard\]'"
    ):
        check_installed()


def test_events_are_the_rows_and_the_grids(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    config = resolved(out_dir=os.fspath(tmp_path), tensorboard=True)
    run = RunDirectory.create(config, config, "digits")
    recorder = Recorder(run, config, TransformerGAN(config), Console(quiet=True), chief=True)
    recorder.row(TICK)
    recorder.row(DIAGNOSIS)
    recorder.row(EVALUATION)
    recorder.pictures(7)
    recorder.close()
    scalars, images, texts = {}, {}, {}
    (file,) = run.events.iterdir()
    for record in tf.data.TFRecordDataset(os.fspath(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            tensor = tf.make_ndarray(value.tensor)
            if value.metadata.plugin_data.plugin_name == "images":
                images[value.tag, event.step] = tf.io.decode_png(tensor[2]).numpy()
            elif value.metadata.plugin_data.plugin_name == "text":
                texts[value.tag, event.step] = tensor.item().decode()
            else:
                scalars[value.tag, event.step] = float(tensor)
    assert scalars == {
        ("tick/loss_d", 3): 0.5,
        ("tick/seconds", 3): 9.0,
        ("tick/class_diversity/3", 3): 0.25,
        ("evaluation/frechet_x", 4): 2.5,
    }
    assert texts.keys() == {("diagnosis", 3)}
    assert "* name: mode_collapse" in texts["diagnosis", 3]
    assert images.keys() == {("fakes", 7), ("classes", 7)}
    (picture,) = run.samples.glob("fakes*.png")
    written = tf.io.decode_png(picture.read_bytes()).numpy()
    np.testing.assert_array_equal(images["fakes", 7], written)


def test_other_workers_record_nothing(tmp_path: Path) -> None:
    config = resolved()
    run = RunDirectory(tmp_path)
    recorder = Recorder(run, config, TransformerGAN(config), Console(quiet=True), chief=False)
    recorder.row(TICK)
    recorder.pictures(7)
    recorder.report()
    recorder.close()
    assert not list(tmp_path.iterdir())
