"""Images as networks of metrics see them: without alpha, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class Joined:
    """Arrays of images one after another, as one; nothing is read before it is asked for.

    Args:
        parts: uint8 [N_i, H, W, C] each.

    Attributes:
        shape: (N, H, W, C).
        dtype: of the first.
    """

    def __init__(self, *parts: np.ndarray) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *parts[0].shape[1:])
        self.dtype: np.dtype = parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """uint8 [m, H, W, C], a copy."""
        chosen = np.arange(len(self))[rows]
        images = np.empty((len(chosen), *self.shape[1:]), self.dtype)
        for part, start in zip(self._parts, self._starts[:-1], strict=True):
            here = (start <= chosen) & (chosen < start + len(part))
            images[here] = part[chosen[here] - start]
        return images


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

    def __init__(
        self, images: np.ndarray | Joined | OpaqueRows, rows: np.ndarray | None = None
    ) -> None:
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
