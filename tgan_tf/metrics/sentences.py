"""Texts as a sentence encoder sees them, for a Frechet distance (FED, de Masson d'Autume 2019)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.language import SentenceEncoder, find_encoder, read_encoder
from tgan_tf.metrics.frechet import Moments

MOST = 1000  # texts of each side: more would take minutes on a CPU
_FLAG, _USUAL = "sentence_encoder", "minilm"
_PIECES = 128  # of words; what a longer text says after them is not seen
_NOT_ENGLISH = ("poems", "code")
_AT_ONCE = 64
_ASCII = 0.95  # share of the characters of what counts as English


def check(config: Config) -> None:
    """Whether an encoder that is named is there.

    Raises:
        ConfigError: it is not.
    """
    if (name := config.evaluation.sentence_encoder) not in ("auto", "none"):
        find_encoder(name, _FLAG)


class Sentences:
    """An encoder and its name.

    Args:
        name: ``minilm`` or a path, as ``--sentence_encoder`` takes it.

    Raises:
        ConfigError: it is not there, or not of a kind that is read.
    """

    def __init__(self, name: str) -> None:
        self._encoder = read_encoder(find_encoder(name, _FLAG), _PIECES, _FLAG)
        self.name = re.sub(r"\W+", "_", Path(name).expanduser().name.lower()).strip("_")
        self.identity = self._encoder.identity

    def __call__(self, texts: Sequence[str]) -> Moments:
        """Of the first ``MOST`` texts."""
        moments, texts = Moments(), sorted(texts[:MOST], key=len)  # long ones by themselves
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            if not isinstance(self._encoder, SentenceEncoder):
                moments.update(self._encoder.encode(part))
                continue
            tokens = self._encoder.tokens(tf.constant(part))  # [B, T]
            there = tf.reduce_any(tokens != self._encoder.tokens.padding, axis=0)
            longest = int(tf.reduce_sum(tf.cast(there, tf.int32)))
            moments.update(self._encoder.of_tokens(tokens[:, :longest]).numpy())
        return moments


def chosen(config: Config, texts: Sequence[str]) -> str:
    """What ``--sentence_encoder`` comes to for these training texts; empty: none."""
    name = config.evaluation.sentence_encoder
    if name != "auto":
        return "" if name == "none" else name
    characters = "".join(texts[:MOST])
    english = sum(map(str.isascii, characters)) >= _ASCII * len(characters)
    kind = config.data.dataset.partition(":")[0]
    return _USUAL if english and kind not in _NOT_ENGLISH else ""
