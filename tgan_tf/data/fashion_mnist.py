"""``fashion_mnist``: 60,000 + 10,000 garments, 28x28 grey, 10 classes (Xiao et al. 2017).

Read from the four IDX files, plain or gzipped, of the data set's own distribution.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data.types import SampleSet

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
LICENCE = "MIT"
DEBIAN_DIR = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
WAYS_OUT = (
    "install Debian's package dataset-fashion-mnist (apt-get install dataset-fashion-mnist) or"
    " pass --data_dir with the four IDX files (train-images-idx3-ubyte.gz, ...), or connect to the"
    " network once so that TensorFlow Datasets can download it (pip install tensorflow-datasets)"
)
_STEMS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "val": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def find_files(data_dir: str) -> dict[str, tuple[Path, Path]] | None:
    """(images, labels) of the splits ``train`` and ``val``; None where there are no such files.

    Args:
        data_dir: where to look before Debian's directory; may be empty.

    Raises:
        ConfigError: where a directory has some of the four files but not all.
    """
    directories = [Path(data_dir).expanduser()] if data_dir else []
    for directory in [*directories, DEBIAN_DIR]:
        found = {
            split: tuple(_existing(directory, stem) for stem in stems)
            for split, stems in _STEMS.items()
        }
        paths = [path for pair in found.values() for path in pair]
        if all(paths):
            return found  # type: ignore[return-value]
        if any(paths):
            missing = [stem for stems in _STEMS.values() for stem in stems]
            names = [name for name, path in zip(missing, paths, strict=True) if not path]
            raise ConfigError(
                f"--dataset=fashion_mnist: {directory} lacks {', '.join(names)} (plain or .gz); add"
                " the missing files or pass another --data_dir"
            )
    return None


def _existing(directory: Path, stem: str) -> Path | None:
    return next((p for p in (directory / stem, directory / f"{stem}.gz") if p.is_file()), None)


def read_split(images_path: Path, labels_path: Path) -> SampleSet:
    """One split from its two files.

    Raises:
        ConfigError: naming the file, when it is damaged.
    """
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ConfigError(
            f"{images_path} holds {images.shape}, {labels_path} {labels.shape}: not as many labels"
            " as images; fetch the files again"
        )
    if len(labels) and labels.max() >= len(CLASS_NAMES):
        raise ConfigError(f"{labels_path}: the label {labels.max()} is not one of 0..9")
    return SampleSet(images[..., np.newaxis], labels.astype(np.int32))


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """An IDX file of unsigned bytes: 0, 0, 8, rank, then big-endian sizes, then the values.

    Raises:
        ConfigError: naming the file, when it is damaged or of another kind.
    """
    try:
        content = Path(path).read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); fetch the file again") from error
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if zeros or kind != 8 or len(values) != np.prod(shape, dtype=np.int64):
        raise ConfigError(f"{path}: not a complete IDX file of unsigned bytes; fetch it again")
    return values.reshape(shape)
