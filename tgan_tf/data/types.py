"""What every data source becomes: two sets of uint8 images and what is known about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Progress = Callable[[int, int], None]  # (done, total)


@dataclass(frozen=True)
class ImageSet:
    """One split, ready for the pipeline.

    Args:
        images: uint8 [N, H, W, C], values 0..255; may be a read-only memory map.
        labels: int32 [N] with values 0..num_classes-1, or None.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images are {self.images.dtype} {self.images.shape}, not uint8 [N, H, W, C]"
            )
        if self.labels is not None and (
            self.labels.dtype != np.int32 or self.labels.shape != (len(self.images),)
        ):
            raise ValueError(
                f"labels are {self.labels.dtype} {self.labels.shape}, not int32"
                f" [{len(self.images)}]"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        _, height, width, channels = self.images.shape
        return height, width, channels


@dataclass(frozen=True)
class Source:
    """A data set, converted to one size and number of channels.

    Args:
        name: short name, fit for a file name.
        train: what the networks learn from.
        val: held out, never trained on.
        class_names: a name for each class; empty without labels.
        mirror_safe: whether a mirrored image could be in the data; None: only the user knows.
        licence: of the data, as far as it is known.
        skipped: ``"file: reason"`` for each file that could not be read.
    """

    name: str
    train: ImageSet
    val: ImageSet
    class_names: tuple[str, ...] = ()
    mirror_safe: bool | None = None
    licence: str = ""
    skipped: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 without labels."""
        return len(self.class_names)

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of every image."""
        return self.train.image_shape[:2]

    @property
    def channels(self) -> int:
        """1, 3 or 4."""
        return self.train.image_shape[2]
