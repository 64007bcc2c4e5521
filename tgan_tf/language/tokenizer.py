"""What a WordPiece tokenizer is made of, from the files of Hugging Face's format.

``vocab.txt`` has a piece a line, ``tokenizer_config.json`` beside it how text is normalized.
``tokenizer.json`` has both: https://huggingface.co/docs/tokenizers/api/models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tgan_tf.config import ConfigError
from tgan_tf.language.base import WAY_OUT
from tgan_tf.language.files import read_json
from tgan_tf.language.wordpiece import MOST_CHARACTERS, SPECIAL

FILES = ("vocab.txt", "tokenizer.json")  # the first that is there is read
# What `WordPiece` does, and what the settings of the others must be.
_NEEDED: dict[str, Any] = {
    "model.type": "WordPiece",
    "model.continuing_subword_prefix": "##",
    "model.max_input_chars_per_word": MOST_CHARACTERS,
    "normalizer.type": "BertNormalizer",
    "normalizer.clean_text": True,
    "normalizer.handle_chinese_chars": True,
    "pre_tokenizer.type": "BertPreTokenizer",
}
_SPLITS = ("do_basic_tokenize", "tokenize_chinese_chars")  # the same beside vocab.txt


class Pieces(NamedTuple):
    """What `WordPiece` is made of, but for the length.

    Attributes:
        vocabulary: pieces of words, in order.
        lowercase: whether text is.
        strip_accents: whether letters lose their marks.
        special: for what is unknown, the beginning, the end, and what is filled up.
    """

    vocabulary: tuple[str, ...]
    lowercase: bool = True
    strip_accents: bool = True
    special: tuple[str, str, str, str] = SPECIAL


def read_pieces(folder: Path, flag: str = "text_encoder") -> Pieces:
    """Those of a directory with one of `FILES`; ``flag`` named it.

    Raises:
        ConfigError: the tokenizer is of another kind, or its file is damaged.
    """
    path = folder / next(name for name in FILES if (folder / name).is_file())
    beside = folder / "tokenizer_config.json"
    settings = read_json(beside, flag, dict) if beside.is_file() else {}
    if path.name != FILES[0]:
        about = read_json(path, flag, dict)
        try:
            return _of_json(path, about, settings, flag)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"--{flag}: {path} cannot be read ({error!r})") from error
    for setting in _SPLITS:
        if not settings.get(setting, True):
            raise ConfigError(
                f"--{flag}: {beside} has {setting} {settings[setting]!r}, which is not computed;"
                f" {WAY_OUT}"
            )
    try:
        words = tuple(path.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    except ValueError as error:
        raise ConfigError(f"--{flag}: {path} cannot be read ({error})") from error
    ((most, times),) = Counter(words).most_common(1)
    if times > 1:
        raise ConfigError(
            f"--{flag}: {path} has the piece {most!r} {times} times; fetch the encoder's"
            " files again"
        )
    return Pieces(words, *_normalizer(settings, "do_lower_case"))


def _of_json(
    path: Path, about: Mapping[str, Any], settings: Mapping[str, Any], flag: str
) -> Pieces:
    for setting, needed in _NEEDED.items():
        section, key = setting.split(".")
        if (found := (about[section] or {}).get(key)) != needed:
            raise ConfigError(
                f"--{flag}: {path} has {setting} {found!r}, and {needed!r} is needed, as in"
                f" BERT's; {WAY_OUT}"
            )
    numbers = dict(about["model"]["vocab"])
    for added in about.get("added_tokens") or []:
        # A word that is found in text before it is split would be split here.
        if not added["special"] and added["content"] not in numbers:
            raise ConfigError(
                f"--{flag}: {path} adds {added['content']!r} to its vocabulary, which is not"
                f" read; {WAY_OUT}"
            )
        numbers[added["content"]] = added["id"]
    words = tuple(sorted(numbers, key=numbers.__getitem__))
    if [numbers[word] for word in words] != list(range(len(words))):
        raise ConfigError(f"--{flag}: {path}: its pieces are not numbered one after another")
    padding = (about.get("padding") or {}).get("pad_token") or settings.get("pad_token", "[PAD]")
    special = (about["model"]["unk_token"], *_ends(about["post_processor"]), padding)
    return Pieces(words, *_normalizer(about["normalizer"], "lowercase"), special)


def _normalizer(settings: Mapping[str, Any], key: str) -> tuple[bool, bool]:
    """Whether text becomes lower case, and whether marks are stripped; untold, both or neither."""
    lowercase, strip = bool(settings.get(key, True)), settings.get("strip_accents")
    return lowercase, lowercase if strip is None else bool(strip)


def _ends(about: Mapping[str, Any]) -> tuple[str, str]:
    """The pieces that a text begins and ends with."""
    if about["type"] == "BertProcessing":
        return about["cls"][0], about["sep"][0]
    # TemplateProcessing: one special token, the text, one special token.
    first, _, last = (next(iter(part.items())) for part in about["single"])
    return first[1]["id"], last[1]["id"]
