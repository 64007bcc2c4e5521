"""Piano rolls on pages, held against windows of music."""

from __future__ import annotations

import numpy as np

from tgan_tf.data import score

_COLOURS = ((213, 94, 0), (0, 114, 178))  # of two voices


def assert_shows(roll: np.ndarray, window: np.ndarray, highest: int) -> None:
    """Every sounding step has the colour of its voice, or of the upper one where both are one note.

    Args:
        roll: [3 pitches, 5 T, 3], the highest pitch above.
        window: uint8 [T, 2].
        highest: that pitch.
    """
    sounding = score.fill(window[np.newaxis])[0]
    assert (sounding > 0).any(axis=0).all()  # else little is compared
    for step, voice in np.argwhere(sounding):
        pitch = sounding[step, voice]
        seen = roll[3 * (highest - pitch) + 1, 5 * step + 2]
        assert tuple(seen) == _COLOURS[0 if sounding[step, 0] == pitch else voice]
