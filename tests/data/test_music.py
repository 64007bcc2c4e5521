"""Scores in files to windows: what sounds, how they are split, classed and transposed."""

import zipfile
from fractions import Fraction

import numpy as np
import pytest

from tgan_tf.config import ConfigError
from tgan_tf.data import music, score
from tgan_tf.data.abc import read_abc
from tgan_tf.data.midi import read_midi
from tgan_tf.data.musicxml import read_musicxml
from tgan_tf.data.score import HOLD, REST, Note

CONTAINER = '<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'


def note(step, octave, duration, extra=""):
    return (
        f"<note><pitch><step>{step}</step>{extra}<octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration></note>"
    )


def musicxml(path, parts, *, mode="minor", fifths=0):
    """A compressed score of 4/4 bars, two divisions a quarter; ``parts`` are lists of bars."""
    signature = (
        f"<attributes><divisions>2</divisions><key><fifths>{fifths}</fifths><mode>{mode}</mode>"
        "</key><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    )
    body = "".join(
        "<part>"
        + "".join(
            f"<measure>{signature if index == 0 else ''}{bar}</measure>"
            for index, bar in enumerate(bars)
        )
        + "</part>"
        for bars in parts
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("s.xml", f"<score-partwise>{body}</score-partwise>")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six chorales of three bars, each with a bar of its own in the middle."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "bach").mkdir()
    for index in range(6):
        middle = note("CDEFGA"[index], 5, 8)
        parts = [[note("C", 5, 8), middle, note("B", 4, 8)]]
        parts += [[note("G", 4 - voice, 8)] * 3 for voice in range(3)]
        musicxml(root / "bach" / f"bwv{index}.mxl", parts, mode=("major", "minor")[index % 2])
    (root / "bach" / "broken.mxl").write_bytes(b"no zip")
    return root


def test_musicxml(tmp_path):
    sharp = "<alter>1</alter>"
    tie = note("A", 4, 4).replace("</pitch>", '</pitch><tie type="start"/>', 1)
    goes_on = note("A", 4, 2).replace("</pitch>", '</pitch><tie type="stop"/>', 1)
    chord = note("E", 4, 2).replace("<note>", "<note><chord/>")
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    rest = "<note><rest/><duration>2</duration></note>"
    bars = [note("F", 4, 4, sharp) + tie, goes_on + chord + grace + note("G", 4, 4) + rest]
    piece = read_musicxml(musicxml(tmp_path / "a.mxl", [bars], mode="", fifths=1))
    assert piece.voices == ((Note(0, 2, 66), Note(2, 5, 69), Note(5, 7, 67)),)
    assert piece.bars == (0, 4, 8)
    assert (piece.metre, piece.tonic, piece.mode) == ("4/4", 7, "major")
    tokens = score.roll(piece)[:, 0]
    expected = np.full(32, HOLD)
    expected[[0, 8, 20, 28]] = 66, 69, 67, REST
    np.testing.assert_array_equal(tokens, expected)


def test_musicxml_that_is_none(tmp_path):
    (tmp_path / "a.xml").write_text("<score-timewise/>")
    with pytest.raises(ValueError, match="score-partwise"):
        read_musicxml(tmp_path / "a.xml")


TUNE = """X:1
T:Test
M:C
L:1/8
K:Ador
"Am"A>B (3cde {g}^f2 f-f | z2 [Ac]2 =F,F, !trill!c'd/e/ |
w: words
[K:C] f8 :|
X:2
M:6/8
K:none
"""


def test_abc(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(TUNE)
    (piece,) = read_abc(path)
    quarter = Fraction(1, 4)
    third = Fraction(1, 3)
    first = [(69, 3), (71, 1)]  # sixteenths
    assert [(n.pitch, (n.end - n.start) / quarter) for n in piece.voices[0][:2]] == first
    pitches = [n.pitch for n in piece.voices[0]]
    # The signature has one sharp, F; accidentals hold for the bar; K:C takes the sharp away.
    assert pitches == [69, 71, 72, 74, 76, 78, 78, 69, 53, 53, 84, 74, 76, 77]
    assert piece.voices[0][2].end - piece.voices[0][2].start == third
    assert piece.bars == (0, 4, 8, 12)
    assert piece.voices[0][6] == Note(3, 4, 78)  # tied
    assert (piece.metre, piece.tonic, piece.mode) == ("4/4", 9, "minor")
    assert read_abc(path, metres=["6/8"]) == []


def test_midi(tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=96)
    for channel, pitch in ((0, 48), (1, 72), (9, 35)):
        track = mido.MidiTrack()
        if not channel:
            track.append(mido.MetaMessage("time_signature", numerator=3, denominator=4))
            track.append(mido.MetaMessage("key_signature", key="F#m"))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=9))
        track.append(mido.Message("note_on", channel=channel, note=pitch - 12, velocity=9))
        track.append(mido.Message("note_off", channel=channel, note=pitch - 12, time=96))
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=0, time=96))
        file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    piece = read_midi(tmp_path / "a.mid")
    assert piece.voices == ((Note(0, 2, 72),), (Note(0, 2, 48),))  # high first, no percussion
    assert piece.bars == (0, 3)
    assert (piece.metre, piece.tonic, piece.mode) == ("3/4", 6, "minor")
    (tmp_path / "b.mid").write_bytes(b"MThd")
    with pytest.raises(ValueError, match="MIDI"):
        read_midi(tmp_path / "b.mid")


