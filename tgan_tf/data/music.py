"""``chorales`` | ``folk`` | ``midi:PATH``: windows of pieces of music, by bars.

- ``chorales``: Bach's four-part chorales in the corpus of the package music21, which is read but
  not imported.
- ``folk``: tunes of one voice in its collections (Aird, Essen, Nottingham, O'Neill, Ryan, others).
- ``midi:PATH``: a MIDI file for each piece, in a folder and below. All pieces have as many voices
  as most of them have; the others are skipped.

A window has ``--bars`` bars of sixteen steps and begins at a bar line (``tgan_tf.data.score``).
Pieces in 4/4 and 2/2 count; with ``--music_class=metre`` those in any metre, whose windows are as
long. Every window is there in each key in which every voice stays in the range that it has in the
data. Whole pieces are held out, and windows that a held-out piece shares with another one, in
whatever key, are not trained on.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import score
from tgan_tf.data.abc import read_abc
from tgan_tf.data.cache import cache_root, cached
from tgan_tf.data.midi import read_midi
from tgan_tf.data.musicxml import read_musicxml
from tgan_tf.data.score import Piece
from tgan_tf.data.split import chosen_groups
from tgan_tf.data.types import Progress, SampleSet, Source

_FORMAT = 1  # of the cached windows and of the rules that make them
MODES = ("major", "minor")
_FOLK = (
    "airdsAirs",
    "essenFolksong",
    "miscFolk",
    "nottingham-dataset",
    "oneills1850",
    "ryansMammoth",
)
_WHOLE_BARS = ("4/4", "2/2")
_RAREST_METRE = 0.02  # share of the pieces below which a metre is no class
_ARRAYS = ("train", "train_labels", "val", "val_labels")
_WAYS_OUT = (
    "pip install --no-deps music21 (its corpus is read, it is not imported), or pass --data_dir"
    " with the folder that holds it"
)


class Found(NamedTuple):
    """Files of pieces, and how to read one."""

    files: list[Path]
    read: Callable[[Path], list[Piece]]
    voices: int  # 0: as many as most pieces have
    licence: str


class Windows(NamedTuple):
    """Both splits.

    Args:
        train: uint8 [N, steps, voices], of ``tgan_tf.data.score``.
        train_labels: int32 [N]; empty without classes.
        val: like ``train``.
        val_labels: like ``train_labels``.
        class_names: a name for each class.
        skipped: ``"piece: reason"``.
    """

    train: np.ndarray
    train_labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    class_names: tuple[str, ...]
    skipped: tuple[str, ...]


def load(data: DataConfig, *, seed: int = 0, progress: Progress | None = None) -> Source:
    """Windows of a data set of music, read once into the cache.

    Raises:
        ConfigError: naming the flag or the file, and the way out.
    """
    kind, colon, rest = data.dataset.partition(":")
    if bool(colon) != (kind == "midi") or (colon and not rest):
        raise ConfigError(f"--dataset={data.dataset}: chorales | folk | midi:PATH")
    if data.data_dir and kind == "midi":
        raise ConfigError("--data_dir means nothing with --dataset=midi:PATH; leave it out")
    found = find(kind, rest, data.data_dir, data.music_class)
    windows = cached(
        cache_root(data.cache_dir),
        kind,
        [_FORMAT, identity(found), data.bars, data.music_class, data.val_fraction, seed],
        build=lambda directory: _save(
            read_windows(
                found,
                bars=data.bars,
                music_class=data.music_class,
                val_fraction=data.val_fraction,
                seed=seed,
                progress=progress,
            ),
            directory,
        ),
        read=_load,
    )
    both = score.voice_ranges(np.concatenate([windows.train, windows.val]))
    names = ("rest", *map(str, range(both[:, 0].min(), both[:, 1].max() + 1)), "onset")
    train, val = (
        SampleSet(samples, labels if windows.class_names else None)
        for samples, labels in (
            (windows.train, windows.train_labels),
            (windows.val, windows.val_labels),
        )
    )
    return Source(
        name=kind,
        train=train,
        val=val,
        class_names=windows.class_names,
        licence=found.licence,
        skipped=windows.skipped,
        modality="music",
        shape=(*train.sample_shape, len(names)),
        vocabulary=names,
    )


def _save(windows: Windows, directory: Path) -> None:
    np.savez_compressed(
        directory / "windows.npz", **{name: getattr(windows, name) for name in _ARRAYS}
    )
    texts = {"class_names": windows.class_names, "skipped": windows.skipped}
    (directory / "texts.json").write_text(json.dumps(texts), encoding="utf-8")


def _load(directory: Path) -> Windows:
    texts = json.loads((directory / "texts.json").read_text(encoding="utf-8"))
    with np.load(directory / "windows.npz", allow_pickle=False) as arrays:
        splits = {name: np.asarray(arrays[name]) for name in _ARRAYS}
    return Windows(
        class_names=tuple(texts["class_names"]), skipped=tuple(texts["skipped"]), **splits
    )


def find(kind: str, rest: str, data_dir: str, music_class: str) -> Found:
    """The files of a data set.

    Raises:
        ConfigError: they are not there, with the way out.
    """
    metres = () if music_class == "metre" else _WHOLE_BARS
    if kind == "midi":
        root = Path(rest).expanduser()
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
        if not files:
            raise ConfigError(f"--dataset=midi:{rest}: no .mid or .midi files there or below")
        return Found(files, lambda path: [read_midi(path)], 0, "")
    root = _corpus(kind, data_dir)
    if kind == "chorales":
        files = sorted((root / "bach").glob("*.mxl"))
        licence = "the corpus of music21: mostly public domain, in part for non-commercial use"
        found = Found(files, lambda path: [read_musicxml(path)], 4, licence)
    else:
        files = sorted(path for folder in _FOLK for path in (root / folder).glob("*.abc"))
        licence = "the corpus of music21: mostly public domain, Essen for non-commercial use"
        found = Found(files, lambda path: read_abc(path, metres), 1, licence)
    if not files:
        raise ConfigError(f"--dataset={kind}: no scores in {root}; {_WAYS_OUT}")
    return found


def _corpus(kind: str, data_dir: str) -> Path:
    """The folder of music21's corpus, or the one that holds it or the installed package."""
    if data_dir:
        root = Path(data_dir).expanduser()
        places = [root, root / "corpus", root / "music21" / "corpus"]
    else:
        # Of a package at the top, this does not run any of it.
        spec = importlib.util.find_spec("music21")
        places = (
            [Path(p) / "corpus" for p in (spec.submodule_search_locations or ())] if spec else []
        )
    for place in places:
        if (place / "bach").is_dir() or (place / "airdsAirs").is_dir():
            return place
    where = f"{data_dir} is not" if data_dir else "music21 is not installed, which has"
    raise ConfigError(f"--dataset={kind}: {where} the corpus of music21; {_WAYS_OUT}")


