"""Tunes in ABC notation (Walshaw, ABC standard 2.1), as far as windows need them: one voice.

Repeats are not played twice, and a second ending follows the first. Of chords the first note
counts; grace notes, decorations and chord symbols are skipped. Collections write the same key in
several ways, and some minor keys as major ones with accidentals; so of ``K:`` only the tonic and
the signature are believed, and a tune is minor when the minor third above the tonic sounds for
longer than the major one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path

from tgan_tf.data.score import Note, Piece, joined

_NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_SHARPS_OF_MODES = {  # first three letters -> sharps that the signature has more than major's
    "": 0,
    "maj": 0,
    "ion": 0,
    "m": -3,
    "min": -3,
    "aeo": -3,
    "mix": -1,
    "dor": -2,
    "phr": -4,
    "lyd": 1,
    "loc": -5,
}
# (p : notes of a tuplet -> quarters that they take, in units of their written length
_TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}
_TOKEN = re.compile(
    r"""
    (?P<skipped>"[^"]*"|![^!\s]*!|\+[^+\s]*\+|\{[^}]*\}|\[[1-9][\d,\-]*)
    |\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]
    |\((?P<tuplet>[2-9])(?::(?P<time>\d*))?(?::(?P<count>\d*))?
    |(?P<bar>:*\|[|\]:]*|\[\||::)
    |(?P<open>\[)
    |(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<letter>[A-Ga-gzxZ])(?P<octave>[,']*)
     (?P<length>\d*(?:/+\d*)?)
    |\](?P<chord_length>\d*(?:/+\d*)?)
    |(?P<broken><+|>+)
    |(?P<tie>-)
    """,
    re.VERBOSE,
)


def read_abc(path: Path, metres: Collection[str] = ()) -> list[Piece]:
    """All tunes of a file that have a key and bars; what is no tune is passed over.

    Args:
        path: of the file.
        metres: only tunes in these; empty: in all.

    Raises:
        ValueError: there is none.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    blocks = re.split(r"(?m)^(?=X:)", text)[1:]
    if not blocks:
        raise ValueError("no tunes in ABC notation")
    tunes = (_read(block, path, index, metres) for index, block in enumerate(blocks))
    return [tune for tune in tunes if tune]


def _read(block: str, path: Path, index: int, metres: Collection[str]) -> Piece | None:
    fields: dict[str, str] = {}
    lines = iter(block.splitlines())
    for line in lines:
        match = re.match(r"([A-Za-z]):\s*([^%]*)", line)
        if match:
            fields.setdefault(match[1], match[2].strip())
            if match[1] == "K":
                break
    body = " ".join(
        line.split("%")[0].rstrip("\\ ") for line in lines if not re.match(r"[A-Za-z]:|%", line)
    )
    signature = _key(fields.get("K", ""))
    metre = {"C": "4/4", "C|": "2/2"}.get(fields.get("M", ""), fields.get("M", ""))
    if signature is None or (metres and metre not in metres):
        return None
    tonic, fifths = signature
    fraction = re.fullmatch(r"(\d+)/(\d+)", metre)
    bar = 4 * Fraction(int(fraction[1]), int(fraction[2])) if fraction else None  # quarters
    written = re.fullmatch(r"(\d+)/(\d+)", fields.get("L", ""))
    unit = 4 * Fraction(int(written[1]), int(written[2])) if written else None
    unit = unit or Fraction(1, 4 if bar and bar < 3 else 2)
    notes, lines_of_bars = _play(body, fifths, unit)
    if not notes or len(lines_of_bars) < 2:
        return None
    return Piece(
        f"{path.parent.name}/{path.stem}/{index}: {fields.get('T', '')}",
        (notes,),
        tuple(lines_of_bars),
        metre=metre if fraction else "",
        tonic=tonic,
        mode=_mode(notes, tonic),
    )


def _mode(notes: tuple[Note, ...], tonic: int) -> str:
    major, minor = (
        sum(note.end - note.start for note in notes if (note.pitch - tonic) % 12 == third)
        for third in (4, 3)
    )
    return "minor" if minor > major else "major"


def _key(text: str) -> tuple[int, int] | None:
    """(pitch class of the tonic, fifths of the signature) of a ``K:`` field."""
    match = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", text)
    if not match:
        return None
    letters = match[3].lower()
    sign = {"": 0, "#": 1, "b": -1}[match[2]]
    sharps = _SHARPS_OF_MODES.get(letters[:3], 0)
    return (_NATURAL[match[1]] + sign) % 12, _FIFTHS[match[1]] + 7 * sign + sharps


def _signature(fifths: int) -> dict[str, int]:
    """Alteration of each letter."""
    altered = dict.fromkeys("FCGDAEB", 0)
    for letter in "FCGDAEB"[: max(fifths, 0)]:
        altered[letter] = 1
    for letter in "BEADGCF"[: max(-fifths, 0)]:
        altered[letter] = -1
    return altered


def _play(body: str, fifths: int, unit: Fraction) -> tuple[tuple[Note, ...], list[Fraction]]:
    """Notes, and where bars begin; the end of the last is the last."""
    notes: list[Note] = []
    tied: list[bool] = []
    bars = [Fraction(0)]
    now, tie, chord = Fraction(0), False, False
    signature, in_bar = _signature(fifths), dict[tuple[str, str], int]()
    tuplet, left = Fraction(1), 0
    pending = Fraction(1)  # what a broken rhythm makes of the next note
    last: tuple[Fraction, Fraction] | None = None  # (start, length) of the last note or rest
    for match in _tokens(body):
        if match["bar"]:
            in_bar.clear()
            if now > bars[-1]:
                bars.append(now)
        elif match["field"]:
            if match["field"] == "K" and (key := _key(match["value"].strip())):
                signature = _signature(key[1])
        elif match["tuplet"]:
            count = int(match["tuplet"])
            tuplet = Fraction(int(match["time"] or _TUPLETS[count]), count)
            left = int(match["count"] or count)
        elif match["open"]:
            chord = True
            first_of_chord = True
        elif match["chord_length"] is not None:
            if chord and last:
                now = last[0] + last[1] * _length(match["chord_length"])
            chord = False
        elif match["broken"] and last:
            step = Fraction(1, 2 ** len(match["broken"]))
            long, short = 2 - step, step
            mine, pending = (long, short) if match["broken"][0] == ">" else (short, long)
            start, length = last
            now = start + length * mine
            if notes and notes[-1].start == start:
                notes[-1] = notes[-1]._replace(end=now)
        elif match["tie"]:
            tie = bool(notes)
        elif match["letter"]:
            if chord and not first_of_chord:
                continue
            first_of_chord = False
            length = unit * _length(match["length"]) * pending
            pending = Fraction(1)
            if left:
                length, left = length * tuplet, left - 1
            if match["letter"] == "Z":
                length = Fraction(0)  # whole bars of rest: the bar line that follows ends them
            elif match["letter"] not in "zx":
                notes.append(Note(now, now + length, _pitch(match, signature, in_bar)))
                tied.append(tie)
            tie = False
            last = (now, length)
            now += length
    if now > bars[-1]:
        bars.append(now)
    return joined(notes, tied), bars


def _tokens(body: str) -> Iterator[re.Match[str]]:
    """Each element; characters that mean nothing here are passed over."""
    return (match for match in _TOKEN.finditer(body) if not match["skipped"])


def _length(text: str) -> Fraction:
    """``3``, ``/``, ``//``, ``/2`` or ``3/2`` as a factor."""
    match = re.fullmatch(r"(\d*)(/*)(\d*)", text)
    assert match is not None
    below = int(match[3]) if match[3] else 2 ** len(match[2])
    return Fraction(int(match[1] or 1), max(below, 1))


def _pitch(
    match: re.Match[str], signature: dict[str, int], in_bar: dict[tuple[str, str], int]
) -> int:
    """MIDI number of a note; its accidental holds until the bar ends."""
    letter, octave = match["letter"], match["octave"]
    place = (letter, octave)
    if match["accidental"]:
        sign = match["accidental"]
        in_bar[place] = {"^": 1, "_": -1, "=": 0}[sign[0]] * len(sign)
    altered = in_bar.get(place, signature[letter.upper()])
    base = 72 if letter.islower() else 60
    return base + _NATURAL[letter.upper()] + 12 * (octave.count("'") - octave.count(",")) + altered
