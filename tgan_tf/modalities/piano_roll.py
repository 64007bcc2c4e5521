"""Piano rolls: time to the right, pitch upwards, a colour for each voice."""

from __future__ import annotations

import numpy as np

from tgan_tf.data.score import HOLD, REST, STEPS_PER_BAR, STEPS_PER_QUARTER, fill

# Of voices from high to low, repeated after the last (Okabe & Ito's colours for all eyes).
_COLOURS = np.array([(213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167)], np.uint8)
_PAPER, _BLACK_KEY, _BEAT, _BAR = 255, 244, 232, 200
_STEP, _PITCH = 5, 3  # pixels
_BLACK_KEYS = (1, 3, 6, 8, 10)


def piano_rolls(samples: np.ndarray) -> np.ndarray:
    """Pictures of windows, all of the pitches that any of them has.

    Args:
        samples: uint8 [N, T, voices] of ``tgan_tf.data.score``.

    Returns:
        uint8 [N, 3 pitches, 5 T, 3]. A white column to the left of a note says that it begins.
    """
    sounding = fill(samples)
    notes = sounding[sounding != REST]
    low, high = (int(notes.min()) - 1, int(notes.max()) + 1) if notes.size else (59, 61)
    pitches, (count, steps, voices) = high - low + 1, samples.shape
    rows = np.full((pitches, steps, _STEP), _PAPER, np.uint8)
    rows[[pitch - low for pitch in range(low, high + 1) if pitch % 12 in _BLACK_KEYS]] = _BLACK_KEY
    rows[:, ::STEPS_PER_QUARTER, 0] = _BEAT
    rows[:, ::STEPS_PER_BAR, 0] = _BAR
    rolls = np.repeat(rows[np.newaxis, ..., np.newaxis], count, axis=0).repeat(3, axis=-1)
    for voice in reversed(range(voices)):  # the highest on top
        window, step = np.nonzero(sounding[..., voice] != REST)
        row = sounding[window, step, voice].astype(int) - low
        rolls[window, row, step] = _COLOURS[voice % len(_COLOURS)]
        begins = samples[window, step, voice] != HOLD
        rolls[window[begins], row[begins], step[begins], 0] = _PAPER
    rolls = rolls[:, ::-1].reshape(count, pitches, steps * _STEP, 3)
    return rolls.repeat(_PITCH, axis=1)
