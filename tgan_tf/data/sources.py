"""Data sets by name: ``load_source`` finds, reads, converts, splits and caches one.

- images: ``digits`` | ``fashion_mnist`` | ``emoji`` | ``openclipart`` | ``kanji`` | ``tfds:NAME`` |
  ``folder:PATH`` | ``npz:PATH``
- time series: ``sines[:slow]`` | ``watch`` | ``sunspots`` | ``series:PATH``
- music: ``chorales`` | ``folk`` | ``midi:PATH``
- video: ``moving_digits`` | ``moving_fashion`` | ``moving:SOURCE`` | ``video:PATH`` |
  ``tfds_video:NAME``
- texts: ``poems[:5|7|all]`` | ``verses`` | ``code`` | ``news`` | ``text:PATH`` | ``tfds_text:NAME``

The modules ``clipart``, ``kanji``, ``tfds``, ``folder``, ``npz``, ``series``, ``music``, ``video``
and ``text`` state the rules of theirs, ``pixels`` how any picture becomes uint8 [H, W, C].
"""

from __future__ import annotations

import importlib
import math
import tempfile
from pathlib import Path

import numpy as np

from tgan_tf.config import MUSIC, SERIES, VIDEO, ConfigError, DataConfig
from tgan_tf.config.texts import TEXTS
from tgan_tf.data import fashion_mnist
from tgan_tf.data.cache import cache_root, cached
from tgan_tf.data.captions import CaptionReader
from tgan_tf.data.clipart import emoji_reader, openclipart_reader
from tgan_tf.data.folder import FolderReader
from tgan_tf.data.kanji import KanjiReader
from tgan_tf.data.npz import npz_reader
from tgan_tf.data.prepare import prepare, read
from tgan_tf.data.reader import ArrayReader, Reader
from tgan_tf.data.split import stratified_order
from tgan_tf.data.tfds import TfdsReader
from tgan_tf.data.types import Progress, SampleSet, Source

__all__ = ["SampleSet", "Source", "load_source"]

# Data that are no images: name, or what is before the colon -> module with a function
# ``load(data, *, seed, progress)`` like ``load_source``.
OTHERS = {
    **dict.fromkeys(SERIES, "tgan_tf.data.series"),
    **dict.fromkeys(MUSIC, "tgan_tf.data.music"),
    **dict.fromkeys(VIDEO, "tgan_tf.data.video"),
    **dict.fromkeys(TEXTS, "tgan_tf.data.text"),
}

_NAMED = ("tfds", "folder", "npz", "series", "video", "tfds_video")  # those with NAME or PATH
_FORMAT = 1  # of the prepared files and of the rules of conversion: raise it when either changes
_IN_MEMORY_BYTES = 64 * 2**20
_MOST_LEFT_OVER = 10_000  # of --train_limit
_KINDS = (
    "digits | fashion_mnist | emoji | openclipart | kanji | tfds:NAME | folder:PATH | npz:PATH |"
    " sines[:slow] | watch | sunspots | series:PATH | chorales | folk | midi:PATH | moving_digits |"
    " moving_fashion | moving:SOURCE | video:PATH | tfds_video:NAME | poems | verses | code |"
    " news | text:PATH | tfds_text:NAME"
)


def load_source(data: DataConfig, *, seed: int = 0, progress: Progress | None = None) -> Source:
    """Loads the data set that ``data.dataset`` names.

    Images in memory that have the size and the channels asked for are used as they are. All
    others are converted once into the cache and opened as memory maps.

    Args:
        data: the configuration's section; image_size and channels may be 0, as the data are.
        seed: chooses the held-out samples where the data have no split of their own. Leave it
            alone when only the training is to differ, so that runs are measured on the same ones.
        progress: called with (done, total) images while the cache is filled.

    Returns:
        uint8 images, split and labelled, and what is known about them.

    Raises:
        ConfigError: naming the flag or the file, and the way out.
    """
    kind = data.dataset.partition(":")[0]
    if kind in OTHERS:
        _check_named(data)
        if data.mirror:
            raise ConfigError(f"--mirror: {data.dataset} are no images; pass --nomirror")
        if (any(data.image_size) or data.channels) and kind not in VIDEO:
            raise ConfigError(
                f"--image_size and --channels are for images, which {data.dataset} are not; leave"
                " them out"
            )
        if data.train_limit:
            raise ConfigError(f"--train_limit is for images, which {data.dataset} are not")
        if data.captions:
            raise ConfigError(f"--captions is for images, which {data.dataset} are not")
        return importlib.import_module(OTHERS[kind]).load(data, seed=seed, progress=progress)
    reader = open_images(data, seed)
    if data.captions:
        from tgan_tf.language import load_encoder

        encoder = load_encoder(data.text_encoder, data.caption_length)
        reader = CaptionReader(reader, encoder, progress)
    if data.mirror and reader.mirror_safe is False:
        raise ConfigError(
            f"--mirror: mirrored images do not occur in {data.dataset}, and the generator would"
            " learn to make them; pass --nomirror"
        )
    requested = (data.image_size[0], data.image_size[1], data.channels)
    skipped: tuple[str, ...] = ()
    if isinstance(reader, ArrayReader) and _all_of_shape(reader, requested):
        train, val = reader.train, reader.val
    elif isinstance(reader, ArrayReader) and _bytes(reader, requested) <= _IN_MEMORY_BYTES:
        with tempfile.TemporaryDirectory(prefix="tgan_tf_") as directory:
            prepare(reader, requested, data.fit, Path(directory), progress)
            train, val, skipped = read(Path(directory), in_memory=True)
    else:
        train, val, skipped = cached(
            cache_root(data.cache_dir),
            reader.name,
            [_FORMAT, reader.identity, requested, data.fit],
            build=lambda directory: prepare(reader, requested, data.fit, directory, progress),
            read=read,
        )
    if data.train_limit:
        train, val = _limited(train, val, data.train_limit, seed)
    return Source(
        name=reader.name,
        train=train,
        val=val,
        class_names=reader.class_names,
        attribute_names=reader.attribute_names,
        mirror_safe=reader.mirror_safe,
        licence=reader.licence,
        skipped=(*reader.skipped, *skipped),
    )


