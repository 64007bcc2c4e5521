"""``tfds:NAME``: any data set of TensorFlow Datasets that has an image feature.

- Image and label are those of the data set's supervised keys, else the features ``image`` and
  ``label``, else the first image feature and the first class label; without one, a dictionary of
  truth values, such as ``attributes`` of ``celeb_a``, is the attributes; else no labels.
- With ``--captions``: the feature ``caption``, ``captions``, ``text`` or ``description``, else the
  first one of text; of a sequence of texts, as of ``coco_captions``, the first.
- The split ``train`` is trained on. ``test``, else ``validation``, is held out, if it has labels
  where ``train`` has them; otherwise an evenly spaced share of ``train`` is.
"""

from __future__ import annotations

import difflib
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import pixels
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.split import is_held_out

_CAPTIONS = ("caption", "captions", "text", "description")
# Height, width, channels and classes; 0: images differ in size.
_KNOWN = {
    **dict.fromkeys(("mnist", "fashion_mnist", "kmnist"), (28, 28, 1, 10)),
    **dict.fromkeys(("cifar10", "svhn_cropped"), (32, 32, 3, 10)),
    "cifar100": (32, 32, 3, 100),
    "stl10": (96, 96, 3, 10),
    **dict.fromkeys(("imagenet2012", "imagenet_resized"), (0, 0, 3, 1000)),
}


def known(name: str) -> tuple[int, int, int, int]:
    """Height, width, channels and classes of ``NAME``, ``NAME/CONFIG`` or ``NAME:VERSION``; 0: not
    known without opening it."""
    return _KNOWN.get(re.split("[/:]", name)[0], (0, 0, 0, 0))


class TfdsReader(Reader):
    """See the module."""

    def __init__(self, name: str, data: DataConfig, help_offline: str = "") -> None:
        """Opens the data set, downloading it where it is not there yet.

        Args:
            name: as TFDS takes it: ``NAME``, ``NAME/CONFIG``, ``NAME:VERSION``.
            data: ``data_dir`` is TFDS's; empty: ``~/tensorflow_datasets``.
            help_offline: the ways out when it cannot be downloaded.

        Raises:
            ConfigError: when the name is unknown, the data are not there and cannot be fetched, or
                hold no images.
        """
        self._flag = f"--dataset=tfds:{name}"
        self._tfds = import_tfds(self._flag, help_offline)
        self._builder = prepared_builder(self._tfds, name, data.data_dir, self._flag, help_offline)
        info = self._builder.info
        self.name = info.name
        self.licence = licence_of(info)
        self._find_features(info)
        self._caption_path = self._find_caption(info.features) if data.captions else ()
        if "train" not in info.splits:
            raise ConfigError(
                f"{self._flag}: has no split 'train', only {', '.join(info.splits) or 'none'}"
            )
        self._val_split = next(
            (s for s in ("test", "validation") if s in info.splits and self._has_labels(s)), ""
        )
        self._val_fraction = 0.0 if self._val_split else data.val_fraction
        splits = ["train", *([self._val_split] if self._val_split else [])]
        self.count = sum(info.splits[split].num_examples for split in splits)
        self.identity = [
            "tfds",
            info.full_name,
            str(self._builder.data_dir),
            {split: info.splits[split].num_examples for split in splits},
            self._val_fraction,
        ]

    def _find_features(self, info: Any) -> None:
        features = info.features
        supervised = [key for key in info.supervised_keys or () if isinstance(key, str)]

        def first(kind: type, usual: str) -> str:
            keys = [*supervised, usual, *features]
            return next((k for k in keys if k in features and isinstance(features[k], kind)), "")

        self._image_key = first(self._tfds.features.Image, "image")
        self._label_key = first(self._tfds.features.ClassLabel, "label")
        if not self._image_key:
            raise ConfigError(
                f"{self._flag}: has no image among its features ({', '.join(features)}); choose"
                " another data set, or tfds_video:NAME for videos, tfds_text:NAME for texts"
            )
        image = features[self._image_key]
        if image.np_dtype not in (np.uint8, np.uint16):
            raise ConfigError(
                f"{self._flag}: its images are {np.dtype(image.np_dtype)}; only uint8 and uint16"
                " have a range that is known. Save them with numpy.savez and use npz:PATH"
            )
        self._image_shape = image.shape
        if self._label_key:
            self.class_names = tuple(features[self._label_key].names)
            return
        dictionary = self._tfds.features.FeaturesDict
        dictionaries = [key for key in features if isinstance(features[key], dictionary)]
        self._label_key = next((key for key in dictionaries if _are_true(features[key])), "")
        if self._label_key:
            self.attribute_names = tuple(sorted(features[self._label_key]))

    def _find_caption(self, features: Any) -> tuple[str, ...]:
        """Keys of a text, from the outside in."""
        kinds = self._tfds.features

        def path(feature: Any) -> tuple[str, ...] | None:
            if isinstance(feature, kinds.Text):
                return ()
            if isinstance(feature, kinds.Sequence):
                return path(feature.feature)
            if not isinstance(feature, kinds.FeaturesDict):
                return None
            for key in (k for k in (*_CAPTIONS, *feature) if k in feature):
                if (inside := path(feature[key])) is not None:
                    return (key, *inside)
            return None

        found = path(features)
        if found is None:
            raise ConfigError(
                f"--captions: {self._flag} has no text among its features ({', '.join(features)})"
            )
        return found

    def _has_labels(self, split: str) -> bool:
        """Some data sets hide the labels of the test split: they are all -1, captions empty."""
        if not self._caption_path and (not self._label_key or self.attribute_names):
            return True
        (example,) = self._examples(split, take=1)
        if self._caption_path:
            return bool(self._caption(example))
        return bool(example[self._label_key] >= 0)

    def _caption(self, example: Any) -> str:
        """The (first) caption; empty: none. Without ``--captions`` nobody asks for one."""
        for key in self._caption_path:
            example = example[key]
        texts = np.ravel(example)
        return " ".join(texts[0].decode(errors="replace").split()) if len(texts) else ""

    def _examples(self, split: str, take: int = -1) -> Iterator[dict[str, Any]]:
        keys = (self._image_key, self._label_key, *self._caption_path[:1])
        wanted = {key: True for key in keys if key}
        yield from examples_of(
            self._tfds, self._builder, split, self._flag, wanted=wanted, take=take
        )

    def native_size(self) -> tuple[int, int]:
        height, width = self._image_shape[:2]
        if not height or not width:
            raise ConfigError(
                f"--image_size: {self._flag} does not say that its images have one size; pass"
                " --image_size=H,W, and --fit=crop, pad or stretch"
            )
        return height, width

    def native_channels(self) -> int:
        return self._image_shape[2] or 3

    def items(self) -> Iterator[Item]:
        if self._val_split:
            for index, example in enumerate(self._examples(self._val_split)):
                yield self._item(f"{self._val_split}[{index}]", example, True)
        for index, example in enumerate(self._examples("train")):
            held_out = not self._val_split and is_held_out(index, self._val_fraction)
            yield self._item(f"train[{index}]", example, held_out)

    def _item(self, where: str, example: dict[str, Any], held_out: bool) -> Item:
        found: Any = example[self._label_key] if self._label_key else -1
        label: int | np.ndarray
        if self.attribute_names:
            label = np.array([found[name] for name in self.attribute_names], np.float32)
        else:
            label = int(found)
        caption = self._caption(example) if self._caption_path else ""
        return Item((where, example[self._image_key]), label, held_out, caption)

    def load(self, key: tuple[str, np.ndarray], size: tuple[int, int]) -> Image.Image:
        image = key[1]
        if image.dtype == np.uint16:
            image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return pixels.image_from_array(image)

    def describe(self, key: tuple[str, np.ndarray]) -> str:
        return key[0]


