"""How an object moves through a clip: where it is, whether it flies straight, whether it stays.

For clips of one light object on black that bounces in a square (`tgan_tf.data.moving`). There the
truth is exact, so these say in pixels what a Frechet distance can only hint at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tgan_tf.data.moving import reflected, shift_matrices

_LEAST_LIGHT = 2.0  # sum of a frame's values, 0..1 each, below which it holds no object
_CHUNK = 256  # clips that are fitted at once
_ROUNDS = 4  # each on a grid about a third as fine


class Flight(NamedTuple):
    """The best straight flight with bounces through the centres of each clip.

    Args:
        residual: root mean square distance between centre and flight, pixels, [N]; infinite where
            a frame is empty.
        speed: pixels per frame, [N]; 0 where a frame is empty.
    """

    residual: np.ndarray
    speed: np.ndarray


def centres(clips: np.ndarray) -> np.ndarray:
    """Centre of mass of each frame of uint8 ``[N, F, H, W, C]``: (row, column), float64
    ``[N, F, 2]``; NaN where a frame is as good as black."""
    light = clips.mean(axis=-1) / 255  # [N, F, H, W]
    rows, columns = light.sum(axis=3), light.sum(axis=2)  # [N, F, H], [N, F, W]
    total = rows.sum(axis=-1)
    seen = total >= _LEAST_LIGHT
    safe = np.where(seen, total, 1)
    centre = [
        np.where(seen, profile @ np.arange(profile.shape[-1]) / safe, np.nan)
        for profile in (rows, columns)
    ]
    return np.stack(centre, axis=-1)


def fit_flights(places: np.ndarray, room: float, top_speed: float) -> Flight:
    """Fits ``offset + reflected(start + velocity t, room)`` to each axis of each clip.

    An object's centre is at a fixed, unknown offset from its corner, which moves in 0..room. The
    error has many valleys: starts and velocities are searched on a grid, which is then refined.

    Args:
        places: [N, F, 2], as `centres` gives them.
        room: side of the square in which the corner moves.
        top_speed: greatest velocity of an axis that is tried, pixels per frame.
    """
    found = ~np.isnan(places).any(axis=(1, 2))
    residual, speed = np.full(len(places), np.inf), np.zeros(len(places))
    if found.any():
        known = places[found]  # [n, F, 2]
        errors, velocities = zip(
            *(_fit_axis(known[..., axis], room, top_speed) for axis in (0, 1)), strict=True
        )
        residual[found] = np.sqrt(sum(errors))
        speed[found] = np.hypot(*velocities)
    return Flight(residual, speed)


def _fit_axis(x: np.ndarray, room: float, top_speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared error and velocity of the best flight through each row of ``[n, F]``."""
    starts, velocities = np.meshgrid(
        np.linspace(0, 2 * room, 24, endpoint=False), np.linspace(0, top_speed, 16), indexing="ij"
    )
    # A flight to the other side is one from the mirrored start: velocities below 0 are not needed.
    flights = _flights(starts.ravel()[None], velocities.ravel()[None], x.shape[1], room)
    best = np.concatenate(
        [_errors(x[i : i + _CHUNK], flights).argmin(axis=1) for i in range(0, len(x), _CHUNK)]
    )
    start, velocity = starts.ravel()[best], velocities.ravel()[best]
    steps = np.array([2 * room / 24, top_speed / 15])
    around = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 2, indexing="ij"), axis=-1)
    around = around.reshape(-1, 2)  # [49, 2]
    for _ in range(_ROUNDS):
        tried_start = start[:, None] + steps[0] * around[:, 0]  # [n, 49]
        tried_velocity = velocity[:, None] + steps[1] * around[:, 1]
        errors = _errors(x, _flights(tried_start, tried_velocity, x.shape[1], room))
        best = errors.argmin(axis=1)
        rows = np.arange(len(x))
        start, velocity = tried_start[rows, best], tried_velocity[rows, best]
        steps = steps / 3
    return errors[rows, best], np.abs(velocity)


def _flights(start: np.ndarray, velocity: np.ndarray, frames: int, room: float) -> np.ndarray:
    """``[n or 1, tries]`` of both -> places about their mean ``[n or 1, tries, F]``."""
    path = reflected(start[..., None] + velocity[..., None] * np.arange(frames), room)
    return path - path.mean(axis=-1, keepdims=True)


def _errors(x: np.ndarray, flights: np.ndarray) -> np.ndarray:
    """Mean squared error of each flight, at its best offset, to each row: ``[n, tries]``."""
    x = x - x.mean(axis=1, keepdims=True)
    frames = x.shape[1]
    products = np.einsum("nf,ntf->nt", x, flights) if len(flights) > 1 else x @ flights[0].T
    squares = np.square(x).sum(axis=1)[:, None] + np.square(flights).sum(axis=-1)
    return np.maximum(squares - 2 * products, 0) / frames


def object_changes(clips: np.ndarray) -> np.ndarray:
    """How much the object itself changes, once its motion is taken out: ``[N]``.

    Each frame is moved so that its centre of mass is in the middle; the result is the root mean
    square difference of the frames to their mean, over that mean's own root mean square. 0: the
    same object throughout. Clips with an empty frame: 1.

    Args:
        clips: uint8 ``[N, F, H, W, C]``.
    """
    places = centres(clips)
    size = clips.shape[2:4]
    changes = np.ones(len(clips))
    found = ~np.isnan(places).any(axis=(1, 2))
    for index in np.flatnonzero(found):
        down, right = (
            shift_matrices((size[axis] - 1) / 2 - places[index, :, axis], size[axis], size[axis])
            for axis in (0, 1)
        )  # [F, H, H], [F, W, W]
        light = clips[index].mean(axis=-1)  # [F, H, W]
        still = down @ light @ right.swapaxes(-1, -2)
        mean = still.mean(axis=0)
        changes[index] = np.sqrt(np.square(still - mean).mean() / np.square(mean).mean())
    return changes


def same_class_share(classes: np.ndarray) -> np.ndarray:
    """Share of a clip's frames that look like what most of its frames look like.

    Args:
        classes: int [N, F], what a classifier sees in each frame.

    Returns:
        float64 [N].
    """
    counts = np.stack([(classes == c).sum(axis=1) for c in np.unique(classes)], axis=1)
    return counts.max(axis=1) / classes.shape[1]
