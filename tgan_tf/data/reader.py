"""The interface between the kinds of data sets and the one way in which they are prepared."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tgan_tf.data import pixels
from tgan_tf.data.split import held_out_count, stratified_order
from tgan_tf.data.types import SampleSet


class Item(NamedTuple):
    """One sample before it is read.

    Args:
        key: what ``Reader.load`` needs.
        label: 0..num_classes-1; -1 without labels; attributes or a vector: float32 [K].
        held_out: whether it belongs to the validation split.
        caption: a sentence about it, where there is one.
    """

    key: Any
    label: int | np.ndarray
    held_out: bool
    caption: str = ""


class Reader(abc.ABC):
    """A data set found, but not yet read.

    Attributes:
        name: short, fit for a file name.
        identity: of the data and of the split, plain JSON types; equal identities are equal data.
        count: number of items, of both splits together.
        class_names: a name for each class; empty without classes.
        attribute_names: a name for each attribute; empty without attributes.
        mirror_safe: whether a mirrored image could be in the data; None: not known.
        licence: of the data.
        skipped: ``"file: reason"`` for what was found and is not used, beside what cannot be read.
    """

    name: str
    identity: Any
    count: int
    class_names: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    mirror_safe: bool | None = None
    licence: str = ""
    skipped: tuple[str, ...] = ()

    @abc.abstractmethod
    def native_size(self) -> tuple[int, int]:
        """The (H, W) that all images have.

        Raises:
            ConfigError: naming --image_size, when they differ.
        """

    @abc.abstractmethod
    def native_channels(self) -> int:
        """3 if any image has colour, else 1; 4 only where the data are arrays of RGBA."""

    @abc.abstractmethod
    def items(self) -> Iterator[Item]:
        """All items, in the order in which they are kept."""

    @abc.abstractmethod
    def load(self, key: Any, size: tuple[int, int]) -> Image.Image:
        """The image, upright; called from several threads. ``size`` is the (H, W) it will become.

        Any exception means that this one image cannot be read.
        """

    def describe(self, key: Any) -> str:
        """What to call an image that cannot be read."""
        return str(key)

    def shape(self, requested: tuple[int, int, int]) -> tuple[int, int, int]:
        """``requested`` (H, W, C) with zeros replaced by what the data have."""
        height, width, channels = requested
        if not height:
            height, width = self.native_size()
        return height, width, channels or self.native_channels()


class ArrayReader(Reader):
    """Images that are in memory already."""

    def __init__(
        self,
        name: str,
        train: SampleSet,
        val: SampleSet | None,
        *,
        identity: Any,
        val_fraction: float,
        seed: int,
        class_names: tuple[str, ...] = (),
        attribute_names: tuple[str, ...] = (),
        mirror_safe: bool | None = None,
        licence: str = "",
    ) -> None:
        """
        Args:
            train: all images, or those of the training split.
            val: the validation split; None: a stratified share of ``train`` is held out.
            val_fraction: that share.
            seed: chooses it.
        """
        self.name = name
        self.class_names = class_names
        self.attribute_names = attribute_names
        self.mirror_safe = mirror_safe
        self.licence = licence
        if val is None:
            classes = train.classes
            order = stratified_order(
                np.zeros(len(train), int) if classes is None else classes, seed
            )
            count = held_out_count(len(train), val_fraction)
            train, val = _taken(train, order[count:]), _taken(train, order[:count])
            identity = [identity, val_fraction, seed]
        self.identity = identity
        self.train, self.val = train, val
        self.count = len(train) + len(val)

    def native_size(self) -> tuple[int, int]:
        height, width, _ = self.train.sample_shape
        return height, width

    def native_channels(self) -> int:
        return self.train.sample_shape[2]

    def items(self) -> Iterator[Item]:
        for images, held_out in ((self.val, True), (self.train, False)):
            for index in range(len(images)):
                label = -1 if images.labels is None else images.labels[index]
                yield Item((held_out, index), label, held_out)

    def load(self, key: tuple[bool, int], size: tuple[int, int]) -> Image.Image:
        held_out, index = key
        return pixels.image_from_array((self.val if held_out else self.train).samples[index])


def _taken(images: SampleSet, indices: np.ndarray) -> SampleSet:
    labels = None if images.labels is None else images.labels[indices]
    return SampleSet(images.samples[indices], labels)
