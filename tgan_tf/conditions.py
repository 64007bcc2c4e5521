"""What samples are made for: a class, attributes, a vector, or nothing.

`condition_of` gives one of four kinds with one interface, from what a person says to what the
networks take: int32 ``[N]``, numbers of classes, or float32 ``[N, K]``.
"""

from __future__ import annotations

import abc
import difflib
import operator
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tgan_tf.config import Config, DataConfig
from tgan_tf.data.types import SampleSet
from tgan_tf.exporting import portable_random
from tgan_tf.files import replacing
from tgan_tf.language import TextEncoder, load_encoder

Label = (
    int
    | str
    | Sequence[int | str]
    | Mapping[str, float]
    | npt.NDArray[np.integer]
    | npt.NDArray[np.floating]
    | None
)


class Kept(NamedTuple):
    """Conditions of some training samples, which a run keeps.

    Attributes:
        numbers: attributes or vectors, float32 ``[M, K]``.
        captions: that the vectors stand for; empty without.
    """

    numbers: npt.NDArray[np.float32]
    captions: tuple[str, ...] = ()


FILE = "conditions.npz"  # in the run directory
_MOST_KEPT = 256


class Condition(abc.ABC):
    """One kind.

    Attributes:
        name: of the input of exported signatures; empty: there is none.
        shape: of one.
        dtype: of its numbers.
    """

    name = ""
    shape: tuple[int, ...] = ()
    dtype: tf.DType = tf.int32

    @property
    def encoder(self) -> TextEncoder | None:
        """From text to it; None: text does not stand for it."""
        return None

    @abc.abstractmethod
    def of_seeds(self, seeds: npt.ArrayLike) -> np.ndarray:
        """Each seed's own, ``[N, *shape]``."""

    @abc.abstractmethod
    def check(self, label: Label, seeds: npt.ArrayLike) -> np.ndarray:
        """What a person asks for, ``[N, *shape]``; None: each seed's own.

        Raises:
            ValueError: it cannot be had; the message says why.
        """

    @abc.abstractmethod
    def parse(self, text: str) -> Label:
        """What a person asks for at the prompt, as ``check`` takes it.

        Raises:
            ValueError: it cannot be read.
        """

    def rows(self, most: int | None = None) -> tuple[tuple[str, ...], np.ndarray]:
        """Names of (at most ``most``) rows of a picture, and the label of each; or no rows."""
        return (), np.zeros((0, *self.shape), self.dtype.as_numpy_dtype)

    def tag(self, label: np.ndarray) -> str:
        """One label as part of a file's name; empty: there is no short one."""
        return ""

    def spec(self, batch_size: int | None, suffix: str = "") -> tf.TensorSpec:
        """Of the signatures' input."""
        return tf.TensorSpec([batch_size, *self.shape], self.dtype, self.name + suffix)


class _Nothing(Condition):
    """Networks do not look at the zeros that stand for it."""

    def of_seeds(self, seeds: npt.ArrayLike) -> np.ndarray:
        return np.zeros(len(np.asarray(seeds)), np.int32)

    def check(self, label: Label, seeds: npt.ArrayLike) -> np.ndarray:
        if label is not None:
            raise ValueError(f"label={label!r}: the generator is unconditional; leave it out.")
        return self.of_seeds(seeds)

    def parse(self, text: str) -> Label:
        return text


