from __future__ import annotations

import io
import signal
import sys
from pathlib import Path

import pytest

from tgan_tf.training import progress
from tgan_tf.training.progress import Console, TrainingBar, duration, status
from tgan_tf.training.signals import StopSignals


def test_durations() -> None:
    assert [duration(s) for s in (7, 754, 3723)] == ["0:07", "12:34", "1:02:03"]


def test_status_has_the_rate_and_the_time_left() -> None:
    means = {"loss_d": 0.52, "loss_g": 0.914, "real_sign": 0.4, "penalty": 1.0}
    assert status(500, 2000, 64, 0.25, means) == (
        "32.0/128 kimg  256 img/s  ETA 6:15  D 0.52  G 0.91  sign D(real) 0.40"
    )


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    asked = []

    def means() -> dict[str, float]:
        asked.append(1)
        return {"loss_d": 0.5}

    with TrainingBar(100, 0, 10) as bar:
        for step in range(1, 101):
            now[0] += 1
            bar.update(step, 1.0 if step > 1 else None, means)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == " 10%  0.1/1 kimg  10 img/s  ETA 1:30  D 0.50"
    # The device is waited for as often as there is something to show.
    assert len(lines) == len(asked) == 10


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with TrainingBar(100, 0, 10) as bar:
        bar.update(1, None, dict)
        assert "compiling" in sys.stderr.getvalue()
        bar.update(100, 2.0, lambda: {"loss_g": 0.25})
    assert "100% |" in sys.stderr.getvalue()
    assert "5 img/s  ETA 0:00  G 0.25" in sys.stderr.getvalue()


def test_lines_go_to_the_log_too_those_of_before_first(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    console = Console()
    console.say("one")
    console.log_to(tmp_path / "log.txt")
    console.note("two")
    console.say("three")
    console.close()
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\nthree\n"
    assert capsys.readouterr().out == "one\nthree\n"


def test_other_workers_are_quiet(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    console = Console(quiet=True)
    console.log_to(tmp_path / "log.txt")
    console.say("one")
    with console.counting("images") as counted:
        counted(1, 2)
    with TrainingBar(1, 0, 1, quiet=True) as bar:
        bar.update(1, 1.0, dict)
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "log.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_waits_for_the_step_a_second_does_not(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignals() as signals, signals.deferred():
        assert signals.requested is None
        signal.raise_signal(number)
        assert signals.requested == number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_elsewhere_a_signal_interrupts_at_once() -> None:
    with StopSignals() as signals, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert signals.requested == signal.SIGTERM
