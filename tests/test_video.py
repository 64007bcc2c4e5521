"""A run of clips from the data to the exported files."""

import base64
import json
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import tgan_tf
from benchmarks import moving, prediction
from tests.exporting.samplers import make_generator, make_run
from tgan_tf import generate
from tgan_tf.config import Config
from tgan_tf.data import video as data
from tgan_tf.exporting.tflite import convert
from tgan_tf.metrics import video as metrics
from tgan_tf.modalities.video import read_gif

SMALL = {
    **{
        "dataset": "moving_digits",
        "frames": 4,
        "given_frames": 1,
        "image_size": 16,
        "latent_dim": 6,
    },
    **{"g_motion_dim": 3, "w_dim": 8, "g_widths": (8, 8), "g_depths": (1, 1), "g_windows": (0, 0)},
    **{"g_heads": 2, "g_output": "patch", "d_width": 8, "d_depth": 1, "d_motion_depth": 1},
    **{"d_heads": 2, "d_frames": 2, "batch_size": 4, "total_kimg": 0.008, "tick_kimg": 0.004},
    **{"snapshot_kimg": 1, "health_kimg": 0.008, "health_samples": 32, "eval_samples": 100},
    "penalty_every": 1,  # one kind of step to trace
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_TRAIN_CLIPS", 200)
        patch.setattr(data, "_VAL_CLIPS", 100)
        patch.setattr(metrics, "_FRAMES_TO_LEARN", 500)
        folder = str(tmp_path_factory.mktemp("video"))
        cache = str(tmp_path_factory.mktemp("cache"))
        return tgan_tf.train(Config().replace(**SMALL, out_dir=folder, cache_dir=cache))


def draw(run, *arguments):
    """The command."""
    values = flags.FlagValues()
    generate.define_flags(values)
    values(["", f"--run={run}", *arguments])
    generate.run(values)


def test_what_follows_is_compared_with_what_really_does(run, monkeypatch, capsys):
    monkeypatch.setattr(data, "_TRAIN_CLIPS", 200)
    monkeypatch.setattr(data, "_VAL_CLIPS", 100)
    monkeypatch.setattr(metrics, "_FRAMES_TO_LEARN", 500)
    values = flags.FlagValues()
    prediction.define_flags(values)
    values(["", f"--run={run}", "--samples=20"])
    prediction.run(values)
    rows = json.loads((run / "benchmark/prediction.json").read_text())
    assert (run / "benchmark/prediction.png").is_file()
    assert list(rows) == [
        "predicted",
        "made without being given a frame",
        "last given frame repeated",
        "real",
    ]
    assert rows["real"]["place_last"] == 0
    assert all(0 <= row["frame_accuracy"] <= 1 for row in rows.values())
    assert rows["last given frame repeated"]["psnr"] > rows["predicted"]["psnr"]  # untrained
    assert "| predicted |" in capsys.readouterr().out


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
    report = (run / "report.html").read_text()
    assert "4 frames of 16 x 16 grey" in report
    # What moves, moves in the report, and in the card of the exported model.
    for path in ("samples/clips.png", "samples/real_clips.png", "export/model/1/samples.png"):
        with Image.open(run / path) as film:
            assert film.n_frames == 4
            assert film.info["duration"] == 125
        if path.startswith("samples/"):
            assert base64.b64encode((run / path).read_bytes()).decode() in report


def test_exported_files_draw_the_same_clips(run):
    sampler = tgan_tf.load(run)
    drawn = sampler.sample([3, 4], 1)
    assert drawn.shape == (2, 4, 16, 16, 1)
    interpreter = Interpreter(str(run / "export" / "model.tflite"))
    lite = interpreter.get_signature_runner("sample")
    made = lite(seed=np.int32([3]), label=np.int32([1]), truncation=np.float32([1]))["video"]
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
    draw(run, "--frames=11", "--seeds=3", "--label=1", "--single")
    (film,) = (run / "generated").glob("frames11-*/seed3-class1.gif")
    frames = read_gif(film)
    np.testing.assert_array_equal(frames[:, ::3, ::3, :1], drawn[0])
    lite = Interpreter(model_content=convert(longer, 1)).get_signature_runner("sample")
    made = lite(seed=np.int32([3]), label=np.int32([1]), truncation=np.float32([1]))["video"]
    assert np.abs(made[0].astype(int) - drawn[0]).max() <= 1
    with pytest.raises(ValueError, match=r"frames=4: .* makes images"):
        tgan_tf.load(make_run(tmp_path / "images"), frames=4)


def test_a_given_frame_says_how_things_move(run):
    """Not only what is shown: once the plane moved as chance wanted, whatever was given."""
    generator = tgan_tf.load(run).generator
    moved, size = generator._moved, generator.size
    motions = []

    def recorded(*arguments):
        motions.append(moved(*arguments))
        return motions[-1]

    generator._moved = recorded
    try:
        z = tf.ones((1, generator.latent_dim))
        label = tf.zeros(1, tf.int32)
        for row in range(0, 16, 8):  # an object above, and below
            frame = np.zeros((1, 1, *size, 2), np.float32) - [1, 0] + [0, 1]
            frame[:, :, row : row + 8, :8, 0] = 1
            generator(z, label, given=tf.constant(frame, tf.float32))
    finally:
        generator._moved = moved
    assert np.abs(motions[0] - motions[1]).max() > 1e-3


def test_a_film_is_given_without_what_decodes_films(monkeypatch, tmp_path):
    for name in ("imageio", "imageio.v3"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"--given: .*a\.gif: .*pip install 'tgan_tf\[video\]'"):
        data.first_frames([tmp_path / "a.gif"], (1, 16, 16, 1), "crop")


def test_a_given_frame_is_kept(run, tmp_path):
    sampler = tgan_tf.load(run, frames=6)
    frame = np.random.default_rng(1).integers(0, 256, (1, 16, 16, 1), np.uint8)
    drawn = sampler.complete(range(8), frame, 1)
    assert drawn.shape == (8, 6, 16, 16, 1)
    np.testing.assert_array_equal(drawn[:, 0], np.broadcast_to(frame[0], (8, 16, 16, 1)))
    assert len({clip[1:].tobytes() for clip in drawn}) == 8
    # What is given changes what follows.
    assert (sampler.sample(range(8), 1)[:, 1:] != drawn[:, 1:]).any(axis=(1, 2, 3, 4)).all()
    with pytest.raises(ValueError, match=r"has the shape \(2, 16, 16, 1\)"):
        sampler.complete([0], np.repeat(frame, 2, axis=0))
    with pytest.raises(ValueError, match="give more than --given_frames=1"):
        tgan_tf.load(run, frames=1)
    # From a file, by the command.
    path = tmp_path / "start.png"
    Image.fromarray(frame[0, ..., 0]).save(path)
    np.testing.assert_array_equal(data.first_frames([path], (1, 16, 16, 1), "crop"), frame)
    with pytest.raises(ValueError, match="2 frames, and the run takes 1"):
        data.first_frames([path, path], (1, 16, 16, 1), "crop")
    out = tmp_path / "clips"
    draw(run, f"--given={path}", "--seeds=3", "--label=1", "--single", f"--out={out}", "--frames=6")
    np.testing.assert_array_equal(read_gif(out / "seed3-class1.gif")[:, ::3, ::3, :1], drawn[3])
    # From the exported files, which make clips as long as in training.
    (expected,) = tgan_tf.load(run).complete([3], frame, 1)
    inputs = {"seed": np.int32([3]), "given": frame[np.newaxis], "label": np.int32([1])}
    inputs["truncation"] = np.float32([1])
    served = tf.saved_model.load(str(next((run / "export" / "model").iterdir())))
    made = served.signatures["complete"](**{n: tf.constant(x) for n, x in inputs.items()})["video"]
    lite = Interpreter(str(run / "export" / "model.tflite")).get_signature_runner("complete")
    for clip in (made.numpy()[0], lite(**inputs)["video"][0]):
        np.testing.assert_array_equal(clip[0], frame[0])
        assert np.abs(clip.astype(int) - expected).max() <= 1


def test_the_benchmark_measures_the_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_TRAIN_CLIPS", 100)
    monkeypatch.setattr(data, "_VAL_CLIPS", 50)
    monkeypatch.setattr(metrics, "_FRAMES_TO_LEARN", 500)

    def measure(*arguments):
        values = flags.FlagValues()
        moving.define_flags(values)
        values(["", f"--run={run}", "--samples=50", f"--out={tmp_path}", *arguments])
        moving.run(values)

    measure()
    rows = json.loads((tmp_path / "moving.json").read_text())
    longer = "generated, twice as long as in training"
    assert list(rows)[:4] == ["generated", longer, "generated, first frame repeated", "real"]
    assert rows["real"]["frechet_motion"] < rows["generated"]["frechet_motion"]
    assert rows["real"]["flight_residual"] < rows["real, frames shuffled"]["flight_residual"]
    with pytest.raises(ValueError, match="was trained with it"):
        measure(f"--without_time={run}")


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
