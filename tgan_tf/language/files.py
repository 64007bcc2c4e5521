"""Reads the settings in an encoder's directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from tgan_tf.config import ConfigError

_Kind = TypeVar("_Kind", dict, list)
_NAMES = {dict: "an object", list: "a list"}


def read_json(path: Path, flag: str, kind: type[_Kind]) -> _Kind:
    """What is in a file of JSON.

    Args:
        path: the file.
        flag: that named its directory.
        kind: of the whole.

    Raises:
        ConfigError: it is damaged, or of another kind.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--{flag}: {path} cannot be read ({error}); fetch the encoder's files again"
        ) from error
    if not isinstance(about, kind):
        raise ConfigError(
            f"--{flag}: {path} holds {str(about)[:40]!r}, and {_NAMES[kind]} of JSON is needed;"
            " fetch the encoder's files again"
        )
    return about
