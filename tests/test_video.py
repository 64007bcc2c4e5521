"""A run of clips from the data to the exported files."""

import json

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from ai_edge_litert.interpreter import Interpreter

import tgan_tf
from tests.exporting.samplers import make_generator, make_run
from tgan_tf import generate
from tgan_tf.config import Config
from tgan_tf.data import video as data
from tgan_tf.exporting import to_tflite
from tgan_tf.metrics import video as metrics
from tgan_tf.modalities.video import read_gif

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


def test_longer_clips_than_trained_on(run, tmp_path):
    as_trained, longer = tgan_tf.load(run), tgan_tf.load(run, frames=11)
    same = tgan_tf.load(run, frames=4)
    np.testing.assert_array_equal(same.sample([3], 1), as_trained.sample([3], 1))
    drawn = longer.sample([3, 4], 1)
    assert drawn.shape == (2, 11, 16, 16, 1)
    assert longer.modality.describe() == "11 frames of 16 x 16 grey"
    assert as_trained.judges
    assert not longer.judges
    # By the command, and from an exported file.
    values = flags.FlagValues()
    generate.define_flags(values)
    values(["", f"--run={run}", "--frames=11", "--seeds=3", "--label=1", "--single"])
    generate.run(values)
    (film,) = (run / "generated").glob("frames11-*/seed3-class1.gif")
    frames = read_gif(film)
    np.testing.assert_array_equal(frames[:, ::3, ::3, :1], drawn[0])
    to_tflite(longer, tmp_path / "longer.tflite")
    draw = Interpreter(str(tmp_path / "longer.tflite")).get_signature_runner("sample")
    made = draw(seed=np.int32([3]), label=np.int32([1]), truncation=np.float32([1]))["video"]
    assert np.abs(made[0].astype(int) - drawn[0]).max() <= 1
    with pytest.raises(ValueError, match=r"frames=4: .* makes images"):
        tgan_tf.load(make_run(tmp_path / "images"), frames=4)


def test_time_is_a_coordinate():
    """Frames that do not look at each other are the same in a longer clip."""
    config = Config().replace(**SMALL, g_time_attention=False)
    generator = make_generator(config.resolve(modality="video", shape=(4, 16, 16, 1)))
    w = generator.mapping(tf.random.stateless_normal((2, 6), [0, 0]))
    short = generator.synthesis(w).numpy()
    generator.length = 10
    longer = generator.synthesis(w).numpy()
    np.testing.assert_allclose(longer[:, :4], short, atol=1e-5)
    steps = np.abs(np.diff(longer, axis=1)).mean(axis=(0, 2, 3, 4))
    assert (steps > 1e-3).all()  # it goes on moving
