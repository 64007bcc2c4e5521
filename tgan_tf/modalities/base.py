"""The interface of a kind of data."""

from __future__ import annotations

import abc
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf


class Modality(abc.ABC):
    """How one kind of data becomes what the networks see, and back, and how people see it.

    Attributes:
        name: of the kind of data.
        sample_shape: of one sample, as stored.
        sample_dtype: of one sample, as stored.
        augmentations: the DiffAugment policies that make sense for it.
    """

    name: str
    sample_shape: tuple[int, ...]
    sample_dtype: np.dtype
    augmentations: tuple[str, ...]

    @abc.abstractmethod
    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """Stored samples [B, *sample_shape] to what the discriminator sees, float32."""

    @abc.abstractmethod
    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """What the generator makes to samples [B, *sample_shape] of ``sample_dtype``.

        Of operations that TFLite has built in, for it is part of every exported model.
        """

    @abc.abstractmethod
    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """One picture of all samples, row by row: uint8 [height, width, C].

        Args:
            samples: [N, *sample_shape], N at least 1.
            columns: samples in a row; 0: about as many as rows.
        """

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
