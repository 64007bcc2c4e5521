"""The noise of attention layers: drawn in training, always the same in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

_SEED = 0


class TokenNoise:
    """Gives each block of a network its part of one vector of noise.

    A vector for each example, so that whoever trains draws it as all else is drawn. Without one,
    every example gets the same: in use, a seed is a picture.
    """

    def __init__(self) -> None:
        self._sizes: list[int] = []

    def add(self, tokens: int) -> None:
        """The next block takes one number for each of so many tokens; 0: it takes none."""
        self._sizes.append(tokens)

    @property
    def numbers(self) -> int:
        """Length of the vector."""
        return sum(self._sizes)

    def parts(self, noise: tf.Tensor | None, dtype: str) -> Iterator[tf.Tensor | None]:
        """For block after block ``[B, tokens]``, or None where it takes none.

        Args:
            noise: ``[B, numbers]``, standard normal; None: a fixed ``[1, numbers]``.
            dtype: of the parts.
        """
        vector: Any = noise
        if noise is None and self.numbers:
            fixed = np.random.default_rng(_SEED).standard_normal((1, self.numbers), np.float32)
            vector = tf.constant(fixed)
        start = 0
        for size in self._sizes:
            yield tf.cast(vector[:, start : start + size], dtype) if size else None
            start += size
