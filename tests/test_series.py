"""A run of time series from the data to the exported files."""

import functools
import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tgan_tf
from tgan_tf.config import Config, ConfigError
from tgan_tf.metrics import series

SMALL = {
    **{"latent_dim": 4, "w_dim": 8, "g_widths": 8, "g_depths": 1, "g_windows": 0, "g_heads": 2},
    **{"g_patch": 4, "g_output": "patch", "d_patch": 4, "d_stem": "patch", "d_width": 8},
    **{"d_depth": 1, "d_heads": 2, "batch_size": 4, "total_kimg": 0.008, "tick_kimg": 0.004},
    **{"snapshot_kimg": 1, "health_kimg": 0.008, "health_samples": 32, "eval_samples": 100},
    "penalty_every": 1,  # one kind of step to trace
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (110, 8, 2)).cumsum(axis=1)
    np.savez(folder / "walks.npz", series=values, labels=["up", "down"] * 55)
    options = {"dataset": f"series:{folder / 'walks.npz'}", "out_dir": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        for name, score in series.METRICS.items():
            if name.endswith("_score"):  # their networks learn hardly anything
                patch.setitem(series.METRICS, name, functools.partial(score, steps=2))
        return tgan_tf.train(Config().replace(**SMALL, **options))


def test_the_run_is_complete(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (measured,) = [row for row in rows if row["kind"] == "evaluation"]
    assert set(measured["metrics"]) == {
        "marginal_distance",
        "autocorrelation_distance",
        "correlation_distance",
        "discriminative_score",
        "predictive_score",
    }
    assert all("real" in found["details"] for found in measured["details"].values())
    report = (run / "report.html").read_text()
    assert "8 steps of 2 channels" in report
    assert "thousand time series shown" in report
    assert "thousand images" not in report
    assert ">real time series<" in report
    assert (run / "samples" / "interpolation.png").is_file()


def test_the_exported_file_draws_the_same_series(run):
    sampler = tgan_tf.load(run)
    drawn = sampler.sample([3, 4], 1)
    assert drawn.shape == (2, 8, 2)
    assert drawn.dtype == np.float32
    interpreter = Interpreter(str(run / "export" / "model.tflite"))
    draw = interpreter.get_signature_runner("sample")
    made = draw(seed=np.int32([3]), label=np.int32([1]), truncation=np.float32([1]))["series"]
    np.testing.assert_allclose(made[0], drawn[0], rtol=1e-4, atol=1e-4)


def test_what_is_for_images():
    config = (
        Config()
        .replace(**SMALL)
        .resolve(modality="series", shape=(8, 1, 1), channel_mean=(0,), channel_std=(1,))
    )
    with pytest.raises(ConfigError, match="for images, not for series"):
        config.replace(augment="translation")
