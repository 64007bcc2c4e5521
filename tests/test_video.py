"""A run of clips from the data to the exported files."""

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import tgan_tf
from tgan_tf.config import Config
from tgan_tf.data import video as data
from tgan_tf.metrics import video as metrics

SMALL = {
    **{"dataset": "moving_digits", "frames": 4, "image_size": 16, "latent_dim": 6},
    **{"g_motion_dim": 3, "w_dim": 8, "g_widths": (8, 8), "g_depths": (1, 1), "g_windows": (0, 0)},
    **{"g_heads": 2, "g_output": "patch", "d_width": 8, "d_depth": 1, "d_motion_depth": 1},
    **{"d_heads": 2, "d_frames": 2, "batch_size": 4, "total_kimg": 0.008, "tick_kimg": 0.004},
    **{"snapshot_kimg": 1, "health_kimg": 0.008, "health_samples": 32, "eval_samples": 100},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_TRAIN_CLIPS", 200)
        patch.setattr(data, "_VAL_CLIPS", 100)
        patch.setattr(metrics, "_FRAMES_TO_LEARN", 500)
        folder = str(tmp_path_factory.mktemp("video"))
        return tgan_tf.train(Config().replace(**SMALL, out_dir=folder))


def test_the_run_is_complete(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (measured,) = [row for row in rows if row["kind"] == "evaluation"]
    assert set(measured["metrics"]) == {
        "frechet_frames_classifier",
        "frechet_motion_classifier",
        "kernel_clips_classifier",
        "flight_residual",
        "flight_speed",
        "object_change",
        "same_class",
        "frame_accuracy",
    }
    details = measured["details"]["frechet_motion_classifier"]["details"]
    assert 0 <= details["real"] < details["still"]
    assert "4 frames of 16 x 16 grey" in (run / "report.html").read_text()


def test_exported_files_draw_the_same_clips(run):
    sampler = tgan_tf.load(run)
    drawn = sampler.sample([3, 4], 1)
    assert drawn.shape == (2, 4, 16, 16, 1)
    interpreter = Interpreter(str(run / "export" / "model.tflite"))
    draw = interpreter.get_signature_runner("sample")
    made = draw(seed=np.int32([3]), label=np.int32([1]), truncation=np.float32([1]))["video"]
    assert np.abs(made[0].astype(int) - drawn[0]).max() <= 1


def test_longer_clips_than_trained_on(run):
    generator = tgan_tf.load(run).generator
    w = generator.mapping(tf.random.stateless_normal((2, 6), [0, 0]), tf.constant([1, 2]))
    assert generator.synthesis(w, frames=10).shape == (2, 10, 16, 16, 1)
