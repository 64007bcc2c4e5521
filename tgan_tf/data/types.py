"""What every data source becomes: two sets of samples and what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tgan_tf.config import Config

Progress = Callable[[int, int], None]  # (done, total)

_DTYPES = (np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.float32))


@dataclass(frozen=True)
class SampleSet:
    """One split, ready for the pipeline.

    Args:
        samples: [N, *sample_shape] as the modality stores them, images uint8 [N, H, W, C] with
            values 0..255; may be a read-only memory map.
        labels: int32 [N], classes, with values 0..num_classes-1; or float32 [N, K], attributes that
            are 0 or 1, or vectors; or None.
        captions: the sentences that the vectors stand for; empty without.
        known: what else is known exactly of each sample and not learned from, by name, [N, ...]: of
            moving objects ``centres`` and ``objects``, see ``tgan_tf.data.video``.
    """

    samples: np.ndarray
    labels: np.ndarray | None = None
    captions: tuple[str, ...] = ()
    known: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.samples.dtype not in _DTYPES or self.samples.ndim < 2:
            raise ValueError(
                f"samples are {self.samples.dtype} {self.samples.shape}, not uint8, int32 or"
                " float32 [N, ...]"
            )
        if self.labels is None:
            return
        dtype, shape = (self.labels.dtype, self.labels.ndim), self.labels.shape
        if dtype not in ((np.int32, 1), (np.float32, 2)) or shape[0] != len(self.samples):
            raise ValueError(
                f"labels are {self.labels.dtype} {self.labels.shape}, not int32"
                f" [{len(self.samples)}] or float32 [{len(self.samples)}, K]"
            )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of one sample; of an image (H, W, C)."""
        return tuple(self.samples.shape[1:])

    @property
    def classes(self) -> np.ndarray | None:
        """The labels int32 [N], if they are classes."""
        return None if self.labels is None or self.labels.ndim != 1 else self.labels


@dataclass(frozen=True)
class Source:
    """A data set, converted to samples of one shape.

    Args:
        name: short name, fit for a file name.
        train: what the networks learn from.
        val: held out, never trained on.
        class_names: a name for each class; empty without classes.
        attribute_names: a name for each attribute; empty without attributes. Labels that are
            neither are vectors.
        mirror_safe: whether a mirrored image could be in the data; None: only the user knows.
        licence: of the data, as far as it is known.
        skipped: ``"file: reason"`` for each file that could not be read, or not to its end, and
            for what else is not used.
        modality: kind of data, see ``tgan_tf.modalities``.
        shape: of what the networks see, channels last; of images that of the samples.
        vocabulary: what the numbers in the samples stand for, where they stand for something; of
            time series the names of the channels.
        channel_mean, channel_std: of time series, by which they are standardised; those of latents
            are not known before the autoencoder is.
        frame_rate: of video, frames a second; 0: unknown.
        signals: ``train`` as the networks see it, where that is made once; None: as they learn.
    """

    name: str
    train: SampleSet
    val: SampleSet
    class_names: tuple[str, ...] = ()
    mirror_safe: bool | None = None
    licence: str = ""
    skipped: tuple[str, ...] = ()
    modality: str = "image"
    shape: tuple[int, ...] = ()
    vocabulary: tuple[str, ...] = ()
    channel_mean: tuple[float, ...] = ()
    channel_std: tuple[float, ...] = ()
    channel_memory: tuple[float, ...] = ()
    attribute_names: tuple[str, ...] = ()
    frame_rate: float = 0.0
    signals: SampleSet | None = None

    def __post_init__(self) -> None:
        for part in (self.train, self.val):
            images = part.samples
            if self.modality == "image" and (images.dtype != np.uint8 or images.ndim != 4):
                raise ValueError(
                    f"images are {images.dtype} {images.shape}, not uint8 [N, H, W, C]"
                )

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 without classes."""
        return len(self.class_names)

    @property
    def vector_width(self) -> int:
        """Numbers of a vector; 0 without vectors."""
        labels = self.train.labels
        if labels is None or labels.ndim == 1 or self.attribute_names:
            return 0
        return int(labels.shape[1])

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of every image."""
        height, width, _ = self.train.sample_shape
        return height, width

    @property
    def channels(self) -> int:
        """1, 3 or 4."""
        return self.train.sample_shape[2]

    def resolve(self, config: Config) -> Config:
        """The configuration with what this data set says filled in."""
        labels: dict[str, Any] = {
            "num_classes": self.num_classes,
            "class_names": self.class_names,
            "attribute_names": self.attribute_names,
            "vector_width": self.vector_width,
        }
        if self.modality == "image":
            labels |= {"image_size": self.image_size, "channels": self.channels}
            if path := config.data.autoencoder:
                from tgan_tf.modalities.latent import latents_of  # starts TensorFlow

                shape, mean, std = latents_of(path, self.train.samples)
                labels |= {"shape": shape, "channel_mean": mean, "channel_std": std}
            return config.resolve(**labels)
        return config.resolve(
            modality=self.modality,
            shape=self.shape,
            vocabulary=self.vocabulary,
            channel_mean=self.channel_mean,
            channel_std=self.channel_std,
            channel_memory=self.channel_memory,
            frame_rate=self.frame_rate,
            **labels,
        )
