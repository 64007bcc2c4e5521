"""What sentence encoders have in common, of whichever files they are made."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# Ends the message of what is not read.
WAY_OUT = "a SavedModel from strings to vectors is taken whatever is in it: docs/captions.md"
_AT_ONCE = 64


class TextEncoder(tf.Module, abc.ABC):
    """Text to a unit vector; never trained.

    Attributes:
        width: of the vectors.
        identity: hash of all that decides about them.
    """

    width: int
    identity: str

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self._encode = tf.function(
            self.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    @abc.abstractmethod
    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """Strings ``[B]`` -> float32 ``[B, width]``, unit vectors."""

    def encode(
        self,
        texts: Iterable[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Texts -> ``[N, width]``."""
        texts, parts = list(texts), []
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            parts.append(self._encode(tf.constant(part, tf.string)).numpy())
            if progress is not None:
                progress(start + len(part), len(texts))
        return np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """``[B, K]`` -> the same directions, of length 1."""
    return vectors * tf.math.rsqrt(tf.reduce_sum(vectors**2, axis=1, keepdims=True) + 1e-12)
