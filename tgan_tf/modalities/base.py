"""The interface of a kind of data."""

from __future__ import annotations

import abc
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf


class Modality(abc.ABC):
    """How one kind of data becomes what the networks see, and back, and how people see it.

    Attributes:
        name: of the kind of data; that of samples in batches and in exported signatures too.
        plural: what people call many samples.
        sample_shape: of one sample, as stored.
        sample_dtype: of one sample, as stored.
        signal_shape: of one sample as the networks see it, channels last.
        given_shape: of what may be given, so that a sample is made around it; empty: nothing.
        augmentations: the DiffAugment policies that make sense for it.
        sequence_shape: of what can be made token by token: how many, and of how many kinds.
        forbidden: tokens that are never made, bool [T, V], or [1, V] for all places; None: none.
        ends: whether token 0 ends a sequence.
        holds: whether the last kind of token goes on with what its voice sounds.
    """

    name: str
    plural: str = "samples"
    sample_shape: tuple[int, ...]
    sample_dtype: np.dtype
    signal_shape: tuple[int, ...]
    given_shape: tuple[int, ...] = ()
    augmentations: tuple[str, ...]
    sequence_shape: tuple[int, int]
    forbidden: np.ndarray | None = None
    ends: bool = False
    holds: bool = False

    @abc.abstractmethod
    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """Stored samples [B, *sample_shape] to float32 [B, *signal_shape]."""

    @abc.abstractmethod
    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """The generator's last step, from any numbers to signals [B, *signal_shape].

        Of operations that TFLite has built in.
        """

    @property
    def seen_shape(self) -> tuple[int, ...]:
        """Of what ``see`` gives for one sample."""
        return self.signal_shape

    def see(self, signals: tf.Tensor) -> tf.Tensor:
        """Signals [B, *signal_shape] as the discriminator reads them, [B, *seen_shape].

        Differentiable twice, for penalties are on the gradient by the signals.
        """
        return signals

    def give(self, given: tf.Tensor) -> tf.Tensor:
        """What is given, ``sample_dtype`` [B, *given_shape], as ``given`` of a generator: float32,
        zeros where nothing is."""
        raise NotImplementedError(f"no part of a {self.name} can be given")

    def part_given(self, signals: tf.Tensor) -> tf.Tensor:
        """The part of signals [B, *signal_shape] that may be given, as ``give`` has it."""
        raise NotImplementedError(f"no part of a {self.name} can be given")

    def withheld(self, samples: np.ndarray) -> np.ndarray:
        """Samples [B, *sample_shape] without what is to be made around what may be given,
        [B, *given_shape]."""
        raise NotImplementedError(f"no part of a {self.name} can be given")

    def negative_log_likelihood(self, signals: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Of signals [B, T, W, C], given what ``activate`` takes: of each token, [B, T, W]."""
        raise NotImplementedError(f"a {self.name} has no likelihood")

    def tokenize(self, signals: tf.Tensor) -> tf.Tensor:
        """Signals [B, *signal_shape] to tokens, int32 [B, T], in the order in which they are made
        one by one."""
        raise NotImplementedError(f"a {self.name} is not made of tokens")

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        """One-hot tokens [B, T, V] to signals [B, *signal_shape], linear in each token.

        Of operations that TFLite has built in.
        """
        raise NotImplementedError(f"a {self.name} is not made of tokens")

    def sounding(self, tokens: tf.Tensor) -> tf.Tensor:
        """Where the last kind holds: what sounds at each token, int32 [B, T] to the same."""
        raise NotImplementedError(f"a {self.name} holds nothing")

    def of_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        """Tokens int32 [B, T] to samples [B, *sample_shape]."""
        return self.decode(self.detokenize(tf.one_hot(tokens, self.sequence_shape[1])))

    @abc.abstractmethod
    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """What the generator makes to samples [B, *sample_shape] of ``sample_dtype``.

        Of operations that TFLite has built in, for it is part of every exported model.
        """

    def show(self, values: tf.Tensor) -> tf.Tensor:
        """What the exported signature ``generate`` gives of what the generator makes."""
        return values

    @abc.abstractmethod
    def describe(self) -> str:
        """The shape of a sample for people: "28 x 28 grey"."""

    def files(self) -> Mapping[str, Callable[[tf.Tensor], dict[str, tf.Tensor]]]:
        """By name of a signature of exported models: samples to files or texts, as strings.

        The names of outputs that are no texts end in ``_bytes``, which REST gives in base64. Run by
        TensorFlow alone.
        """
        return {}

    def filed(self, samples: np.ndarray) -> np.ndarray:
        """Samples [B, *sample_shape] as ``unfiled`` finds them in files."""
        return samples

    def unfiled(self, signature: str, file: bytes) -> np.ndarray:
        """The sample [*sample_shape] in a file that a signature of ``files`` made."""
        raise NotImplementedError(f"{self.name} has no signature {signature!r}")

    def sheet(self, samples: np.ndarray) -> str:
        """All samples as one text, where that is what people read; empty: they look at ``grid``."""
        return ""

    @abc.abstractmethod
    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """One picture of all samples, row by row: uint8 [height, width, C].

        Args:
            samples: [N, *sample_shape], N at least 1.
            columns: samples in a row; 0: about as many as rows.
        """

    def moments(self, samples: np.ndarray, columns: int = 0) -> list[np.ndarray]:
        """Pictures as of ``grid`` that, one after another, show samples as they move; none of
        those that do not."""
        return []

    @abc.abstractmethod
    def class_rows(
        self,
        samples: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        columns: int = 10,
    ) -> np.ndarray:
        """One picture with a row of at most ``columns`` samples for each class, in order."""

    @abc.abstractmethod
    def write(
        self, samples: np.ndarray, directory: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> list[Path]:
        """Writes each sample to a file of its own, beside and then renamed.

        Args:
            samples: [N, *sample_shape].
            directory: made if need be.
            names: of the files, without ending; empty: 00000, 00001, ...

        Returns:
            The files, in order.

        Raises:
            ValueError: when there are not as many names as samples, or two are alike.
        """


def file_stems(count: int, names: Sequence[str]) -> list[str]:
    """Names of files, without endings, for so many samples; 00000, 00001, ... without ``names``.

    Characters that do not belong in a file's name become ``_``.

    Raises:
        ValueError: when there are not as many names as samples, or two are alike.
    """
    names = names or [f"{index:05d}" for index in range(count)]
    stems = [re.sub(r"[^\w.+-]+", "_", name) for name in names]
    if len(stems) != count or len(set(stems)) != len(stems):
        raise ValueError(
            f"{len(set(stems))} different names for {count} samples; give each its own"
        )
    return stems
