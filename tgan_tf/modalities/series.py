"""Time series: float32 [T, C] in their own units; what is new in each step for the networks.

A standardised step is predicted from the one before, by the channel's correlation of the two; the
networks see the errors, divided by what is usual (the innovations of an autoregressive process of
order 1; of speech, pre-emphasis). A slow series has small steps, which a network that makes values
gets wrong by little and everywhere; in what is new they are as large as all else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.files import replacing
from tgan_tf.modalities import pictures, plots
from tgan_tf.modalities.base import Modality, file_stems


class SeriesModality(Modality):
    """Series of one length and number of channels.

    Signals are what is new in each step, see above; the discriminator sees the values too.

    Args:
        config: with the shape and the channels' statistics resolved.

    Raises:
        ConfigError: when they are not.
    """

    name = "series"
    plural = "time series"
    sample_dtype = np.dtype(np.float32)
    augmentations = ()

    def __init__(self, config: Config) -> None:
        data = config.data
        if not config.is_resolved or len(data.channel_std) != data.shape[-1]:
            raise ConfigError("the length of the time series is not known before they are read")
        length, _, channels = self.signal_shape = data.shape
        self.sample_shape = (length, channels)
        self.channel_names = data.vocabulary
        self._mean = np.array(data.channel_mean, np.float32)
        self._std = np.array(data.channel_std, np.float32)
        memory = np.array(data.channel_memory or (0.0,) * channels)
        new = np.sqrt(1 - memory**2)  # standard deviation of what is new
        self._memory, self._new = memory.astype(np.float32), new.astype(np.float32)
        # A value is the sum of what was new so far and is left of it: [C, T, T].
        ages = np.arange(length)[:, np.newaxis] - np.arange(length)
        left = memory[:, np.newaxis, np.newaxis] ** np.maximum(ages, 0) * (ages >= 0)
        left[:, :, 1:] *= new[:, np.newaxis, np.newaxis]
        self._left = left.astype(np.float32)

    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """float32 [B, T, C] to [B, T, 1, C], of a standard deviation of 1 or so."""
        values = (tf.cast(samples, tf.float32) - self._mean) / self._std
        new = (values[:, 1:] - self._memory * values[:, :-1]) / self._new
        return tf.concat([values[:, :1], new], axis=1)[:, :, None]

    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """As it is: series have no bounds."""
        return values

    @property
    def seen_shape(self) -> tuple[int, ...]:
        length, _, channels = self.signal_shape
        return (length, 1, 2 * channels)

    def see(self, signals: tf.Tensor) -> tf.Tensor:
        """[B, T, 1, C] to [B, T, 1, 2 C]: with the standardised values that they add up to."""
        return tf.concat([signals, self._values(signals)[:, :, None]], axis=-1)

    def _values(self, signals: tf.Tensor) -> tf.Tensor:
        """[B, T, 1, C] to standardised values [B, T, C]."""
        new = tf.transpose(signals[:, :, 0], (2, 1, 0))  # [C, T, B]
        return tf.transpose(tf.constant(self._left, signals.dtype) @ new, (2, 1, 0))

    def negative_log_likelihood(self, signals: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Of each step, [B, T, 1], but for a constant: of normal distributions of variance 1."""
        return 0.5 * tf.reduce_sum(tf.square(signals - values), axis=-1)

    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """[B, T, 1, C] to float32 [B, T, C] in the data's own units."""
        return self._values(tf.cast(values, tf.float32)) * self._std + self._mean

    def describe(self) -> str:
        length, channels = self.sample_shape
        return f"{length} steps of {channels} channel{'s' * (channels > 1)}"

    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """A small line plot for each sample, all on the same scale; a colour for each channel."""
        return pictures.tile(self._plotted(samples), columns, scale=1)

    def class_rows(
        self,
        samples: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        columns: int = 10,
    ) -> np.ndarray:
        """One picture with a named row of plots for each class."""
        return pictures.rows_of_classes(
            self._plotted(samples), labels, class_names, columns, scale=1
        )

    def write(
        self, samples: np.ndarray, directory: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> list[Path]:
        """``NAME.csv`` for each sample, a row for each step, and a plot of it, ``NAME.png``.

        Returns the tables.
        """
        stems = file_stems(len(samples), names)
        header = ",".join(self.channel_names)
        files = []
        for sample, plot, stem in zip(samples, self._plotted(samples), stems, strict=True):
            path = Path(directory) / f"{stem}.csv"
            pictures.save_png(plot, path.with_suffix(".png"))
            with replacing(path) as beside:
                np.savetxt(beside, sample, "%.9g", ",", header=header, comments="")
            files.append(path)
        return files

    def _plotted(self, samples: np.ndarray) -> np.ndarray:
        """uint8 [N, height, width, 3]."""
        return plots.line_plots((samples - self._mean) / self._std)
