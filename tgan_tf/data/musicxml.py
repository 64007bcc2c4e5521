"""MusicXML (``.musicxml``, ``.xml``) and its compressed form (``.mxl``), as far as windows need it.

MusicXML 4.0 (W3C Community Group, 2021), score-partwise.
"""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from tgan_tf.data.score import Note, Piece, bar_lines, joined, key_of

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read_musicxml(path: Path) -> Piece:
    """Reads a score; each part is a voice, and of chords the first note counts.

    Raises:
        ValueError: the file is not such a score.
    """
    try:
        root = ElementTree.fromstring(_text(path))
    except (ElementTree.ParseError, zipfile.BadZipFile, KeyError, OSError) as error:
        raise ValueError(f"not MusicXML: {error}") from error
    parts = root.findall("part")
    if root.tag != "score-partwise" or not parts:
        raise ValueError("not a score-partwise MusicXML document with parts")
    voices, lengths = [], []
    for part in parts:
        notes, tied, lengths_of_part = _read_part(part)
        voices.append(joined(notes, tied))
        lengths.append(lengths_of_part)
    last = max(voices[-1], default=None, key=lambda note: note.end)
    fifths = root.findtext(".//key/fifths")
    tonic, mode = -1, ""
    if fifths is not None:
        written = (root.findtext(".//key/mode") or "").strip().lower()
        tonic, mode = key_of(int(fifths), written, last.pitch if last else None)
    beats, beat_type = root.findtext(".//time/beats"), root.findtext(".//time/beat-type")
    return Piece(
        path.stem,
        tuple(voices),
        bar_lines(max(lengths, key=sum)),
        metre=f"{beats}/{beat_type}" if beats and beat_type else "",
        tonic=tonic,
        mode=mode,
    )


def _text(path: Path) -> bytes:
    """The document: in a compressed file, the one that the container names, else the first."""
    if path.suffix != ".mxl":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "META-INF/container.xml" in names:
            container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
            for element in container.iter():
                if element.tag.rpartition("}")[2] == "rootfile":
                    return archive.read(element.attrib["full-path"])
        return archive.read(next(n for n in names if n.endswith((".xml", ".musicxml"))))


def _read_part(
    part: ElementTree.Element,
) -> tuple[list[Note], list[bool], list[Fraction]]:
    """Notes, whether each continues a tie, and the lengths of the bars."""
    notes: list[Note] = []
    tied: list[bool] = []
    lengths: list[Fraction] = []
    divisions, transposed, start = Fraction(1), 0, Fraction(0)
    for measure in part.findall("measure"):
        now = longest = Fraction(0)
        for element in measure:
            duration = Fraction(element.findtext("duration") or 0) / divisions
            if element.tag == "attributes":
                divisions = Fraction(element.findtext("divisions") or divisions)
                transposed = int(element.findtext("transpose/chromatic") or transposed)
            elif element.tag == "backup":
                now -= duration
            elif element.tag == "forward":
                now += duration
            elif element.tag == "note" and element.find("chord") is None:
                # Of several voices in a part the first counts; a grace note lasts nothing.
                pitch = element.find("pitch")
                if pitch is not None and duration and element.findtext("voice") in (None, "1"):
                    notes.append(
                        Note(start + now, start + now + duration, _number(pitch) + transposed)
                    )
                    tied.append(any(tie.get("type") == "stop" for tie in element.findall("tie")))
                now += duration
            longest = max(longest, now)
        lengths.append(longest)
        start += longest
    return notes, tied, lengths


def _number(pitch: ElementTree.Element) -> int:
    """The MIDI number of a ``pitch`` element."""
    step, octave = pitch.findtext("step") or "", int(pitch.findtext("octave") or 4)
    if step not in _STEPS:
        raise ValueError(f"{step!r} is not a note")
    return 12 * (octave + 1) + _STEPS[step] + int(float(pitch.findtext("alter") or 0))
