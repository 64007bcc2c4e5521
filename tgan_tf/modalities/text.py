"""Texts: numbers of tokens as stored, one-hot rows for the networks, strings for people."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.vocabulary import UNKNOWN, ends, poem_lines
from tgan_tf.files import replacing
from tgan_tf.modalities import pages_of_text
from tgan_tf.modalities.base import Modality, file_stems

_MARKS = ("，", "。\n", "，", "。")  # after each line of a poem


class TextModality(Modality):
    """Texts of at most T tokens from a vocabulary of V.

    Args:
        config: with shape and vocabulary resolved.

    Attributes:
        ends: whether token 0 ends a text.
        lines: lines of a poem; 0: texts have none of one length.

    Raises:
        ConfigError: when they are not.
    """

    name = "text"
    plural = "texts"
    sample_dtype = np.dtype(np.int32)
    augmentations = ()

    def __init__(self, config: Config) -> None:
        if not config.is_resolved:
            raise ConfigError("the vocabulary is not known before the data are read")
        data = config.data
        self.signal_shape = tuple(data.signal_shape)
        self.sample_shape = self.signal_shape[:1]
        self.vocabulary = data.vocabulary
        self.sequence_shape = (self.signal_shape[0], self.signal_shape[-1])
        self.ends = ends(data.vocabulary)
        if UNKNOWN in data.vocabulary[:2]:  # what a real text has where a rare character was
            self.forbidden = np.array([[token == UNKNOWN for token in data.vocabulary]])
        self.lines = poem_lines(data.dataset)
        self._strings = np.array(data.vocabulary, object)

    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """int [B, T] to one-hot float32 [B, T, 1, V]."""
        return tf.one_hot(samples, self.signal_shape[-1])[:, :, None]

    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """Logits [B, T, 1, V] to one-hot, with the derivative of softmax (straight-through)."""
        soft = tf.nn.softmax(values)
        hard = tf.one_hot(
            tf.argmax(values, axis=-1, output_type=tf.int32), values.shape[-1], dtype=soft.dtype
        )
        return soft + tf.stop_gradient(hard - soft)

    def negative_log_likelihood(self, signals: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Of each token, [B, T, 1]."""
        return tf.nn.softmax_cross_entropy_with_logits(signals, values)

    def tokenize(self, signals: tf.Tensor) -> tf.Tensor:
        return self.decode(signals)

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        return tokens[:, :, None]

    def of_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        return tokens

    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """[B, T, 1, V] to the number of the greatest, int32 [B, T]."""
        return tf.argmax(values[:, :, 0], axis=-1, output_type=tf.int32)

    def describe(self) -> str:
        length, _, size = self.signal_shape
        return f"{'at most ' if self.ends else ''}{length} tokens of {size:,}"

    def files(self) -> Mapping[str, Callable[[tf.Tensor], dict[str, tf.Tensor]]]:
        return {"sample_text": lambda samples: {"string": self.to_strings(samples)}}

    def filed(self, samples: np.ndarray) -> np.ndarray:
        """Code points of the texts, int32 [B, L]: pieces of words can be put together in more ways
        than one, so tokens are not found again."""
        return np.stack([self.unfiled("", text.encode()) for text in self.texts(samples)])

    def unfiled(self, signature: str, file: bytes) -> np.ndarray:
        longest = max(map(len, self.vocabulary)) * self.sample_shape[0] + sum(map(len, _MARKS))
        points = np.zeros(longest, np.int32)
        text = file.decode()
        points[: len(text)] = list(map(ord, text))
        return points

    def to_strings(self, samples: tf.Tensor) -> tf.Tensor:
        """int [B, T] to UTF-8 strings [B], by TensorFlow, for exported models."""
        tokens = tf.gather(tf.constant(list(self.vocabulary)), samples)  # [B, T]
        length = self.sample_shape[0]
        if self.ends:
            over = tf.cumsum(tf.cast(tf.equal(samples, 0), tf.int32), axis=1)
            count = tf.reduce_sum(tf.cast(tf.equal(over, 0), tf.int32), axis=1, keepdims=True)
            tokens = tf.where(tf.equal(over, 0), tokens, "")
        else:
            count = tf.fill((tf.shape(samples)[0], 1), length)
        if self.lines:
            line = tf.maximum(count // self.lines, 1)  # [B, 1], characters
            after = tf.range(1, length + 1)[None]  # [1, T]
            marks = tf.gather(tf.constant(_MARKS), tf.clip_by_value(after // line - 1, 0, 3))
            ends = tf.equal(after % line, 0) & (after <= count)
            tokens = tf.strings.join([tokens, tf.where(ends, marks, "")])
        return tf.strings.reduce_join(tokens, axis=1)

    def texts(self, samples: np.ndarray) -> list[str]:
        """int [B, T] to strings, as ``to_strings`` does."""
        found = []
        for row in np.asarray(samples):
            ended = np.flatnonzero(row == 0) if self.ends else np.zeros(0, int)
            tokens = self._strings[row[: ended[0] if len(ended) else len(row)]].tolist()
            if self.lines:
                line = max(len(tokens) // self.lines, 1)
                tokens = [
                    token + (_MARKS[min(after // line, 4) - 1] if after % line == 0 else "")
                    for after, token in enumerate(tokens, 1)
                ]
            found.append("".join(tokens))
        return found

    def tokens(self, text: str) -> np.ndarray:
        """The numbers of a text's tokens, int32 [n], the longest that fit first.

        Raises:
            ValueError: something in it is not in the vocabulary, or it is too long.
        """
        index = {token: number for number, token in enumerate(self.vocabulary) if token}
        longest, found, rest = max(map(len, index)), [], text
        while rest:
            size = next((n for n in range(longest, 0, -1) if rest[:n] in index), 0)
            if not size:
                raise ValueError(f"{rest[0]!r} of {text!r} is not in the vocabulary of the run")
            found.append(index[rest[:size]])
            rest = rest[size:]
        if len(found) > self.sample_shape[0]:
            raise ValueError(f"{text!r} has {len(found)} tokens, more than {self.sample_shape[0]}")
        return np.array(found, np.int32)

    def given(self, text: str, blank: str = "") -> np.ndarray:
        """The tokens of a text in their places, the others negative, int32 [T].

        Args:
            text: what stands at the beginning.
            blank: in it, a token that is to be made; empty: none is.

        Raises:
            ValueError: as of `tokens`.
        """
        found: list[int] = []
        for number, part in enumerate(text.split(blank) if blank else [text]):
            found += [-1] * bool(number)
            found += list(self.tokens(part))
        length = self.sample_shape[0]
        if len(found) > length:
            raise ValueError(f"{text!r} has {len(found)} tokens and blanks, more than {length}")
        return np.array(found + [-1] * (length - len(found)), np.int32)

    def sheet(self, samples: np.ndarray) -> str:
        """All texts, one after another, for a file."""
        gap = "\n\n" if any("\n" in text for text in self.texts(samples)) else "\n"
        return gap.join(self.texts(samples)) + "\n"

    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """The texts drawn black on white, side by side."""
        return pages_of_text.draw(self.texts(samples), columns)

    def class_rows(
        self,
        samples: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        columns: int = 10,
    ) -> np.ndarray:
        texts = []
        for label, name in enumerate(class_names):
            members = self.texts(samples[np.flatnonzero(labels == label)[:columns]])
            texts += [f"[{name}]", *members, *[""] * (columns - len(members))]
        return pages_of_text.draw(texts, columns + 1)

    def write(
        self, samples: np.ndarray, directory: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> list[Path]:
        """Writes ``NAME.txt`` for each text; see ``Modality.write``."""
        stems = file_stems(len(samples), names)
        paths = []
        for text, stem in zip(self.texts(samples), stems, strict=True):
            path = Path(directory) / f"{stem}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as beside:
                beside.write_text(text + "\n", encoding="utf-8")
            paths.append(path)
        return paths
