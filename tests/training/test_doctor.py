"""Tiny runs that fall ill: what they say, what they do, and that a resumed one does the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.training.runs import assert_same_run, tiny
from tests.training.sick_runs import poisoned_batch
from tgan_tf.training import doctor, finish, recorder, report
from tgan_tf.training.checkpoint import listed, step_of
from tgan_tf.training.health import Diagnosis
from tgan_tf.training.journal import Journal
from tgan_tf.training.meter import Meter
from tgan_tf.training.remedies import TrainingDiverged
from tgan_tf.training.run import Stopped, train

ALL = ("rollback", "penalty", "augment")
# What is traced anew with every remedy is small.
FAST = {"g_depths": (0,), "health_kimg": 0.024, "health_samples": 32}
TROUBLES = {6: "memorisation", 12: "divergence"}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than the training."""
    monkeypatch.setattr(report, "write", lambda run, networks: None)
    monkeypatch.setattr(finish, "film", lambda sampler, folder: None)
    for name in ("pictures", "reals"):
        monkeypatch.setattr(recorder.Recorder, name, lambda self, of: None)


@contextmanager
def diagnosed(monkeypatch: pytest.MonkeyPatch, when: dict[int, str]) -> Iterator[None]:
    """At these steps this is wrong, as long as no remedy was tried against it."""

    def diagnose(rows: list[dict]) -> list[Diagnosis]:
        step, tried = rows[-1]["step"], {row.get("diagnosis") for row in rows}
        name = when.get(step)
        return (
            [Diagnosis(name, step - 3, step, "e", "c", "a")] if name not in {None, *tried} else []
        )

    with monkeypatch.context() as patch:
        patch.setattr(doctor, "diagnose", diagnose)
        yield


def rows(run: Path, kind: str) -> list[dict]:
    return Journal(run / "metrics.jsonl").rows(kind)


def test_a_poisoned_batch_ends_the_training_with_its_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with (
        poisoned_batch(8),
        pytest.raises(TrainingDiverged, match="non finite between steps 6 and 9: not finite: loss"),
    ):
        train(tiny(tmp_path, **FAST))
    run = tmp_path / "00000-digits"
    # Step 10 would have been saved: what is there is sound.
    assert [step_of(path) for path in listed(run / "checkpoints")] == [0, 5]
    assert [row["diagnoses"] for row in rows(run, "tick")] == [[], [], ["non_finite"]]
    assert [row["name"] for row in rows(run, "diagnosis")] == ["non_finite"]
    assert "Warning   non finite, steps 6 to 9: " in capsys.readouterr().out
    assert "Try this: lower --g_lr" in (run / "log.txt").read_text()


def test_it_goes_back_and_on(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with poisoned_batch(8):  # the eighth that is asked for, which is not asked for again
        run = train(tiny(tmp_path, **FAST | {"health_kimg": 0}, remedies=("rollback",)))
    (remedy,) = rows(run, "remedy")
    assert (remedy["back_to_step"], remedy["found_at_step"]) == (5, 9)
    assert [row["step"] for row in rows(run, "tick")] == [3, 6, 9, 12, 15, 18, 20]
    assert not rows(run, "diagnosis")  # they are of what was gone back on
    assert "Remedy 1 of 3 at step 9, against non finite: back to step 5; g_lr 0.00025" in (
        capsys.readouterr().out
    )


@pytest.fixture
def treated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with diagnosed(monkeypatch, TROUBLES):
        return train(tiny(tmp_path / "treated", **FAST, remedies=ALL))


def test_a_resumed_run_is_treated_the_same(
    treated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [row["step"] for row in rows(treated, "tick") if "d_val" in row]
    assert looks == [6, 12, 18]
    expected = [(row["found_at_step"], row["back_to_step"]) for row in rows(treated, "remedy")]
    assert expected == [(6, None), (12, 5)]
    # Stopped between the first remedy and the next checkpoint.
    update, calls = Meter.update, []

    def interrupted(self, logs) -> None:
        update(self, logs)
        calls.append(1)
        if len(calls) == 8:
            os.kill(os.getpid(), signal.SIGINT)

    config = tiny(tmp_path / "stopped", **FAST, remedies=ALL)
    with diagnosed(monkeypatch, TROUBLES), monkeypatch.context() as patch:
        patch.setattr(Meter, "update", interrupted)
        with pytest.raises(Stopped):
            train(config)
        run = train(config, resume="auto")
    assert_same_run(run, treated)
