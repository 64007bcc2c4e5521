"""A small classifier of the data set's own labels, trained in seconds to a minute and then kept.

It says whether a sample made for class c is recognised as c, and its features are a second pair of
eyes beside an ImageNet network: they are tuned to what distinguishes this data.
"""

from __future__ import annotations

import hashlib
import json
import os

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.data.opaque import OpaqueRows
from tgan_tf.data.types import Progress
from tgan_tf.files import replacing
from tgan_tf.metrics.features import check_images
from tgan_tf.metrics.network import Network

_WIDTHS = (32, 64, 128)
_MAX_SIDE = 32  # larger images are averaged down: labels rarely hang on finer detail
_BATCH = 128
_PREDICT_BATCH = 500
_PEAK_LEARNING_RATE = 4e-3
_FORMAT = 1


class Classifier(Network):
    """A trained classifier: labels, logits and features of uint8 images.

    It is a feature extractor named 'classifier' (see `features.ClassifyingExtractor`).

    Attributes:
        num_classes: number of classes.
        image_shape: ``(H, W, C)`` of the images that it takes.
        accuracy: share of held-out real images that it labels correctly, 0..1: no generator can be
            measured better than this.
    """

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        *,
        seed: int = 0,
        accuracy: float = float("nan"),
    ) -> None:
        self.num_classes = num_classes
        self.image_shape = image_shape
        self.accuracy = accuracy
        self._network = _build(num_classes, image_shape, seed)
        super().__init__(
            lambda images: self._network(images, training=False),
            name="classifier",
            identity="",
            dim=_WIDTHS[-1],
            image_shape=image_shape,
        )

    @property
    def identity(self) -> str:
        """Name and hash of the weights."""
        digest = hashlib.sha256()
        for weight in self._network.get_weights():
            digest.update(weight.tobytes())
        return f"classifier/sha256-{digest.hexdigest()[:16]}"

    def features_and_logits(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features ``[B, 128]`` and logits ``[B, num_classes]``, float32, of uint8 images.

        Raises:
            ValueError: the images are not uint8 ``[B, H, W, C]`` of the shape trained on.
        """
        images = check_images(images)
        if images.shape[1:] != self.image_shape:
            raise ValueError(
                f"the classifier was trained on images of shape {list(self.image_shape)}, these "
                f"have {list(images.shape[1:])}: train one on this data, or resize"
            )
        parts = [
            super(Classifier, self).features_and_logits(images[start : start + _PREDICT_BATCH])
            for start in range(0, len(images), _PREDICT_BATCH)
        ]
        features, logits = zip(*parts, strict=True)
        return np.concatenate(features), np.concatenate(logits)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The likeliest class of each image, int32 ``[B]``."""
        return self.features_and_logits(images)[1].argmax(axis=1).astype(np.int32)

    def copied(self) -> Classifier:
        """The same, made in the present scope of a `tf.distribute` strategy."""
        other = Classifier(self.num_classes, self.image_shape, accuracy=self.accuracy)
        other._network.set_weights(self._network.get_weights())
        return other

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one ``.npz`` file, beside its place first, so that it is never there in part."""
        about = {
            "format": _FORMAT,
            "num_classes": self.num_classes,
            "image_shape": self.image_shape,
            "accuracy": self.accuracy,
        }
        weights = {f"weight_{i:03d}": w for i, w in enumerate(self._network.get_weights())}
        with replacing(path) as beside, beside.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **weights)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or written by another version.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                if about.pop("format") != _FORMAT:
                    raise ValueError("it has another format")
                height, width, channels = about.pop("image_shape")
                classifier = cls(image_shape=(height, width, channels), **about)
                names = sorted(name for name in arrays.files if name != "about")
                classifier._network.set_weights([arrays[name] for name in names])
        except FileNotFoundError:
            raise
        except Exception as error:  # a damaged archive raises whatever its part raises
            raise ValueError(
                f"cannot read the classifier {os.fspath(path)} ({error}); delete the file, and "
                "it is trained again"
            ) from error
        return classifier


def _build(num_classes: int, image_shape: tuple[int, int, int], seed: int) -> keras.Model:
    """Images of 0..255 -> (features, logits). Layers are float32 whatever the global policy."""
    layers = keras.layers
    dtype = keras.DTypePolicy("float32")

    def convolution(x, width: int, stride: int, index: int):
        initializer = keras.initializers.HeNormal(seed=1000 * seed + index)
        x = layers.Conv2D(
            width, 3, stride, "same", use_bias=False, kernel_initializer=initializer, dtype=dtype
        )(x)
        # A short memory: there are only a few hundred steps.
        x = layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)
        return layers.ReLU(dtype=dtype)(x)

    image = keras.Input(image_shape, dtype="float32")
    x = layers.Rescaling(1 / 127.5, -1, dtype=dtype)(image)
    pool = -(-max(image_shape[:2]) // _MAX_SIDE)
    if pool > 1:
        x = layers.AveragePooling2D(pool, padding="same", dtype=dtype)(x)
    for stage, width in enumerate(_WIDTHS):
        # Halve as long as a map of 3 pixels or more remains.
        stride = 2 if min(x.shape[1:3]) >= 6 else 1
        x = convolution(x, width, stride, 2 * stage)
        if stage > 0:  # at full size a second convolution costs more than it brings
            x = convolution(x, width, 1, 2 * stage + 1)
    features = layers.GlobalAveragePooling2D(dtype=dtype)(x)  # [B, 128]
    logits = layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.GlorotUniform(seed=1000 * seed + 999),
        dtype=dtype,
    )(features)
    return keras.Model(image, [features, logits], name="classifier")


def train_classifier(
    images: np.ndarray | OpaqueRows,
    labels: np.ndarray,
    num_classes: int,
    *,
    held_out: tuple[np.ndarray | OpaqueRows, np.ndarray] | None = None,
    seed: int = 0,
    budget: int | None = None,
    progress: Progress | None = None,
) -> Classifier:
    """Trains a classifier and measures it on images that it has not seen.

    Args:
        images: uint8 ``[N, H, W, C]``, may be a memory map: rows are read as they are needed.
        labels: int ``[N]``, 0 to ``num_classes - 1``.
        num_classes: number of classes, at least 2.
        held_out: real images and labels to measure accuracy on; by default a tenth of `images` is
            set aside.
        seed: of the weights, the order and the part set aside.
        budget: images to show in training; by default 15 times the set, at most 120,000 (a minute
            on one CPU core at 28x28).
        progress: called with images shown and images to show.

    Raises:
        ValueError: images and labels do not match, or labels are out of range.
    """
    check_images(images[:1])  # the rest are not in memory, perhaps
    labels = np.asarray(labels)
    if num_classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, not {num_classes}")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be one integer for each of {len(images)} images, "
            f"these are {labels.dtype} {list(labels.shape)}"
        )
    if len(labels) < 10 or labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"a classifier needs at least 10 images with labels 0 to {num_classes - 1}; there are "
            f"{len(labels)}, labelled {labels.min(initial=0)} to {labels.max(initial=0)}"
        )
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(images))
    if held_out is None:
        aside = np.sort(rows[: max(1, len(rows) // 10)])
        held_out = OpaqueRows(images, aside), labels[aside]
        rows = rows[len(aside) :]
    if budget is None:
        budget = min(15 * len(rows), 120_000)

    height, width, channels = images.shape[1:]
    classifier = Classifier(num_classes, (height, width, channels), seed=seed)
    _fit(classifier._network, images, labels, rows, rng, budget, progress)
    classifier.accuracy = _accuracy(classifier, *held_out)
    return classifier


def _accuracy(classifier: Classifier, images: np.ndarray | OpaqueRows, labels: np.ndarray) -> float:
    right = 0
    for start in range(0, len(images), _PREDICT_BATCH):
        part = slice(start, start + _PREDICT_BATCH)
        right += int((classifier.predict(images[part]) == labels[part]).sum())
    return right / len(images)


def _fit(
    network: keras.Model,
    images: np.ndarray | OpaqueRows,
    labels: np.ndarray,
    rows: np.ndarray,
    rng: np.random.Generator,
    budget: int,
    progress: Progress | None,
) -> None:
    batch = min(_BATCH, len(rows))
    steps = max(1, budget // batch)
    warmup = steps // 5
    schedule = keras.optimizers.schedules.CosineDecay(
        _PEAK_LEARNING_RATE / 10,
        steps - warmup,
        warmup_target=_PEAK_LEARNING_RATE,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            _, logits = network(x, training=True)
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
            )
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    order = rows[:0]
    for done in range(steps):
        if len(order) < batch:  # the next pass over the set; a remainder comes first
            order = np.concatenate([order, rng.permutation(rows)])
        chosen, order = np.sort(order[:batch]), order[batch:]
        step(tf.constant(images[chosen], tf.float32), tf.constant(labels[chosen], tf.int32))
        if progress is not None:
            progress((done + 1) * batch, steps * batch)