def _limited(
    train: SampleSet, val: SampleSet, limit: int, seed: int
) -> tuple[SampleSet, SampleSet]:
    """As many images to train on; up to 10,000 of the others are held out too.

    Of the others those are left out whose caption is trained on.
    """
    if limit >= len(train):
        raise ConfigError(
            f"--train_limit={limit}: there are only {len(train)} images to train on; leave it out"
        )
    classes = train.classes
    order = stratified_order(np.zeros(len(train), int) if classes is None else classes, seed)
    kept, others = np.sort(order[:limit]), order[limit:]
    if train.captions:
        learned = {train.captions[row] for row in kept}
        others = np.array([row for row in others if train.captions[row] not in learned], int)
    others = np.sort(others[:_MOST_LEFT_OVER])

    def part(rows: np.ndarray) -> SampleSet:
        labels = None if train.labels is None else train.labels[rows]
        captions = tuple(train.captions[row] for row in rows) if train.captions else ()
        return SampleSet(train.samples[rows], labels, captions)

    left = part(others)
    val_labels = None
    if val.labels is not None and left.labels is not None:
        val_labels = np.concatenate([val.labels, left.labels])
    samples = np.concatenate([val.samples, left.samples])
    return part(kept), SampleSet(samples, val_labels, val.captions + left.captions)


def open_images(data: DataConfig, seed: int) -> Reader:
    """Finds a data set of images without reading them; as for ``load_source``."""
    kind, colon, rest = data.dataset.partition(":")
    if data.data_dir and kind in ("digits", "folder", "npz"):
        raise ConfigError(
            f"--data_dir means nothing with --dataset={data.dataset}; leave it out"
            + (f", or give the whole path after {kind}:" if colon else "")
        )
    if kind == "digits" and not colon:
        return _digits(data, seed)
    if kind == "fashion_mnist" and not colon:
        return _fashion_mnist(data, seed)
    if kind == "emoji" and not colon:
        return emoji_reader(data, seed)
    if kind == "openclipart" and not colon:
        return openclipart_reader(data, seed)
    if kind == "kanji" and not colon:
        return KanjiReader(data, seed)
    _check_named(data)
    if kind == "tfds":
        return TfdsReader(rest, data)
    if kind == "folder":
        return FolderReader(rest, data, seed)
    if kind == "npz":
        return npz_reader(rest, data, seed)
    raise ConfigError(f"--dataset={data.dataset!r}: not one of {_KINDS}")


def _check_named(data: DataConfig) -> None:
    """An empty path would be the folder that the command runs in."""
    kind, _, rest = data.dataset.partition(":")
    if kind in _NAMED and not rest:
        raise ConfigError(f"--dataset={data.dataset}: give a name or path after {kind}:")


def _digits(data: DataConfig, seed: int) -> Reader:
    """1,797 handwritten digits, 8x8 grey, embedded in scikit-learn (Alpaydin and Kaynak 1998)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ConfigError(
            f"--dataset=digits: {error}; pip install scikit-learn, which holds them"
        ) from error
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # [N, 8, 8], of 0..16
    return ArrayReader(
        "digits",
        SampleSet(images[..., np.newaxis], digits.target.astype(np.int32)),
        None,
        identity="digits",
        val_fraction=data.val_fraction,
        seed=seed,
        class_names=tuple(map(str, range(10))),
        mirror_safe=False,
        licence="CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)",
    )


def _fashion_mnist(data: DataConfig, seed: int) -> Reader:
    reader: Reader
    files = fashion_mnist.find_files(data.data_dir)
    if files is None:
        reader = TfdsReader("fashion_mnist", data, fashion_mnist.WAYS_OUT)
    else:
        paths = [path for pair in files.values() for path in pair]
        reader = ArrayReader(
            "fashion_mnist",
            fashion_mnist.read_split(*files["train"]),
            fashion_mnist.read_split(*files["val"]),
            identity=[[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in paths],
            val_fraction=data.val_fraction,
            seed=seed,
        )
    reader.class_names = fashion_mnist.CLASS_NAMES
    reader.mirror_safe = False  # sneakers and boots all point to one side
    reader.licence = fashion_mnist.LICENCE
    return reader


def _all_of_shape(reader: ArrayReader, requested: tuple[int, int, int]) -> bool:
    shape = reader.shape(requested)
    return reader.train.sample_shape == reader.val.sample_shape == shape


def _bytes(reader: ArrayReader, requested: tuple[int, int, int]) -> int:
    return reader.count * math.prod(reader.shape(requested))
