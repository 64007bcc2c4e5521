"""A directory made once: complete or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tgan_tf.config import ConfigError

_T = TypeVar("_T")


def cache_root(cache_dir: str) -> Path:
    """The directory of --cache_dir; ``~/.cache/tgan_tf`` (or XDG_CACHE_HOME's) when empty."""
    if cache_dir:
        return Path(cache_dir).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "tgan_tf"


def cached(
    root: Path, name: str, key: Any, build: Callable[[Path], None], read: Callable[[Path], _T]
) -> _T:
    """Reads the entry for ``key``, building it first where it is missing or damaged.

    The entry is built in a directory beside and renamed when complete, so that a reader never sees
    half of one and an interrupted build leaves nothing. Processes that build the same entry at the
    same time do so twice; the first to finish wins.

    Args:
        root: directory of all entries; made if need be.
        name: readable part of the entry's name.
        key: plain JSON types; everything that the entry depends on.
        build: fills an empty directory.
        read: opens a built directory; its OSError or ValueError means that the entry is damaged.

    Raises:
        ConfigError: naming --cache_dir, when it cannot be written.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    entry = root / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)[:40]}-{digest}"
    if entry.exists():
        try:
            return read(entry)
        except (OSError, ValueError):
            shutil.rmtree(entry, ignore_errors=True)
    try:
        _build(entry, build)
        return read(entry)
    except OSError as error:
        raise ConfigError(
            f"--cache_dir={root}: cannot keep prepared data there ({error}); pass a directory that"
            " can be written"
        ) from error


def _build(entry: Path, build: Callable[[Path], None]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(entry)
    partial = entry.with_name(f"{entry.name}.{socket.gethostname()}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        build(partial)
        for path in partial.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        try:
            partial.rename(entry)
        except OSError:
            if not entry.exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _remove_abandoned(entry: Path) -> None:
    """Removes what processes of this host that were killed while building have left."""
    if os.name != "posix":  # elsewhere there is no harmless signal 0
        return
    pattern = f"{entry.name}.{socket.gethostname()}.*.partial"
    for partial in entry.parent.glob(pattern):
        try:
            os.kill(int(partial.name.split(".")[-2]), 0)
        except (ProcessLookupError, OverflowError, ValueError):
            shutil.rmtree(partial, ignore_errors=True)
        except PermissionError:  # alive, and another user's
            continue