def _are_true(features: Any) -> bool:
    """Whether all features of a dictionary are truth values."""
    kinds = [(feature.shape, feature.np_dtype) for feature in features.values()]
    return bool(kinds) and all(kind == ((), np.bool_) for kind in kinds)


def licence_of(info: Any) -> str:
    """Of a data set's description; empty: it says none."""
    return (info.redistribution_info.license if info.redistribution_info else "") or ""


def import_tfds(flag: str, ways_out: str) -> Any:
    """The package.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise ConfigError(
            f"{flag}: TensorFlow Datasets cannot be imported ({error});"
            f" {ways_out or 'pip install tensorflow-datasets importlib_resources'}"
        ) from error
    return tensorflow_datasets


def prepared_builder(tfds: Any, name: str, data_dir: str, flag: str, ways_out: str) -> Any:
    """The builder of a data set that is there, downloaded if need be.

    Raises:
        ConfigError: unknown, or not there and not to be had.
    """
    directory = os.path.expanduser(data_dir) or None
    try:
        builder = tfds.builder(name, data_dir=directory)
    except Exception as error:  # a dozen kinds, by what is wrong with the name
        known = difflib.get_close_matches(
            name, tfds.list_builders(with_community_datasets=False), n=1
        )
        raise ConfigError(
            f"{flag}: {_first_line(error)}"
            + (f" Did you mean tfds:{known[0]}?" if known else "")
            + " https://www.tensorflow.org/datasets/catalog lists the names; one that you prepared"
            " yourself needs --data_dir"
        ) from error
    if builder.is_prepared():
        return builder
    ways_out = ways_out or (
        "connect to the network once, or pass --data_dir with a prepared copy (tfds build"
        f" {name} --data_dir=DIR makes one where there is a network)"
    )
    missing = f"{flag}: not found in {builder.data_dir}, and it cannot be downloaded"
    if not _online():
        raise ConfigError(f"{missing} (no network); {ways_out}")
    try:
        builder.download_and_prepare()
    except Exception as error:  # whatever a download can raise
        raise ConfigError(f"{missing} ({_first_line(error)}); {ways_out}") from error
    return builder


def examples_of(
    tfds: Any, builder: Any, split: str, flag: str, wanted: Any = None, take: int = -1
) -> Iterator[Any]:
    """The examples of a split, as NumPy.

    Args:
        tfds: the package.
        builder: of ``prepared_builder``.
        split: its name.
        flag: for errors.
        wanted: features to decode, ``{key: True}``; None: all.
        take: so many; -1: all.

    Raises:
        ConfigError: the files are damaged.
    """
    dataset = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(wanted) if wanted else None,
    )
    try:
        yield from tfds.as_numpy(dataset.take(take))
    except Exception as error:  # tf.errors.*: TensorFlow is not imported here for its names
        raise ConfigError(
            f"{flag}: the files in {builder.data_dir} are damaged ({_first_line(error)}); remove"
            " that directory and prepare them again"
        ) from error


def _online() -> bool:
    """False when a download would only be retried for minutes: no proxy, and no name resolves."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY")):
        return True
    try:
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
