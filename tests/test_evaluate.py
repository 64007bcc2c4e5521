from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from absl import flags

import tgan_tf
from tests.exporting.samplers import make_run
from tgan_tf import evaluation
from tgan_tf.evaluate import define_flags, run


def parsed(*arguments: str) -> flags.FlagValues:
    values = flags.FlagValues()
    define_flags(values)
    values(["evaluate", *arguments])
    return values


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list:
    """What was to be measured; nothing is."""
    asked = []

    def measure(sample, source, config, **options):
        asked.append(config)
        return evaluation.Evaluation({}, "training", 1617, 300, 0.99, 1.0)

    monkeypatch.setattr(evaluation, "measure", measure)
    monkeypatch.setattr(evaluation, "table", lambda row: "the table")
    return asked


def test_a_checkpoint_is_measured_printed_and_recorded(
    tmp_path: Path, asked: list, capsys: pytest.CaptureFixture
) -> None:
    path = make_run(tmp_path / "00000-digits", steps=(30, 70))
    options = ("--eval_samples=300", "--metrics=frechet,kernel", "--checkpoint=ckpt-30")
    run(parsed(f"--run={path}", *options))
    assert asked[0].evaluation.metrics == ("frechet", "kernel")
    assert asked[0].evaluation.eval_samples == 300
    # What is not given is the run's own.
    assert asked[0].evaluation.extractors == ("auto",)
    assert capsys.readouterr().out == "Step 30 (1.92 kimg): the table\n"
    row = json.loads((path / "metrics.jsonl").read_text())
    assert (row["kind"], row["step"], row["classifier_accuracy"]) == ("evaluation", 30, 0.99)
    run(parsed(f"--run={path}", "--norecord"))
    assert len((path / "metrics.jsonl").read_text().splitlines()) == 1


def test_the_module_does_not_hide_the_function() -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    with pytest.raises(ValueError, match="no metric blur"):
        tgan_tf.evaluate(images, images, metrics=["blur"], extractor=_Nothing())


class _Nothing:
    name, identity, dim = "nothing", "nothing", 1

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return np.zeros((len(images), 1), np.float32)


def saved(path: Path, seed: int, count: int = 200) -> str:
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    np.savez(path, images=images)
    return f"npz:{path}"


def test_images_are_measured_against_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    network = _Nothing()
    network.name = "efficientnet_lite0"
    monkeypatch.setattr(evaluation, "_load", lambda name, protocol: network)
    monkeypatch.setattr(evaluation.efficientnet_lite, "weights_file", lambda: None)
    one, two = saved(tmp_path / "one.npz", 1), saved(tmp_path / "two.npz", 2)
    given = ("--metrics=frechet", f"--cache_dir={tmp_path}", "--reference_split=all")
    run(parsed(f"--samples={one}", f"--reference={two}", *given))
    assert "200 samples against 200 all images" in capsys.readouterr().out
    with pytest.raises(ValueError, match="--samples has only 200 images"):
        run(parsed(f"--samples={one}", f"--reference={two}", "--eval_samples=300", *given))
    with pytest.raises(ValueError, match="--reference: name the real images"):
        run(parsed(f"--samples={one}", *given))
    np.savez(tmp_path / "rgb.npz", images=np.zeros((200, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"\[8, 8, 1\], those of --reference \[8, 8, 3\]"):
        run(parsed(f"--samples={one}", f"--reference=npz:{tmp_path}/rgb.npz", *given))


def test_one_thing_is_measured() -> None:
    for given in ((), ("--run=a", "--samples=b")):
        with pytest.raises(flags.IllegalFlagValueError, match="one of --run"):
            parsed(*given)
