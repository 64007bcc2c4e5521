"""Images as networks of metrics see them: without alpha, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class OpaqueRows:
    """Some rows of an array of images, RGBA composed on white.

    Nothing is read before rows are asked for, so the array may be a memory map larger than memory.

    Args:
        images: uint8 [N, H, W, C].
        rows: int [M], which of them; None: all.

    Attributes:
        shape: (M, H, W, C), with 3 channels where the array has 4.
        dtype: of the array.
    """

    def __init__(self, images: np.ndarray | OpaqueRows, rows: np.ndarray | None = None) -> None:
        self._images, self._rows = images, rows
        count = len(images) if rows is None else len(rows)
        channels = 3 if images.shape[-1] == 4 else images.shape[-1]
        self.shape: tuple[int, ...] = (count, *images.shape[1:-1], channels)
        self.dtype: np.dtype = images.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """uint8 [m, H, W, C], a copy."""
        return opaque(self._images[rows if self._rows is None else self._rows[rows]])

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """All of them in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def opaque(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, 4] composed on white, [N, H, W, 3]; other images as they are."""
    if images.shape[-1] != 4:
        return images
    alpha = images[..., 3:].astype(np.uint16)
    # 255 times the colour, at most 255 * 255; 127 rounds to the nearest.
    colour = images[..., :3] * alpha + 255 * (255 - alpha)
    return ((colour + 127) // 255).astype(np.uint8)
