"""Equally long pieces of recordings, cut so that no held-out step is trained on."""

from __future__ import annotations

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data.split import stratified_order

Pieces = list[tuple[int, int]]  # (recording, first step)


def cut(
    lengths: list[int],
    labels: np.ndarray | None,
    *,
    length: int,
    stride: int,
    val_fraction: float,
    seed: int,
    flag: str,
) -> tuple[Pieces, Pieces]:
    """Where the pieces of the two splits begin.

    A recording of which ``val_fraction``, or a piece of less than twice as much, leaves a piece to
    train on gives up its end: what follows is what a model is asked about. Of the shorter ones a
    stratified share gives up a piece at the end, or, where nothing would be left, all: as many as
    hold ``val_fraction`` of their steps together.

    Args:
        lengths: steps of each recording.
        labels: int [N] or None.
        length: steps of a piece.
        stride: steps from one piece to the next in training; held-out pieces do not overlap.
        val_fraction: the share held out.
        seed: chooses which of the shorter recordings give something.
        flag: for errors.

    Returns:
        Pieces to train on, and held-out ones.

    Raises:
        ConfigError: when there are no pieces for one of the two.
    """
    if max(lengths) < length:
        raise ConfigError(f"{flag}: the longest recording has {max(lengths)} steps, not {length}")
    ends = _held_out_steps(np.array(lengths), labels, length, val_fraction, seed)
    train, val = [], []
    for row, (steps, held_out) in enumerate(zip(lengths, ends.tolist(), strict=True)):
        end = steps - held_out
        train += [(row, start) for start in range(0, end - length + 1, stride)]
        val += [(row, start) for start in range(end, steps - length + 1, length)]
    if not train or not val:
        raise ConfigError(
            f"{flag}: {len(train)} pieces of {length} to train on and {len(val)} held out; there"
            " must be some of both: give more data, or shorter pieces"
        )
    return train, val


def _held_out_steps(
    steps: np.ndarray, labels: np.ndarray | None, length: int, val_fraction: float, seed: int
) -> np.ndarray:
    """How much of the end of each recording is held out, int64 [N]."""
    share = np.maximum(length, np.rint(steps * val_fraction)).astype(np.int64)
    is_long = (np.rint(2 * val_fraction * steps) >= length) & (steps >= share + length)
    held_out = np.where(is_long, share, 0)
    short = np.flatnonzero((steps >= length) & ~is_long)
    if not len(short):
        return held_out
    gives = np.where(steps[short] >= 2 * length, length, steps[short])
    count = round(len(short) * val_fraction * (steps[short].sum() / gives.sum()))
    if not is_long.any():  # nothing else is held out
        count = max(count, 1)
    known = np.zeros(len(short), np.int32) if labels is None else labels[short]
    chosen = stratified_order(known, seed)[:count]
    held_out[short[chosen]] = gives[chosen]
    return held_out
