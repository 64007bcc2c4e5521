"""Standard MIDI files, as far as windows need them.

A voice is what one channel of one track plays, percussion (channel 10) left out; of notes that
begin together the highest counts. Voices are ordered from high to low by their mean pitch. The
metre and the key are the first that the file states; without a metre it is 4/4, as the standard
says.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from tgan_tf.config import ConfigError
from tgan_tf.data.score import TONICS, Note, Piece, bar_lines

_PERCUSSION = 9
_OTHER_NAMES = {"C#": "Db", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb", "Cb": "B"}


def read_midi(path: Path) -> Piece:
    """Reads a file of format 0 or 1.

    Raises:
        ConfigError: mido is not installed.
        ValueError: the file is not MIDI, or has no notes.
    """
    try:
        import mido
    except ImportError as error:
        raise ConfigError("reading MIDI files needs mido: pip install 'tgan_tf[music]'") from error
    try:
        file = mido.MidiFile(path, clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"not a MIDI file: {error}") from error
    metre, key = "", ""
    voices: dict[tuple[int, int], list[Note]] = {}
    for index, track in enumerate(file.tracks):
        now = Fraction(0)  # quarters
        sounding: dict[tuple[int, int], Fraction] = {}
        for message in track:
            now += Fraction(message.time, file.ticks_per_beat)
            if message.type == "time_signature" and not metre:
                metre = f"{message.numerator}/{message.denominator}"
            elif message.type == "key_signature" and not key:
                key = message.key
            elif message.type in ("note_on", "note_off") and message.channel != _PERCUSSION:
                place = (message.channel, message.note)
                if (start := sounding.pop(place, None)) is not None and now > start:
                    notes = voices.setdefault((index, message.channel), [])
                    notes.append(Note(start, now, message.note))
                if message.type == "note_on" and message.velocity:
                    sounding[place] = now
    if not voices:
        raise ValueError("there are no notes")
    metre = metre or "4/4"
    beats, unit = map(int, metre.split("/"))
    bar = Fraction(4 * beats, unit)
    end = max(note.end for notes in voices.values() for note in notes)
    tonic, mode = _key(key)
    return Piece(
        path.stem,
        tuple(_skyline(notes) for notes in sorted(voices.values(), key=_mean_pitch, reverse=True)),
        bar_lines([bar] * int(-(-end // bar))),
        metre=metre,
        tonic=tonic,
        mode=mode,
    )


def _skyline(notes: list[Note]) -> tuple[Note, ...]:
    """One note at a time: the highest of those that begin together, until the next begins."""
    line: list[Note] = []
    for note in sorted(notes, key=lambda n: (n.start, -n.pitch)):
        if line and note.start == line[-1].start:
            continue
        if line and note.start < line[-1].end:
            line[-1] = line[-1]._replace(end=note.start)
        line.append(note)
    return tuple(line)


def _mean_pitch(notes: list[Note]) -> float:
    return sum(note.pitch for note in notes) / len(notes)


def _key(text: Any) -> tuple[int, str]:
    """(tonic, mode) of mido's name for a key, such as ``F#m``; (-1, empty) of none."""
    if not text:
        return -1, ""
    name = text.removesuffix("m")
    return TONICS.index(_OTHER_NAMES.get(name, name)), "minor" if text.endswith("m") else "major"
