"""What is done after the last step, and what is not done again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.training.runs import resolved
from tgan_tf import evaluation
from tgan_tf.config import Config
from tgan_tf.data.types import Source
from tgan_tf.exporting.parity import Export
from tgan_tf.metrics.suite import Result
from tgan_tf.training import finish as finish_module
from tgan_tf.training.finish import finish
from tgan_tf.training.journal import Journal
from tgan_tf.training.progress import Console
from tgan_tf.training.rundir import RunDirectory

STEP = 20


class Finisher:
    """Finishes one run as often as wanted; nothing is measured or exported, but all is counted."""

    def __init__(self, run: RunDirectory, config: Config) -> None:
        self.run, self.config = run, config
        self.journal = Journal(run.metrics)
        self.measured: list[Config] = []
        self.exported: list[str] = []
        self.source = SimpleNamespace(name="digits", modality="image")

    def __call__(self, **changes: object) -> None:
        recorder = SimpleNamespace(
            journal=self.journal, row=self.journal.append, report=lambda: None
        )
        finish(self.run, self.config.replace(**changes), self.source, recorder, Console())

    def measure(self, sample, source: Source, config: Config, **options):
        self.measured.append(config)
        results = {"frechet_x": Result(1.5, 10, 10)}
        return evaluation.Evaluation(results, "training", 100, 300, None, 1.0)

    def export(self, name: str):
        def make(sampler, folder: Path) -> Export:
            self.exported.append(name)
            folder.mkdir(exist_ok=True)
            (folder / name).write_text("exported")
            return Export(folder / name, 8, {"sample": 0.0})

        return make


@pytest.fixture
def finisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finisher:
    config = resolved(out_dir=os.fspath(tmp_path), metrics=("frechet",), export=("saved_model",))
    finisher = Finisher(RunDirectory.create(config, config, "digits"), config)
    finisher.run.samples.mkdir()
    sampler = SimpleNamespace(step=STEP, sample=None)
    monkeypatch.setattr(finish_module, "load", lambda path: sampler)
    monkeypatch.setattr(evaluation, "measure", finisher.measure)
    monkeypatch.setattr(finish_module, "film", lambda sampler, folder: None)
    monkeypatch.setattr(evaluation, "draw_neighbours", lambda *_: None)
    exports = {
        name: (title, finisher.export(name)) for name, (title, _) in finish_module._EXPORTS.items()
    }
    monkeypatch.setattr(finish_module, "_EXPORTS", exports)
    return finisher


def result(finisher: Finisher) -> dict:
    return json.loads(finisher.run.result.read_text())


def test_a_finished_run_has_nothing_left(finisher: Finisher, capsys: pytest.CaptureFixture) -> None:
    finisher()
    assert (len(finisher.measured), finisher.exported) == (1, ["saved_model"])
    assert result(finisher) == {
        "step": STEP,
        "metrics": {"frechet_x": 1.5},
        "exports": {
            "SavedModel": {"path": "export/saved_model", "size_bytes": 8, "errors": {"sample": 0.0}}
        },
    }
    out = capsys.readouterr().out
    assert "export/saved_model (0.0 MiB)" in out
    for changes in ({}, {"metrics": ()}, {"export": ()}, {"eval_kimg": 1.0}):
        finisher(**changes)
        assert "nothing left to do" in capsys.readouterr().out
    assert (len(finisher.measured), finisher.exported) == (1, ["saved_model"])


def test_a_finished_run_does_what_is_asked_for_anew(finisher: Finisher) -> None:
    finisher()
    finisher(export=("saved_model", "tflite"))
    assert (len(finisher.measured), finisher.exported) == (1, ["saved_model", "tflite"])
    assert list(result(finisher)["exports"]) == ["SavedModel", "TFLite"]
    finisher(metrics=("frechet", "kernel"))
    assert finisher.measured[-1].evaluation.metrics == ("frechet", "kernel")
    assert finisher.exported == ["saved_model", "tflite"]
    assert list(result(finisher)["exports"]) == ["SavedModel", "TFLite"]
    # What was deleted is made again.
    (finisher.run.export / "saved_model").unlink()
    finisher()
    assert finisher.exported[2:] == ["saved_model"]


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": ("kernel",)},
        {"extractors": ("classifier",)},
        {"eval_samples": 300},
        {"nearest_k": 3},
    ],
)
def test_rows_of_other_options_are_other_rows(finisher: Finisher, changes: dict) -> None:
    other = finisher.config.replace(**changes)
    row = finisher.measure(None, None, other).row(STEP, other)
    finisher.journal.append(row)
    finisher()
    assert len(finisher.measured) == 2
    finisher.run.result.unlink()
    finisher()
    finisher(**changes)
    assert len(finisher.measured) == 2


def test_the_best_checkpoint_is_finished(
    finisher: Finisher, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    loaded = []

    def load(path: Path) -> SimpleNamespace:
        loaded.append(path)
        return SimpleNamespace(step=STEP, sample=None)

    monkeypatch.setattr(finish_module, "load", load)
    finisher(best_metric="frechet")  # none was measured
    finisher.run.best.mkdir()
    record = {"metric": "frechet", "value": 1.25, "row": {"step": 10}}
    (finisher.run.best / "best.json").write_text(json.dumps(record))
    finisher(best_metric="frechet")
    finisher()
    assert loaded == [finisher.run.path, finisher.run.best, finisher.run.path]
    assert "Best frechet: 1.25, at step 10" in capsys.readouterr().out


def test_what_was_finished_earlier_is_not_what_is_asked_for_now(finisher: Finisher) -> None:
    finisher.run.result.write_text('{"step": 10, "metrics": {}, "exports": {"SavedModel": {}}}')
    finisher()
    assert finisher.exported == ["saved_model"]
    assert result(finisher)["step"] == STEP