def test_windows_begin_with_what_sounds_there():
    line = (Note(Fraction(0), Fraction(6), 60), Note(Fraction(6), Fraction(12), 62))
    piece = score.Piece("p", (line,), score.bar_lines([Fraction(4)] * 3), metre="4/4")
    found = score.windows(piece, 1)[..., 0]
    assert found.shape == (3, 16)
    assert found[:, 0].tolist() == [60, 60, 62]
    assert found[1, 8] == 62
    assert (found[0, 1:] == HOLD).all()
    # After a short bar in the middle, windows begin where the bars do.
    pickup = score.bar_lines([Fraction(1), Fraction(4), Fraction(4), Fraction(3)])
    assert len(score.windows(score.Piece("p", (line,), pickup, metre="4/4"), 1)) == 2


def test_fill_and_transpose_and_invariant():
    tokens = np.array([[60, HOLD, REST, HOLD, 64]], np.uint8)[..., np.newaxis]
    assert score.fill(tokens)[0, :, 0].tolist() == [60, 60, 0, 0, 64]
    moved = score.transpose(tokens, -3)
    assert moved[0, :, 0].tolist() == [57, HOLD, REST, HOLD, 61]
    assert score.invariant(moved[0]) == score.invariant(tokens[0])
    ranges = np.array([[58, 66]])
    assert score.shifts_in_range(tokens[0], ranges) == [-2, -1, 0, 1, 2]


def read(corpus, **options):
    found = music.find("chorales", "", str(corpus), options.get("music_class", "mode"))
    defaults = {"bars": 1, "music_class": "mode", "val_fraction": 0.3, "seed": 0}
    return music.read_windows(found, **{**defaults, **options})


def test_pieces_are_held_out_whole_and_share_no_window(corpus):
    windows = read(corpus)
    train = {score.invariant(w) for w in windows.train}
    val = {score.invariant(w) for w in windows.val}
    assert windows.train.shape[1:] == (16, 4)
    assert windows.train.dtype == np.uint8
    # Each piece has three windows, two of which are in all pieces; two pieces are held out.
    assert len(val) >= 3
    assert len(train) >= 3
    assert not train & val
    assert windows.class_names == ("major", "minor")
    assert {*windows.train_labels, *windows.val_labels} == {0, 1}
    assert [text for text in windows.skipped if "broken" in text]
    again, other = read(corpus), read(corpus, seed=1)
    np.testing.assert_array_equal(windows.val, again.val)
    assert windows.val.tobytes() != other.val.tobytes()


def test_classes(corpus):
    keys = read(corpus, music_class="key")
    assert len(keys.class_names) == 24
    assert keys.class_names[12 + 9] == "A minor"
    assert set(keys.train_labels) <= {0, 12 + 9}
    assert read(corpus, music_class="metre").class_names == ("4/4",)


@pytest.mark.parametrize("kind", ["chorales", "folk"])
def test_nothing_there(tmp_path, kind):
    with pytest.raises(ConfigError, match="pip install --no-deps music21"):
        music.find(kind, "", str(tmp_path), "mode")
    with pytest.raises(ConfigError, match=r"midi:.*no \.mid"):
        music.find("midi", str(tmp_path), "", "mode")
