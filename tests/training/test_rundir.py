from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tgan_tf.config import Config, ConfigError
from tgan_tf.training import rundir
from tgan_tf.training.rundir import RunDirectory, numbered

ROOT = Path(__file__).parents[2]


def create(out_dir: Path, **changes: object) -> RunDirectory:
    config = Config().replace(out_dir=os.fspath(out_dir), **changes)
    return RunDirectory.create(config, config, "digits")


def test_names_are_numbered_and_never_used_again(tmp_path: Path) -> None:
    assert create(tmp_path).path.name == "00000-digits"
    assert create(tmp_path, name="wide g/2").path.name == "00001-digits-wide_g_2"
    (tmp_path / "00041-something").mkdir()
    (tmp_path / "notes").mkdir()
    assert create(tmp_path).path.name == "00042-digits"
    assert [number for number, _ in numbered(tmp_path)] == [0, 1, 41, 42]


def test_processes_at_the_same_time_get_different_numbers(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tests.training.test_rundir import create
for _ in range(20):
    create(Path({os.fspath(tmp_path)!r}), name="x" * (hash(_) % 3)).unlock()
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [number for number, _ in numbered(tmp_path)] == list(range(60))
    assert all((path / "flags.txt").is_file() for _, path in numbered(tmp_path))


def test_what_a_killed_process_left_is_no_run(tmp_path: Path) -> None:
    (tmp_path / ".new").mkdir()
    (tmp_path / ".new" / "config.json").write_text("half")
    run = create(tmp_path)
    assert Config.load(run.config) == Config().replace(out_dir=os.fspath(tmp_path))
    assert not (tmp_path / ".new").exists()


def test_flags_say_what_they_were_run_by_and_replay(tmp_path: Path) -> None:
    run = create(tmp_path, seed=7, conditional=False)
    lines = run.flags.read_text().splitlines()
    assert lines[0].startswith("# tgan_tf ")
    assert any(line.startswith("# TensorFlow 2.") for line in lines)
    replayed = Config.from_flagfile(run.flags)
    assert replayed == Config.load(run.config)
    assert (replayed.training.seed, replayed.data.conditional) == (7, False)


def test_a_locked_run_keeps_others_out_until_its_owner_dies(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from tests.training.test_rundir import create
import time
run = create(Path({os.fspath(tmp_path)!r}))
print("locked", flush=True)
time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout.readline() == b"locked\n"
    run = RunDirectory(tmp_path / "00000-digits")
    with pytest.raises(ConfigError, match=f"--resume=.*process {owner.pid} on .* is training"):
        run.lock()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    run.lock()
    with pytest.raises(ConfigError, match=f"process {os.getpid()} "):
        RunDirectory(run.path).lock()
    run.unlock()
    RunDirectory(run.path).lock()


def test_a_directory_that_cannot_be_written_names_the_flag(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--out_dir=.*file"):
        create(tmp_path / "file")


def test_git_revision_is_of_this_code_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", os.fspath(tmp_path)], check=True)
    # As installed into an environment that lies in somebody's repository.
    monkeypatch.setattr(rundir.tgan_tf, "__file__", os.fspath(tmp_path / "__init__.py"))
    assert rundir.git_revision() == ""
