"""Pieces of music, and the windows of them that a network sees.

A window is cut at a bar line and has sixteen steps for each bar of four quarters. A step of a
voice is one token: 0 a rest, 1 to 127 the MIDI number of a note that begins, ``HOLD`` a note or
rest that goes on. No window begins with ``HOLD``: what sounds across its first bar line begins
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

REST = 0
HOLD = 128
NOT_GIVEN = 255  # with which a voice begins that is to be written, in what a generator is given
STEPS_PER_BAR = 16
STEPS_PER_QUARTER = 4
TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_KEPT_SHIFTS = range(-6, 6)  # each of the twelve keys once


class Note(NamedTuple):
    """One note.

    Args:
        start: in quarters from the beginning of the piece.
        end: likewise.
        pitch: MIDI number, 60 is middle C.
    """

    start: Fraction
    end: Fraction
    pitch: int


@dataclass(frozen=True)
class Piece:
    """One piece, as much of it as windows need.

    Args:
        name: what to call it.
        voices: notes of each voice, from the highest voice to the lowest.
        bars: where each bar begins, in quarters; then where the last one ends.
        metre: such as ``4/4``; empty: unknown.
        tonic: pitch class, 0 is C; -1: unknown.
        mode: ``major`` or ``minor``; empty: unknown.
    """

    name: str
    voices: tuple[tuple[Note, ...], ...]
    bars: tuple[Fraction, ...]
    metre: str = ""
    tonic: int = -1
    mode: str = ""


def key_of(fifths: int, mode: str, last_note: int | None = None) -> tuple[int, str]:
    """(tonic, mode) of a key signature.

    Args:
        fifths: sharps, or flats as a negative number.
        mode: as written; anything but major and minor (and their other names) is decided by the
            last note.
        last_note: MIDI number of the last note of the lowest voice.

    Returns:
        Pitch class of the tonic, and ``major`` or ``minor``.
    """
    major = 7 * fifths % 12
    mode = {"ionian": "major", "aeolian": "minor"}.get(mode, mode)
    if mode not in ("major", "minor"):
        mode = "minor" if last_note is not None and last_note % 12 == (major + 9) % 12 else "major"
    return (major if mode == "major" else (major + 9) % 12), mode


def roll(piece: Piece) -> np.ndarray:
    """The whole piece in steps from its first bar line: uint8 [T, voices].

    Onsets are rounded to the nearest step; of two in one step the first counts, so ornaments give
    way to what they adorn. A note lasts until the next begins or it ends, at least one step.
    """
    start = piece.bars[0]
    steps = _step(piece.bars[-1] - start)
    tokens = np.full((steps, len(piece.voices)), HOLD, np.uint8)
    if not steps:
        return tokens
    tokens[0] = REST
    for voice, notes in enumerate(piece.voices):
        last = -1
        for note in sorted(notes):
            first, end = _step(note.start - start), max(_step(note.end - start), 0)
            if first <= last or first >= steps or first < 0:
                continue
            tokens[first, voice] = note.pitch
            last = first
            if max(end, first + 1) < steps:
                tokens[max(end, first + 1), voice] = REST
        # A rest that a note replaced is gone; one within another note's time is not.
    return tokens


def windows(piece: Piece, bars: int) -> np.ndarray:
    """All windows of ``bars`` times sixteen steps that begin at a bar line.

    Returns:
        uint8 [N, steps, voices]; those in which a voice is silent throughout, or no bar begins
        where the metre wants one (as after a pickup), are left out.
    """
    tokens, length = roll(piece), bars * STEPS_PER_BAR
    sounding = fill(tokens[np.newaxis])[0]  # [T, voices]
    lines = [_step(bar - piece.bars[0]) for bar in piece.bars]
    beats, _, unit = piece.metre.partition("/")
    bar = STEPS_PER_BAR * int(beats) // int(unit) if unit else 0
    found = []
    for first in lines[:-1]:
        window = tokens[first : first + length].copy()
        wanted = range(first, first + length + 1, bar) if bar else ()
        if len(window) < length or not set(lines).issuperset(wanted):
            continue
        window[0] = sounding[first]
        if not (fill(window[np.newaxis]) == REST).all(axis=1).any():
            found.append(window)
    if not found:
        return np.zeros((0, length, len(piece.voices)), np.uint8)
    return np.stack(found)


def fill(tokens: np.ndarray) -> np.ndarray:
    """What sounds in each step: ``HOLD`` replaced by what it holds; uint8 [N, T, voices]."""
    held = tokens == HOLD
    steps = np.arange(tokens.shape[1])[:, np.newaxis]
    origin = np.maximum.accumulate(np.where(held, 0, steps), axis=1)
    return np.take_along_axis(np.where(held, REST, tokens), origin, axis=1).astype(np.uint8)


def transpose(tokens: np.ndarray, shift: int) -> np.ndarray:
    """Moves every note by ``shift`` semitones; rests and holds stay."""
    notes = (tokens != REST) & (tokens != HOLD)
    return np.where(notes, tokens.astype(np.int16) + shift, tokens).astype(np.uint8)


def voice_ranges(tokens: np.ndarray) -> np.ndarray:
    """Lowest and highest note of each voice, int [voices, 2]; without notes (0, -1)."""
    ranges = []
    for voice in range(tokens.shape[-1]):
        column = tokens[..., voice]
        notes = column[(column != REST) & (column != HOLD)]
        ranges.append((int(notes.min()), int(notes.max())) if notes.size else (0, -1))
    return np.array(ranges)


def shifts_in_range(window: np.ndarray, ranges: np.ndarray) -> list[int]:
    """Transpositions -6..5 under which every voice of ``window`` stays within its range.

    Args:
        window: uint8 [T, voices].
        ranges: of ``voice_ranges``.
    """
    low, high = voice_ranges(window).T
    return [
        shift
        for shift in _KEPT_SHIFTS
        if (low + shift >= ranges[:, 0]).all() and (high + shift <= ranges[:, 1]).all()
    ]


def invariant(window: np.ndarray) -> bytes:
    """The same for a window and its transpositions only."""
    notes = (window != REST) & (window != HOLD)
    first = window[notes][0] if notes.any() else 0
    return transpose(window, 64 - int(first)).tobytes()


def bar_lines(lengths: Iterable[Fraction]) -> tuple[Fraction, ...]:
    """Where bars of these lengths begin, and where the last one ends."""
    lines = [Fraction(0)]
    for length in lengths:
        lines.append(lines[-1] + length)
    return tuple(lines)


def joined(notes: Sequence[Note], tied: Sequence[bool]) -> tuple[Note, ...]:
    """Notes in order of time, in which one that is tied prolongs the one before it."""
    kept: list[Note] = []
    for note, tie in sorted(zip(notes, tied, strict=True)):
        if tie and kept and kept[-1].pitch == note.pitch and kept[-1].end == note.start:
            kept[-1] = kept[-1]._replace(end=note.end)
        else:
            kept.append(note)
    return tuple(kept)


def _step(quarters: Fraction) -> int:
    """The nearest step; halves go down."""
    return int(-((-2 * STEPS_PER_QUARTER * quarters + 1) // 2))