class _Class(Condition):
    name = "label"

    def __init__(self, count: int, names: tuple[str, ...]) -> None:
        self._count = count
        self._names = names

    def of_seeds(self, seeds: npt.ArrayLike) -> np.ndarray:
        return portable_random.classes_numpy(seeds, self._count)

    def check(self, label: Label, seeds: npt.ArrayLike) -> np.ndarray:
        count = len(np.asarray(seeds))
        if label is None:
            return self.of_seeds(seeds)
        if isinstance(label, str) or not np.iterable(label):
            return np.full(count, self._index(label), np.int32)
        labels = [self._index(one) for one in label]
        if len(labels) != count:
            raise ValueError(f"label: {len(labels)} classes for {count} seeds; give one each.")
        return np.array(labels, np.int32)

    def parse(self, text: str) -> Label:
        return int(text) if text.lstrip("-").isdecimal() and text not in self._names else text

    def rows(self, most: int | None = None) -> tuple[tuple[str, ...], np.ndarray]:
        names = self._names or tuple(map(str, range(self._count)))
        return names[:most], np.arange(self._count, dtype=np.int32)[:most]

    def tag(self, label: np.ndarray) -> str:
        return f"class{label}"

    def _index(self, label: Any) -> int:
        if isinstance(label, str):
            if label in self._names:
                return self._names.index(label)
            raise ValueError(f"label: no class is named {label!r}{_hint(label, self._names)}")
        try:
            index = operator.index(label)
        except TypeError:
            raise ValueError(f"label must be an index or a name, got {label!r}.") from None
        if not 0 <= index < self._count:
            raise ValueError(f"label: {index} is not a class; they are 0 to {self._count - 1}.")
        return index


class _Numbers(Condition):
    """Attributes and vectors: K numbers for each sample.

    Args:
        width: K.
        kept: of training samples, from which seeds take theirs; none: made up.
    """

    dtype = tf.float32

    def __init__(self, width: int, latent_dim: int, kept: Kept | None) -> None:
        self.shape = (width,)
        self._latent_dim = latent_dim
        self._kept = kept

    def of_seeds(self, seeds: npt.ArrayLike) -> np.ndarray:
        if self._kept is not None:
            numbers = self._kept.numbers
            return numbers[portable_random.classes_numpy(seeds, len(numbers))]
        # The numbers of a seed's stream that its z does not take.
        numbers = portable_random.normal_numpy(seeds, self._latent_dim + self.shape[0])
        return self._made_up(numbers[:, self._latent_dim :])

    @abc.abstractmethod
    def _made_up(self, numbers: np.ndarray) -> np.ndarray:
        """From standard normal numbers ``[N, K]``, where there is no example."""

    def check(self, label: Label, seeds: npt.ArrayLike) -> np.ndarray:
        count, (width,) = len(np.asarray(seeds)), self.shape
        if label is None:
            return self.of_seeds(seeds)
        try:
            values = np.asarray(self._values(label), np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"label: {error}") from None
        if values.shape not in ((width,), (count, width)):
            raise ValueError(
                f"label: numbers of shape {list(values.shape)}; give [{width}] for all samples, or"
                f" [{count}, {width}]"
            )
        if not np.isfinite(values).all():
            raise ValueError("label: all numbers must be finite")
        return np.broadcast_to(values, (count, width)).copy()

    def _values(self, label: Any) -> Any:
        return label


class _Attributes(_Numbers):
    name = "attributes"

    def __init__(self, names: tuple[str, ...], latent_dim: int, kept: Kept | None) -> None:
        super().__init__(len(names), latent_dim, kept)
        self._names = names

    def _made_up(self, numbers: np.ndarray) -> np.ndarray:
        return (numbers > 0).astype(np.float32)

    def _values(self, label: Any) -> Any:
        if isinstance(label, str):
            label = [label]
        if isinstance(label, Mapping):
            strengths = {str(name): float(value) for name, value in label.items()}
        elif isinstance(label, Iterable) and all(isinstance(name, str) for name in label):
            strengths = dict.fromkeys(label, 1.0)
        else:
            return label
        for name in strengths:
            if name not in self._names:
                raise ValueError(f"no attribute is named {name!r}{_hint(name, self._names)}")
        return [strengths.get(name, 0.0) for name in self._names]

    def parse(self, text: str) -> Label:
        """``hat,smile:0.5``, or ``none``."""
        strengths = {}
        for word in [] if text == "none" else text.split(","):
            name, _, strength = word.strip().rpartition(":")
            try:
                strengths[name or strength] = float(strength) if name else 1.0
            except ValueError:
                raise ValueError(f"label: {word!r}: give names, like hat or hat:0.5") from None
        return strengths

    def rows(self, most: int | None = None) -> tuple[tuple[str, ...], np.ndarray]:
        """None of them, then each alone."""
        alone = np.eye(len(self._names), dtype=np.float32)
        none = np.zeros_like(alone[:1])
        return ("none", *self._names)[:most], np.concatenate([none, alone])[:most]

    def tag(self, label: np.ndarray) -> str:
        return "attributes" + "".join(str(int(value > 0.5)) for value in label)


