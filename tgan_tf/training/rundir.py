"""The run directory: numbered, made whole, locked while in use, never overwritten."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import tgan_tf
from tgan_tf.config import Config, ConfigError
from tgan_tf.files import replacing

_NUMBERED = re.compile(r"(\d{5,})-")


class RunDirectory:
    """One experiment on disk; every path below it has a name here.

    Args:
        path: an existing directory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.flags = self.path / "flags.txt"
        self.data = self.path / "data.json"
        self.log = self.path / "log.txt"
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"
        self.likelihood = self.path / "likelihood"
        self.samples = self.path / "samples"
        self.report = self.path / "report.html"
        self.export = self.path / "export"
        self.events = self.path / "events"
        # Written last of all: what came out, and the mark of a run that has nothing left to do.
        self.result = self.path / "result.json"
        self._lock: IO[str] | None = None

    @classmethod
    def create(cls, config: Config, flags: Config, data_name: str) -> RunDirectory:
        """Makes the next ``OUT_DIR/00012-DATA[-NAME]``, locked by this process.

        Processes that do so at the same time get different numbers. The directory gets its name
        when its files are there, so a process killed in between leaves no half of one.

        Args:
            config: resolved, for ``config.json``.
            flags: as the user gave it, for ``flags.txt``.
            data_name: of the data set, fit for a file name.

        Raises:
            ConfigError: naming --out_dir, when it cannot be written.
        """
        out_dir = Path(config.run.out_dir)
        suffix = re.sub(
            r"[^A-Za-z0-9_.-]+", "_", "-".join(filter(None, (data_name, config.run.name)))
        )
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
            with _exclusive(out_dir / ".lock"):
                new = out_dir / ".new"
                shutil.rmtree(new, ignore_errors=True)  # of a process that was killed here
                new.mkdir()
                config.save(new / "config.json")
                write_flags(flags, new / "flags.txt")
                number = 1 + max((number for number, _ in numbered(out_dir)), default=-1)
                final = out_dir / f"{number:05d}-{suffix}"
                new.rename(final)
                run = cls(final)
                run.lock()
        except OSError as error:
            raise ConfigError(
                f"--out_dir={out_dir}: cannot make a run directory there ({error}); pass a"
                " directory that can be written"
            ) from error
        return run

    @property
    def is_finished(self) -> bool:
        """Whether training, evaluation and export are done."""
        return self.result.is_file()

    def lock(self) -> None:
        """Keeps other processes out until ``unlock`` or the end of this one, even by SIGKILL.

        Raises:
            ConfigError: another process is at work here.
        """
        file = (self.path / ".lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise ConfigError(
                f"--resume={self.path}: {owner} is training there; stop it first, or start a new"
                " run without --resume"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        self._lock = file

    def unlock(self) -> None:
        """Lets other processes in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def numbered(out_dir: Path) -> list[tuple[int, Path]]:
    """(number, path) of all run directories, in order."""
    if not out_dir.is_dir():
        return []
    matches = ((_NUMBERED.match(path.name), path) for path in out_dir.iterdir())
    return sorted((int(match[1]), path) for match, path in matches if match)


def write_flags(config: Config, path: Path) -> None:
    """A flag file that ``train.py --flagfile`` replays, with the versions that it was run by."""
    lines = [f"# {line}" for line in environment()] + config.to_flags()
    with replacing(path) as beside:
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")


def environment() -> list[str]:
    """Versions that results may depend on, one a line."""
    # Versions are read, not imported: this module does not need TensorFlow.
    from importlib.metadata import PackageNotFoundError, version

    revision = git_revision()
    lines = [f"tgan_tf {tgan_tf.__version__}" + (f", git {revision}" if revision else "")]
    for name, package in (("TensorFlow", "tensorflow"), ("Keras", "keras")):
        try:
            lines.append(f"{name} {version(package)}")
        except PackageNotFoundError:  # another distribution of it, such as tensorflow-cpu
            continue
    return [*lines, f"Python {platform.python_version()} on {platform.platform()}"]


def git_revision() -> str:
    """The revision of the code, with ``+`` where it has uncommitted changes; empty if unknown."""
    folder = Path(tgan_tf.__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()

    try:
        # Of this package's own repository, not of one that a virtual environment happens to be in.
        if not git("ls-files", "__init__.py"):
            return ""
        revision = git("rev-parse", "--short=12", "HEAD")
        return revision + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
