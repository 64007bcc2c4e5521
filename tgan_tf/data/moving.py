"""``moving:SOURCE``: an object that bounces off the walls.

The physics of Moving MNIST (Srivastava et al. 2015, sec. 4.1) with one object in a clip and places
between pixels: what a video generator has to learn is known exactly, so what it has learned can be
measured. The objects are images of any data set; what is transparent in them is black.

An object's side is half of the frame's. Its place on each axis starts anywhere in the free space,
moves by the same amount from frame to frame, and turns round at the ends; its direction is uniform,
its speed between 1/32 and 1/16 of the frame's side a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from tgan_tf.data import pixels

SPEEDS = (1 / 32, 1 / 16)  # the side of a frame, per frame
_CHUNK = 64  # clips that are drawn at once


class Flights(NamedTuple):
    """Who flies where.

    Args:
        objects: int64 [N], which object each clip shows.
        places: float64 [N, F, 2], the (row, column) of the object's upper left corner.
        room: the side of the square in which a corner moves, in pixels: 0..room.
    """

    objects: np.ndarray
    places: np.ndarray
    room: float

    def centres(self, size: int) -> np.ndarray:
        """The middle of the object in frames of that side, float32 [N, F, 2]: (row, column), where
        the middle of the first pixel is 0."""
        return (self.places + (size - self.room - 1) / 2).astype(np.float32)


class MovingClips(NamedTuple):
    """Clips and what is known about them.

    Args:
        clips: uint8 [N, F, H, W, C].
        labels: int32 [N], the object's class.
        places: float32 [N, F, 2], the (row, column) of the object's upper left corner.
        room: the side of the square in which a corner moves, in pixels: 0..room.
    """

    clips: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    room: float


def moving_clips(
    objects: np.ndarray, labels: np.ndarray, count: int, *, frames: int, size: int, seed: int
) -> MovingClips:
    """Makes clips; the same arguments make the same ones.

    Args:
        objects: uint8 [M, h, w, C], light on black; resized to half of ``size``.
        labels: int [M].
        count: N, how many clips; the objects take turns in random order.
        frames: F.
        size: H and W, even.
        seed: chooses objects, places and directions.
    """
    flights = plan(len(objects), count, frames=frames, size=size, seed=seed)
    clips = np.concatenate(list(drawn(objects, flights, size, objects.shape[-1])))
    known = labels[flights.objects].astype(np.int32)
    return MovingClips(clips, known, flights.places.astype(np.float32), flights.room)


def plan(objects: int, count: int, *, frames: int, size: int, seed: int) -> Flights:
    """Chooses who flies where; ``objects`` is M, the others as for ``moving_clips``."""
    room = float(size - size // 2)
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(objects) for _ in range(-(-count // objects))])
    start = rng.uniform(0, room, (count, 2))
    angle = rng.uniform(0, 2 * np.pi, count)
    speed = size * rng.uniform(*SPEEDS, count)
    velocity = speed[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)  # [N, 2]
    time = np.arange(frames)[:, None]
    places = reflected(start[:, None] + velocity[:, None] * time, room)  # [N, F, 2]
    return Flights(chosen[:count], places, room)


def drawn(objects: np.ndarray, flights: Flights, size: int, channels: int) -> Iterator[np.ndarray]:
    """The clips, some at a time: uint8 [n, F, size, size, C].

    Args:
        objects: uint8 [M, h, w, C], of 1, 3 or 4 channels; resized to half of ``size``.
        flights: of ``plan``.
        size: H and W, even.
        channels: 1 or 3.
    """
    for first in range(0, len(flights.objects), _CHUNK):
        part = slice(first, first + _CHUNK)
        small = [_resized(objects[index], size // 2, channels) for index in flights.objects[part]]
        yield _placed(np.stack(small), flights.places[part], size)


def reflected(position: np.ndarray, room: float) -> np.ndarray:
    """Where something is that would be at ``position`` without walls at 0 and ``room``."""
    return room - np.abs(position % (2 * room) - room)


def shift_matrices(places: np.ndarray, inner: int, outer: int) -> np.ndarray:
    """Linear maps that put ``inner`` pixels into ``outer``, from each place on, between pixels too.

    Args:
        places: [...], of the first pixel.

    Returns:
        float32 [..., outer, inner]: linear interpolation, under which a centre of mass moves as
        the place does.
    """
    offsets = np.arange(outer)[:, None] - np.arange(inner) - places[..., None, None]
    return np.maximum(0, 1 - np.abs(offsets)).astype(np.float32)


def _placed(objects: np.ndarray, places: np.ndarray, size: int) -> np.ndarray:
    """Objects ``[n, h, h, C]`` at places ``[n, F, 2]`` -> uint8 ``[n, F, size, size, C]``."""
    down, right = (
        shift_matrices(places[..., axis], objects.shape[1], size) for axis in (0, 1)
    )  # [n, F, size, h]
    channels = []
    for channel in np.moveaxis(objects.astype(np.float32), -1, 0):  # [n, h, h]
        channels.append(down @ channel[:, None] @ right.swapaxes(-1, -2))
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _resized(image: np.ndarray, side: int, channels: int) -> np.ndarray:
    """uint8 [h, w, C] to [side, side, channels]."""
    picture = pixels.image_from_array(image).resize((side, side), Image.Resampling.BICUBIC)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    return pixels.to_row(picture, (side, side, channels), "stretch")
