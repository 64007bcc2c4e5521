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
