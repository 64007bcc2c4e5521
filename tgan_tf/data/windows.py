"""Equally long pieces of recordings, cut so that no held-out step is trained on."""

from __future__ import annotations

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data.split import held_out_count, stratified_order

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

    If every recording has just one piece, a stratified share of the recordings is held out.
    Otherwise the end of each recording is: what follows is what a model is asked about.

    Args:
        lengths: steps of each recording.
        labels: int [N] or None.
        length: steps of a piece.
        stride: steps from one piece to the next in training; held-out pieces do not overlap.
        val_fraction: the share held out.
        seed: chooses it, where it is whole recordings.
        flag: for errors.

    Returns:
        Pieces to train on, and held-out ones.

    Raises:
        ConfigError: when there are no pieces for one of the two.
    """
    if max(lengths) < length:
        raise ConfigError(f"{flag}: the longest recording has {max(lengths)} steps, not {length}")
    if all(steps < length + stride for steps in lengths):
        rows = np.flatnonzero(np.array(lengths) >= length)
        known = np.zeros(len(rows), np.int32) if labels is None else labels[rows]
        order = rows[stratified_order(known, seed)]
        count = held_out_count(len(rows), val_fraction)
        train = [(int(row), 0) for row in np.sort(order[count:])]
        val = [(int(row), 0) for row in np.sort(order[:count])]
    else:
        train, val = [], []
        for row, steps in enumerate(lengths):
            end = steps - max(length, round(steps * val_fraction))
            train += [(row, start) for start in range(0, end - length + 1, stride)]
            val += [(row, start) for start in range(max(end, 0), steps - length + 1, length)]
    if not train or not val:
        raise ConfigError(
            f"{flag}: {len(train)} pieces of {length} to train on and {len(val)} held out; there"
            " must be some of both: give more data, or shorter pieces"
        )
    return train, val