class _Vector(_Numbers):
    name = "condition"

    def _made_up(self, numbers: np.ndarray) -> np.ndarray:
        return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)

    def parse(self, text: str) -> Label:
        """The path of a .npy file."""
        try:
            return np.load(text)
        except (OSError, ValueError) as error:
            raise ValueError(f"label: {text}: no .npy file of numbers ({error})") from error


class _Caption(_Vector):
    """A sentence, as its encoder's vector; or such a vector."""

    def __init__(self, data: DataConfig, latent_dim: int, kept: Kept | None) -> None:
        super().__init__(data.vector_width, latent_dim, kept)
        self._data = data

    @property
    def encoder(self) -> TextEncoder:
        """Read when the first sentence comes: it has many more weights than the generator."""
        return load_encoder(self._data.text_encoder, self._data.caption_length)

    def _values(self, label: Any) -> Any:
        if isinstance(label, str):
            return self.encoder.encode([label])[0]
        if isinstance(label, Sequence) and label and all(isinstance(one, str) for one in label):
            return self.encoder.encode(label)
        return label

    def parse(self, text: str) -> Label:
        return text

    def rows(self, most: int | None = None) -> tuple[tuple[str, ...], np.ndarray]:
        """Captions of training samples, evenly spaced; without a bound there are too many."""
        if self._kept is None or most is None:
            return super().rows(most)
        count = len(self._kept.captions)
        chosen = np.linspace(0, count - 1, min(count, most)).astype(np.int64)
        return tuple(self._kept.captions[i] for i in chosen), self._kept.numbers[chosen]


def condition_of(config: Config, kept: Kept | None = None) -> Condition:
    """The condition of a resolved configuration.

    Args:
        config: what the networks are made of.
        kept: attributes or vectors of training samples.
    """
    data, latent_dim = config.data, config.generator.latent_dim
    if data.condition == "class":
        return _Class(data.num_classes, data.class_names)
    if data.condition == "attributes":
        return _Attributes(data.attribute_names, latent_dim, kept)
    if data.condition == "vector" and data.captions:
        return _Caption(data, latent_dim, kept)
    if data.condition == "vector":
        return _Vector(data.vector_width, latent_dim, kept)
    return _Nothing()


def chosen(samples: SampleSet) -> Kept | None:
    """Attributes or vectors of some samples, evenly spaced; None of classes."""
    labels = samples.labels
    if labels is None or labels.ndim == 1:
        return None
    rows = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_KEPT)).astype(np.int64)
    captions = tuple(samples.captions[row] for row in rows) if samples.captions else ()
    return Kept(np.asarray(labels[rows], np.float32), captions)


def save(kept: Kept, run: Path) -> None:
    """Writes RUN/conditions.npz, beside and then renamed."""
    with replacing(run / FILE) as beside, beside.open("wb") as file:
        np.savez(file, conditions=kept.numbers, captions=np.array(kept.captions, str))


def load(run: Path | None, config: Config) -> Kept | None:
    """Those that a run keeps; None if it has none.

    Raises:
        ValueError: the file is damaged, or of another generator.
    """
    if run is None or not (run / FILE).is_file():
        return None
    try:
        with np.load(run / FILE) as file:
            kept = Kept(file["conditions"], tuple(map(str, file["captions"])))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{run / FILE} cannot be read ({error}); delete it") from error
    shape = kept.numbers.shape
    if len(shape) != 2 or shape[1] != config.data.condition_width:
        raise ValueError(f"{run / FILE} is of another generator; delete it")
    return kept


def _hint(word: str, names: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; they are {', '.join(names)}."
