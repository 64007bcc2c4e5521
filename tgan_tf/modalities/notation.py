"""Windows as MusicXML 4.0, for notation programs."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from tgan_tf.data.score import HOLD, REST, STEPS_PER_BAR, fill

_SHARPS = (("C", 0), ("C", 1), ("D", 0), ("D", 1), ("E", 0), ("F", 0), ("F", 1), ("G", 0),
           ("G", 1), ("A", 0), ("A", 1), ("B", 0))  # fmt: skip
_FLATS = (("C", 0), ("D", -1), ("D", 0), ("E", -1), ("E", 0), ("F", 0), ("G", -1), ("G", 0),
          ("A", -1), ("A", 0), ("B", -1), ("B", 0))  # fmt: skip
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
# Sixteenths -> (note type, dots); what is not here is tied together of these.
_TYPES = {16: ("whole", 0), 12: ("half", 1), 8: ("half", 0), 6: ("quarter", 1), 4: ("quarter", 0),
          3: ("eighth", 1), 2: ("eighth", 0), 1: ("16th", 0)}  # fmt: skip
_DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN"'
    ' "http://www.musicxml.org/dtds/partwise.dtd">'
)


def musicxml(sample: np.ndarray, title: str) -> bytes:
    """A document with a part for each voice, in 4/4 and the key signature that fits best.

    Args:
        sample: uint8 [T, voices] of ``tgan_tf.data.score``.
        title: of the piece.
    """
    sounding = fill(sample[np.newaxis])[0]  # [T, voices]
    fifths = best_signature(sounding)
    root = Element("score-partwise", version="4.0")
    SubElement(SubElement(root, "work"), "work-title").text = title
    listing = SubElement(root, "part-list")
    for voice in range(sample.shape[1]):
        part = SubElement(listing, "score-part", id=f"P{voice + 1}")
        SubElement(part, "part-name").text = f"Voice {voice + 1}"
    for voice in range(sample.shape[1]):
        part = SubElement(root, "part", id=f"P{voice + 1}")
        notes = sounding[:, voice][sounding[:, voice] != REST]
        bass = bool(notes.size and notes.mean() < 60)
        for number, start in enumerate(range(0, len(sample), STEPS_PER_BAR)):
            measure = SubElement(part, "measure", number=str(number + 1))
            if not start:
                _attributes(measure, fifths, bass)
            bar = slice(start, start + STEPS_PER_BAR)
            following = sample[bar.stop : bar.stop + 1, voice]
            _notes(
                measure,
                sample[bar, voice],
                sounding[bar, voice],
                fifths,
                goes_on=bool(following.size and following[0] == HOLD),
            )
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_DOCTYPE}\n{text}\n'.encode()


def best_signature(sounding: np.ndarray) -> int:
    """Sharps (or, negative, flats) of the major scale with the most of what sounds."""
    classes = np.bincount(sounding[sounding != REST] % 12, minlength=12)
    inside = {f: sum(classes[(7 * f + step) % 12] for step in _MAJOR) for f in range(-5, 7)}
    return max(inside, key=lambda f: (inside[f], -abs(f)))


def _attributes(measure: Element, fifths: int, bass: bool) -> None:
    attributes = SubElement(measure, "attributes")
    SubElement(attributes, "divisions").text = "4"
    SubElement(SubElement(attributes, "key"), "fifths").text = str(fifths)
    time = SubElement(attributes, "time")
    SubElement(time, "beats").text = SubElement(time, "beat-type").text = "4"
    for child in time:
        child.text = "4"
    clef = SubElement(attributes, "clef")
    SubElement(clef, "sign").text, SubElement(clef, "line").text = (
        ("F", "4") if bass else ("G", "2")
    )


def _notes(
    measure: Element, tokens: np.ndarray, sounding: np.ndarray, fifths: int, goes_on: bool
) -> None:
    """The notes and rests of a bar, tied to those around it where they go on."""
    starts = [0, *(np.flatnonzero(tokens[1:] != HOLD) + 1).tolist(), len(tokens)]
    for index, (start, end) in enumerate(itertools.pairwise(starts)):
        pieces = _split(end - start)
        for piece, length in enumerate(pieces):
            tied_before = piece > 0 or (start == 0 and tokens[0] == HOLD)
            tied_after = piece < len(pieces) - 1 or (index == len(starts) - 2 and goes_on)
            _note(measure, int(sounding[start]), length, fifths, tied_before, tied_after)


def _split(steps: int) -> list[int]:
    """Lengths that a note or rest of so many steps is written in, longest first."""
    lengths = []
    while steps:
        lengths.append(next(length for length in _TYPES if length <= steps))
        steps -= lengths[-1]
    return lengths


def _note(
    measure: Element, pitch: int, length: int, fifths: int, tied_before: bool, tied_after: bool
) -> None:
    note = SubElement(measure, "note")
    ties = [("stop", tied_before), ("start", tied_after)] if pitch != REST else []
    if pitch == REST:
        SubElement(note, "rest")
    else:
        element = SubElement(note, "pitch")
        step, alter = (_FLATS if fifths < 0 else _SHARPS)[pitch % 12]
        SubElement(element, "step").text = step
        if alter:
            SubElement(element, "alter").text = str(alter)
        SubElement(element, "octave").text = str(pitch // 12 - 1)
    SubElement(note, "duration").text = str(length)
    for kind, tied in ties:
        if tied:
            SubElement(note, "tie", type=kind)
    name, dots = _TYPES[length]
    SubElement(note, "type").text = name
    for _ in range(dots):
        SubElement(note, "dot")
    if any(tied for _, tied in ties):
        notations = SubElement(note, "notations")
        for kind, tied in ties:
            if tied:
                SubElement(notations, "tied", type=kind)
