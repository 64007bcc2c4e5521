"""Files and directories that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside ``path`` to write to; it becomes ``path`` when the block ends without an error.

    After an error nothing is left of it and what was at ``path`` is as before. Processes that do
    so at the same time do not meet: the last one wins.

    Args:
        path: a file, or a directory that does not exist yet; its parent exists.

    Raises:
        OSError: ``path`` cannot be written.

    Example:
        with replacing("config.json") as beside:
            beside.write_text("{}", encoding="utf-8")
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield beside
        beside.replace(path)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
