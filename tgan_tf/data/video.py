"""``moving_digits``, ``moving_fashion``, ``video:PATH``, ``tfds_video:NAME``: uint8 [F, H, W, C].

- ``moving_digits``, ``moving_fashion``: 8,000 clips to train on and 1,000 held out, 32x32 unless
  asked otherwise, of one object that flies and bounces (``moving``). Held-out clips show objects
  that are in no other.
- ``video:PATH``: a file, or all below a directory (``.mp4``, ``.avi``, ``.mov``, ``.mkv``,
  ``.webm``, ``.gif``), decoded by ffmpeg (``pip install 'tgan_tf[video]'``). Each
  ``--frame_stride``-th frame is cropped and resized as ``--fit`` says to ``--image_size`` (64x64);
  clips of ``--frames`` follow each other without overlap. Sub-folders of PATH are the classes. The
  end of each file is held out, see ``windows``. What cannot be decoded is named and counted.
- ``tfds_video:NAME``: see ``tfds_video``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import fashion_mnist, pixels, tfds_video, windows
from tgan_tf.data.cache import cache_root, cached
from tgan_tf.data.moving import moving_clips
from tgan_tf.data.split import held_out_count, stratified_order
from tgan_tf.data.tfds_video import read_clips
from tgan_tf.data.types import Progress, SampleSet, Source

_TRAIN_CLIPS, _VAL_CLIPS = 8000, 1000
_MOVING_SIZE, _VIDEO_SIZE = (32, 32), (64, 64)
_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")
_FORMAT = 1  # of the cached arrays


def load(data: DataConfig, *, seed: int = 0, progress: Progress | None = None) -> Source:
    """Makes or decodes clips; see the module and ``sources.load_source``."""
    kind, _, path = data.dataset.partition(":")
    if kind == "tfds_video":
        return tfds_video.load(data, progress=progress)
    if kind == "video":
        return _files(Path(path).expanduser(), data, seed, progress)
    return _moving(kind, data, seed)


def _moving(kind: str, data: DataConfig, seed: int) -> Source:
    size = data.image_size if all(data.image_size) else _MOVING_SIZE
    if size[0] != size[1] or size[0] % 2 or data.channels not in (0, 1):
        raise ConfigError(
            f"--dataset={kind}: clips are square, of an even side, and grey; leave out --channels"
            " and give --image_size=32 or so"
        )
    if kind == "moving_digits":
        objects, labels, names, licence = _digits()
    else:
        objects, labels, names, licence = _garments(data.data_dir)
    order = stratified_order(labels, seed)
    count = held_out_count(len(order), data.val_fraction)
    options = {"frames": data.frames, "size": size[0]}
    sets = []
    for rows, clips, number in ((order[count:], _TRAIN_CLIPS, 0), (order[:count], _VAL_CLIPS, 1)):
        made = moving_clips(objects[rows], labels[rows], clips, **options, seed=2 * seed + number)
        sets.append(SampleSet(made.clips, made.labels if data.conditional else None))
    return Source(
        name=kind,
        train=sets[0],
        val=sets[1],
        class_names=names if data.conditional else (),
        licence=licence,
        modality="video",
        shape=sets[0].sample_shape,
    )


def _digits() -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ConfigError(
            f"--dataset=moving_digits: {error}; pip install scikit-learn, which holds the digits"
        ) from error
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # [N, 8, 8, 1]
    return images, digits.target, tuple(map(str, range(10))), "CC BY 4.0"


def _garments(data_dir: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    files = fashion_mnist.find_files(data_dir)
    if files is None:
        raise ConfigError(f"--dataset=moving_fashion: not found; {fashion_mnist.WAYS_OUT}")
    train = fashion_mnist.read_split(*files["train"])
    assert train.labels is not None
    return train.samples, train.labels, fashion_mnist.CLASS_NAMES, fashion_mnist.LICENCE


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
        decoded, kept, skipped = [], [], []
        for done, file in enumerate(files, 1):
            try:
                frames = decode(file, shape, data.fit, data.frame_stride)
                if len(frames) < data.frames:
                    raise ValueError(f"{len(frames)} frames, fewer than --frames={data.frames}")
                decoded.append(frames)
                kept.append(done - 1)
            except Exception as error:  # decoders raise nearly anything on broken files
                skipped.append(f"{file}: {str(error).strip().splitlines()[-1:] or 'unreadable'}")
            if progress:
                progress(done, len(files))
        if not decoded:
            raise ConfigError(f"{flag}: nothing can be used; {'; '.join(skipped[:3])}")
        labels = np.array([names.index(folders[i]) if names else -1 for i in kept], np.int32)
        splits = windows.cut(
            [len(frames) for frames in decoded],
            labels if names else None,
            length=data.frames,
            stride=data.frames,
            val_fraction=data.val_fraction,
            seed=seed,
            flag=flag,
        )
        for name, pieces in zip(("train", "val"), splits, strict=True):
            clips = [decoded[row][start : start + data.frames] for row, start in pieces]
            np.save(directory / f"{name}.npy", np.stack(clips))
            np.save(directory / f"{name}_labels.npy", labels[[row for row, _ in pieces]])
        (directory / "skipped.json").write_text(json.dumps(skipped), encoding="utf-8")

    def read(directory: Path) -> tuple[list[SampleSet], tuple[str, ...]]:
        return read_clips(directory, bool(names))

    key = [_FORMAT, listing, shape, options, names]
    (train, val), skipped = cached(cache_root(data.cache_dir), root.stem, key, build, read)
    return Source(
        name=root.stem or "video",
        train=train,
        val=val,
        class_names=names,
        skipped=skipped,
        modality="video",
        shape=train.sample_shape,
    )


def decode(file: Path, shape: tuple[int, int, int], fit: str, stride: int) -> np.ndarray:
    """All frames of a file that are taken, uint8 [n, H, W, C].

    Args:
        file: anything that ffmpeg reads.
        shape: (H, W, C).
        fit: how other aspect ratios become that size (``pixels``).
        stride: every so many-th frame is taken.
    """
    import imageio.v3 as iio

    rows = []
    for index, frame in enumerate(iio.imiter(file, plugin="FFMPEG")):
        if index % stride == 0:
            rows.append(pixels.to_row(pixels.image_from_array(frame), shape, fit))
    return np.stack(rows)


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
                frames += [*decode(path, size, fit, 1)[: count - len(frames)]]
            else:
                frames.append(pixels.to_row(pixels.image_from_file(path, size[:2]), size, fit))
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
