"""The latents of a data set, made once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.data.cache import cache_root, cached
from tgan_tf.data.types import Progress, SampleSet, Source
from tgan_tf.modalities import make_modality

_AT_ONCE = 64


def encoded(source: Source, config: Config, progress: Progress | None = None) -> SampleSet | None:
    """What the networks learn from, where an autoencoder stands before them; kept in the cache.

    Args:
        source: images.
        config: resolved from it.
        progress: called with (done, total).

    Returns:
        The training images' latents, float32 [N, h, w, c], a read-only memory map; None: without
        an autoencoder, or with ``mirror``, where images are encoded when they are seen, for the
        latents of a mirrored image are others.
    """
    data, train = config.data, source.train
    if not data.autoencoder or data.mirror:
        return None

    def build(directory: Path) -> None:
        shape = (len(train), *data.signal_shape)
        out = np.lib.format.open_memmap(directory / "latents.npy", "w+", np.float32, shape)
        encode = tf.function(make_modality(config).encode, autograph=False, reduce_retracing=True)
        for start in range(0, len(train), _AT_ONCE):
            out[start : start + _AT_ONCE] = encode(train.samples[start : start + _AT_ONCE])
            if progress:
                progress(min(start + _AT_ONCE, len(train)), len(train))
        out.flush()

    path = Path(data.autoencoder).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(file, file.stat()) for file in files]
    key: list[Any] = [[str(file), s.st_size, s.st_mtime_ns] for file, s in stats]
    latents = cached(
        cache_root(data.cache_dir),
        f"{source.name}-latents",
        [key, _digest(train.samples), list(train.samples.shape)],
        build=build,
        read=lambda directory: np.load(directory / "latents.npy", mmap_mode="r"),
    )
    return replace(train, samples=latents)


def _digest(samples: np.ndarray) -> str:
    """Of all bytes, a part at a time: samples may be a memory map."""
    digest = hashlib.sha256()
    for start in range(0, len(samples), 1024):
        digest.update(np.ascontiguousarray(samples[start : start + 1024]).data)
    return digest.hexdigest()