def given_window(path: Path, shape: tuple[int, int], voices: Sequence[int]) -> np.ndarray:
    """The first window of a MusicXML or MIDI file, as a generator is given it.

    Args:
        path: of a score with as many voices as are given.
        shape: (steps, voices) of a sample.
        voices: which of the sample's voices those are, in order.

    Returns:
        uint8 [steps, voices]; the other voices begin with ``NOT_GIVEN``.

    Raises:
        ValueError: the file is no score, is too short or has other voices.
    """
    try:
        midi = path.suffix.lower() in (".mid", ".midi")
        piece = read_midi(path) if midi else read_musicxml(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if len(piece.voices) != len(voices):
        raise ValueError(f"{path} has {len(piece.voices)} voices, and {len(voices)} can be given")
    window = score.roll(piece)[: shape[0]]
    if len(window) < shape[0]:
        raise ValueError(f"{path} has {len(window)} steps (sixteenths), not {shape[0]}")
    given = np.full(shape, score.NOT_GIVEN, np.uint8)
    given[:, list(voices)] = window
    return given


def identity(found: Found) -> str:
    """A digest of the files by path and size."""
    listing = [[str(path), path.stat().st_size] for path in found.files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def read_windows(
    found: Found,
    *,
    bars: int,
    music_class: str,
    val_fraction: float,
    seed: int,
    progress: Progress | None = None,
) -> Windows:
    """Reads all pieces, cuts, splits and transposes.

    Args:
        found: of ``find``.
        bars: in a window, 1 to 16.
        music_class: ``mode``, ``key`` or ``metre``.
        val_fraction: share of the windows that is held out, in whole pieces.
        seed: chooses them.
        progress: called with (done, total) files.

    Raises:
        ConfigError: too few pieces.
    """
    pieces: list[Piece] = []
    skipped: list[str] = []
    for index, path in enumerate(found.files):
        try:
            pieces += found.read(path)
        except ValueError as error:
            skipped.append(f"{path}: {error}")
        if progress:
            progress(index + 1, len(found.files))
    pieces, cut = _cut(pieces, found.voices, bars, music_class, skipped)
    if len(pieces) < 2:
        raise ConfigError(
            f"--dataset: {len(pieces)} pieces with windows of --bars={bars}, and two are needed, as"
            f" one is held out; {len(skipped)} were skipped, such as {skipped[:3]}"
        )
    names = [f"{index}: {piece.name}" for index, piece in enumerate(pieces)]
    sizes = dict(zip(names, map(len, cut), strict=True))
    held_out = chosen_groups(sizes, val_fraction, seed)
    known = {
        score.invariant(w) for n, ws in zip(names, cut, strict=True) if n in held_out for w in ws
    }
    label, class_names = _labels(pieces, music_class)
    ranges = score.voice_ranges(np.concatenate(cut))
    parts: dict[bool, tuple[list[np.ndarray], list[int]]] = {True: ([], []), False: ([], [])}
    for name, piece, of_piece in zip(names, pieces, cut, strict=True):
        samples, labels = parts[name in held_out]
        for window in of_piece:
            if name not in held_out and score.invariant(window) in known:
                continue
            for shift in score.shifts_in_range(window, ranges):
                samples.append(score.transpose(window, shift))
                labels.append(label(piece, shift))

    def arrays(part: bool) -> tuple[np.ndarray, np.ndarray]:
        samples, labels = parts[part]
        if not samples:
            raise ConfigError(
                "--dataset: the pieces are all alike: nothing is left to train on once the windows"
                " of held-out pieces are taken out"
            )
        return np.stack(samples), np.array(labels if class_names else [], np.int32)

    return Windows(*arrays(False), *arrays(True), class_names, tuple(skipped))


def _cut(
    pieces: Sequence[Piece], voices: int, bars: int, music_class: str, skipped: list[str]
) -> tuple[list[Piece], list[np.ndarray]]:
    """The pieces that have windows, and these; the others are noted in ``skipped``."""
    if not voices and pieces:
        voices = Counter(len(piece.voices) for piece in pieces).most_common(1)[0][0]
    kept, cut = [], []
    for piece in pieces:
        if len(piece.voices) != voices:
            skipped.append(f"{piece.name}: {len(piece.voices)} voices, not {voices}")
        elif music_class != "metre" and piece.metre not in _WHOLE_BARS:
            skipped.append(f"{piece.name}: in {piece.metre or 'no metre'}, not in 4/4 or 2/2")
        elif not len(found := score.windows(piece, bars)):
            skipped.append(f"{piece.name}: no window of {bars} whole bars")
        else:
            kept.append(piece)
            cut.append(found)
    return kept, cut


def _labels(
    pieces: Sequence[Piece], music_class: str
) -> tuple[Callable[[Piece, int], int], tuple[str, ...]]:
    """The class of a piece, moved by so many semitones, and the classes' names.

    There are none where a piece does not say what the classes need.
    """
    if music_class == "metre":
        counts = Counter(piece.metre for piece in pieces)
        least = max(1, math.ceil(_RAREST_METRE * len(pieces)))
        metres = tuple(sorted(m for m, n in counts.items() if m and n >= least))
        names = (*metres, "other") if len(metres) < len(counts) else metres
        return (
            lambda piece, shift: (
                metres.index(piece.metre) if piece.metre in metres else len(metres)
            ),
            names,
        )
    if not all(piece.mode in MODES for piece in pieces):
        return lambda piece, shift: -1, ()
    if music_class == "mode":
        return lambda piece, shift: MODES.index(piece.mode), MODES
    names = tuple(f"{tonic} {mode}" for mode in MODES for tonic in score.TONICS)
    return (
        lambda piece, shift: 12 * MODES.index(piece.mode) + (piece.tonic + shift) % 12,
        names,
    )
