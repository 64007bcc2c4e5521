"""``moving:SOURCE``, ``video:PATH``, ``tfds_video:NAME``: uint8 [F, H, W, C].

- ``moving:SOURCE``: 8,000 clips to train on and 1,000 held out, 32x32 unless asked otherwise, each
  of one image of a data set of images, which flies and bounces (``moving``). ``moving_digits`` is
  ``moving:digits`` and ``moving_fashion`` is ``moving:fashion_mnist``. Held-out clips show images
  that are held out. ``SampleSet.known`` has the trajectories: ``centres``, float32 [N, F, 2], the
  (row, column) of the middle of the object, in pixels from the middle of the first one; and
  ``objects``, int32 [N], the row of the object in that split of SOURCE.
- ``video:PATH``: a file, or all below a directory (``.mp4``, ``.avi``, ``.mov``, ``.mkv``,
  ``.webm``, ``.gif``), decoded by ffmpeg (``pip install 'tgan_tf[video]'``). Each
  ``--frame_stride``-th frame is cropped and resized as ``--fit`` says to ``--image_size`` (64x64);
  clips of ``--frames`` follow each other without overlap; they are as fast as most of the files are
  (``--frame_rate``). Sub-folders of PATH are the classes. The end of each file is held out, see
  ``windows``. What cannot be decoded is named and counted; so is
  a file of which fewer frames can be than it says it has, and those are used.
- ``tfds_video:NAME``: see ``tfds_video``.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import moving, pixels, sources, tfds_video, windows
from tgan_tf.data.cache import cache_root, cached
from tgan_tf.data.clips import StoredClips, read_clips, writing_clips
from tgan_tf.data.prepare import NpyWriter
from tgan_tf.data.types import Progress, Source

_MOVED = {"moving_digits": "digits", "moving_fashion": "fashion_mnist"}
_TRAIN_CLIPS, _VAL_CLIPS = 8000, 1000
_MOVING_SIZE, _VIDEO_SIZE = (32, 32), (64, 64)
_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")
_TICK = 100  # clips of moving objects between two reports of progress
_MOVING_FORMAT, _FILES_FORMAT = 2, 3  # of the cached arrays
# ffmpeg looks into a file; by its ending imageio would refuse .gif.
_FFMPEG: dict[str, Any] = {"plugin": "FFMPEG", "extension": ".mp4"}
# What a file says is rounded, and its sound may be longer than its pictures.
_MOST_LOST, _FEW_FRAMES = 0.05, 2


def load(data: DataConfig, *, seed: int = 0, progress: Progress | None = None) -> Source:
    """Makes or decodes clips; see the module and ``sources.load_source``."""
    kind, _, path = data.dataset.partition(":")
    if kind == "tfds_video":
        return tfds_video.load(data, progress=progress)
    if kind == "video":
        return _files(Path(path).expanduser(), data, seed, progress)
    return _moving(data, seed, progress)


def _moving(data: DataConfig, seed: int, progress: Progress | None) -> Source:
    kind, colon, images = data.dataset.partition(":")
    flag = f"--dataset={data.dataset}"
    images = images if kind == "moving" else _MOVED.get(data.dataset, "")
    if not images or images.partition(":")[0] in sources.OTHERS:
        raise ConfigError(
            f"{flag}: {' | '.join(_MOVED)} | moving:SOURCE, of a data set of images, such as"
            " moving:folder:PATH"
        )
    size = data.image_size if all(data.image_size) else _MOVING_SIZE
    if size[0] != size[1] or size[0] % 2 or data.channels not in (0, 1, 3):
        raise ConfigError(
            f"{flag}: clips are square, of an even side, and grey or RGB; leave out --channels and"
            " give --image_size=32 or so"
        )
    # Small images of one size are enlarged with the physics; others first have to become one size.
    side = (0, 0) if images in _MOVED.values() else (size[0] // 2, size[0] // 2)
    wanted = dataclasses.replace(data, dataset=images, image_size=side, channels=0)
    reader = sources.open_images(wanted, seed)
    colour = reader.native_channels() > 1
    wanted = dataclasses.replace(wanted, channels=4 if colour else 1)  # transparent becomes black
    shape = (data.frames, size[0], size[1], data.channels or (3 if colour else 1))
    names = reader.class_names if data.conditional else ()
    counts = (_TRAIN_CLIPS, _VAL_CLIPS)

    def build(directory: Path) -> None:
        objects = sources.load_source(wanted, seed=seed, progress=progress)
        with writing_clips(directory, shape) as clips:
            clips.skipped += objects.skipped
            for number, (part, count) in enumerate(
                zip((objects.train, objects.val), counts, strict=True)
            ):
                if data.conditional and part.labels is not None and part.classes is None:
                    raise ConfigError(
                        f"{flag}: its images have attributes or vectors, and clips can have classes"
                        " alone; pass --noconditional"
                    )
                flights = moving.plan(
                    len(part), count, frames=data.frames, size=size[0], seed=2 * seed + number
                )
                labels = part.classes if names and part.classes is not None else None
                clips.known[number]["centres"] = flights.centres(size[0])
                clips.known[number]["objects"] = flights.objects.astype(np.int32)
                pieces = moving.drawn(part.samples, flights, size[0], shape[-1])
                for row, clip in zip(flights.objects, chain.from_iterable(pieces), strict=True):
                    clips.append(clip, -1 if labels is None else int(labels[row]), bool(number))
                    if progress and sum(clips.counts) % _TICK == 0:
                        progress(sum(clips.counts), sum(counts))

    def read(directory: Path) -> StoredClips:
        return read_clips(directory, bool(names), ("centres", "objects"))

    name = f"moving_{reader.name}" if colon else kind
    key = ["moving", _MOVING_FORMAT, reader.identity, shape, data.fit, counts, bool(names), seed]
    stored = cached(cache_root(data.cache_dir), name, key, build, read)
    return _source(name, stored, names, reader.licence)


def _files(root: Path, data: DataConfig, seed: int, progress: Progress | None) -> Source:
    flag = f"--dataset=video:{root}"
    try:
        import imageio_ffmpeg  # noqa: F401  # imageio needs it to decode
    except ImportError as error:
        raise ConfigError(f"{flag}: {error}; pip install 'tgan_tf[video]'") from error
    files = [root] if root.is_file() else _listed(root)
    if not files:
        raise ConfigError(f"{flag}: there is no file with an ending of {', '.join(_ENDINGS)}")
    folders = [_class_of(file, root) for file in files]
    names = tuple(sorted(set(folders)))
    if len(names) < 2 or "" in names or not data.conditional:
        names = ()
    size = data.image_size if all(data.image_size) else _VIDEO_SIZE
    shape = (size[0], size[1], data.channels or 3)
    options = [data.frames, data.frame_stride, data.fit, data.val_fraction, seed]
    listing = [[str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns] for f in files]

    def build(directory: Path) -> None:
        with (
            tempfile.TemporaryDirectory(dir=directory) as decoded,
            writing_clips(directory, (data.frames, *shape)) as clips,
        ):
            films, lengths, labels, rates = [], [], [], []
            for done, (file, folder) in enumerate(zip(files, folders, strict=True), 1):
                film = Path(decoded) / f"{done}.npy"
                try:
                    count = _decode_to(film, file, shape, data)
                except ValueError as error:
                    clips.skipped.append(f"{file}: {error}")
                else:
                    films.append(film)
                    lengths.append(count)
                    labels.append(names.index(folder) if names else -1)
                    about = about_film(file)
                    rates.append(about.rate / data.frame_stride)
                    stated = round(about.frames / data.frame_stride)
                    if count < stated * (1 - _MOST_LOST) - _FEW_FRAMES:
                        clips.skipped.append(
                            f"{file}: only {count} of about {stated} frames could be decoded"
                        )
                if progress:
                    progress(done, len(files))
            if not films:
                raise ConfigError(f"{flag}: nothing can be used; {'; '.join(clips.skipped[:3])}")
            clips.frame_rate = statistics.median_low(rates)
            splits = windows.cut(
                lengths,
                np.array(labels, np.int32) if names else None,
                length=data.frames,
                stride=data.frames,
                val_fraction=data.val_fraction,
                seed=seed,
                flag=flag,
            )
            starts: list[list[tuple[int, bool]]] = [[] for _ in films]
            for held_out, pieces in zip((False, True), splits, strict=True):
                for row, start in pieces:
                    starts[row].append((start, held_out))
            for film, label, of_film in zip(films, labels, starts, strict=True):
                frames = np.load(film, mmap_mode="r")
                for start, held_out in of_film:
                    clips.append(frames[start : start + data.frames], label, held_out)
                del frames  # some systems keep a file that is mapped
                film.unlink()

    def read(directory: Path) -> StoredClips:
        return read_clips(directory, bool(names))

    key = [_FILES_FORMAT, listing, shape, options, names]
    stored = cached(cache_root(data.cache_dir), root.stem, key, build, read)
    return _source(root.stem or "video", stored, names)


def _source(
    name: str, clips: StoredClips, class_names: tuple[str, ...], licence: str = ""
) -> Source:
    return Source(
        name=name,
        train=clips.train,
        val=clips.val,
        class_names=class_names,
        licence=licence,
        skipped=clips.skipped,
        modality="video",
        shape=clips.train.sample_shape,
        frame_rate=clips.frame_rate,
    )


def _decode_to(film: Path, file: Path, shape: tuple[int, int, int], data: DataConfig) -> int:
    """Writes all frames to an array in a file, one by one, and says how many.

    Raises:
        ValueError: they cannot be decoded, or are fewer than a clip has; nothing is left.
    """
    try:
        with NpyWriter(film, shape) as frames:
            for frame in decode(file, shape, data.fit, data.frame_stride):
                frames.append(frame)
        if frames.count < data.frames:
            raise ValueError(f"{frames.count} frames, fewer than --frames={data.frames}")
    except ValueError:
        film.unlink()
        raise
    return frames.count


def decode(file: Path, shape: tuple[int, int, int], fit: str, stride: int) -> Iterator[np.ndarray]:
    """The frames of a file that are taken, one after the other, uint8 [H, W, C].

    Args:
        file: anything that ffmpeg reads.
        shape: (H, W, C).
        fit: how other aspect ratios become that size (``pixels``).
        stride: every so many-th frame is taken.

    Raises:
        ValueError: the file cannot be decoded.
    """
    import imageio.v3 as iio

    try:
        for index, frame in enumerate(iio.imiter(file, **_FFMPEG)):
            if index % stride == 0:
                yield pixels.to_row(pixels.image_from_array(frame), shape, fit)
    except Exception as error:  # decoders raise nearly anything on broken files
        raise ValueError((str(error).strip().splitlines() or ["unreadable"])[-1]) from error


class About(NamedTuple):
    """What a file says of itself.

    Args:
        frames: how many it has; 0: it does not say so.
        rate: frames a second; 0: it does not say so.
    """

    frames: float
    rate: float


def about_film(file: Path) -> About:
    """Reads what a file says, not its frames."""
    import imageio.v3 as iio

    try:
        about = iio.immeta(file, **_FFMPEG)
        with file.open("rb") as raw:
            header = raw.read(52)
    except Exception:  # decoders raise nearly anything on broken files
        return About(0.0, 0.0)
    rate = about.get("fps", 0.0)
    stated = rate * about.get("duration", 0.0)
    # Of an AVI ffmpeg takes the duration from the length of the file; dwTotalFrames is what it had.
    if header[:4] == b"RIFF" and header[24:28] == b"avih":
        stated = max(stated, int.from_bytes(header[48:52], "little"))
    return About(stated, rate)


def first_frames(paths: Sequence[Path], shape: tuple[int, ...], fit: str) -> np.ndarray:
    """The frames that a generator is given, uint8 [k, H, W, C].

    Args:
        paths: of k pictures, or one of an animation or a film, whose first k frames are taken.
        shape: (k, H, W, C).
        fit: how other aspect ratios become that size (``pixels``).

    Raises:
        ValueError: a file cannot be read, or there are more or fewer frames.
    """
    count, size = shape[0], (shape[1], shape[2], shape[3])
    frames: list[np.ndarray] = []
    for path in paths:
        try:
            if path.suffix.lower() in _ENDINGS:
                frames += islice(decode(path, size, fit, 1), count - len(frames))
            else:
                frames.append(pixels.to_row(pixels.image_from_file(path, size[:2]), size, fit))
        except ImportError as error:
            raise ValueError(
                f"--given: {path}: {error}; pip install 'tgan_tf[video]', or give pictures"
            ) from error
        except Exception as error:  # decoders raise nearly anything on broken files
            raise ValueError(f"--given: {path} cannot be read ({error})") from error
    if len(frames) != count:
        raise ValueError(f"--given: {len(frames)} frames, and the run takes {count}")
    return np.stack(frames)


def _listed(root: Path) -> list[Path]:
    if not root.is_dir():
        raise ConfigError(f"--dataset=video:{root}: there is no such file or directory")
    return sorted(
        Path(folder) / name
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if name.lower().endswith(_ENDINGS) and name[0] != "."
    )


def _class_of(file: Path, root: Path) -> str:
    """First directory below ``root``; empty directly in it."""
    below = file.relative_to(root).parts if file != root else (file.name,)
    return below[0] if len(below) > 1 else ""
