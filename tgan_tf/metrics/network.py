"""What extractors made of a TensorFlow function share: checks, batches, replicas."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.metrics.features import check_images

# float32 images [B, H, W, C], 0..255 -> features [B, dim], logits [B, classes]
Forward = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Network:
    """A network of images with features and classes, as `features.ClassifyingExtractor` asks.

    Made in the scope of a `tf.distribute` strategy of one machine, its replicas share each batch.

    Args:
        forward: float32 images ``[B, H, W, C]`` of 0..255 to features and logits; called in a
            graph whose batch is open.
        name, identity, dim: see `features.FeatureExtractor`.
        image_shape: H, W and C that it takes; None: any.
    """

    def __init__(
        self,
        forward: Forward,
        *,
        name: str,
        identity: str,
        dim: int,
        image_shape: tuple[int | None, int | None, int | None] = (None, None, None),
    ) -> None:
        self.name, self.dim = name, dim
        self._identity = identity
        self._strategy = tf.distribute.get_strategy()
        spec = tf.TensorSpec((None, *image_shape), tf.float32)
        self._forward = tf.function(forward, input_signature=[spec])
        # Not strategy.run of self._forward: that would hold all replicas' values to its signature.
        strategy = self._strategy
        self._share = tf.function(lambda given: strategy.run(forward, args=(given,)))

    @property
    def identity(self) -> str:
        """All that changes the numbers, for records and cache keys."""
        return self._identity

    def features_and_logits(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features ``[B, dim]`` and logits ``[B, classes]``, float32, of uint8 images.

        Raises:
            ValueError: the images are not uint8 ``[B, H, W, 1 or 3]``.
        """
        return self.of_floats(check_images(images).astype(np.float32))

    def of_floats(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of float32 images, values 0..255 that need not be whole."""
        strategy = self._strategy
        replicas = strategy.num_replicas_in_sync
        if replicas == 1:
            features, logits = self._forward(images)
            return features.numpy(), logits.numpy()
        # Of equal length: some devices want one shape for all.
        count = len(images)
        padded = images[np.arange(-(-count // replicas) * replicas) % count]
        parts = np.split(padded, replicas)
        given = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )
        features, logits = (
            np.concatenate([part.numpy() for part in strategy.experimental_local_results(value)])
            for value in self._share(given)
        )
        return features[:count], logits[:count]

    def of_tensors(self, images: tf.Tensor) -> tf.Tensor:
        """Features ``[B, dim]`` of float32 images, of one replica, with a derivative."""
        return self._forward(images)[0]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features, float32 ``[B, dim]``, of uint8 images."""
        return self.features_and_logits(images)[0]


def load_signature(folder: Path, names: Sequence[str] = ("serving_default",)) -> tuple[object, Any]:
    """A SavedModel, which must stay alive, and the first of these signatures that it has.

    Raises:
        ValueError: no SavedModel, or none with such a signature.
    """
    try:
        module = tf.saved_model.load(os.fspath(folder))
        present = [name for name in names if name in module.signatures]
        return module, module.signatures[(present or names)[0]]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{folder}: no SavedModel with the signature {names[0]} ({error})"
        ) from error


def shapes_of(specs: Mapping[str, tf.TensorSpec]) -> str:
    """Names and shapes of a signature's inputs or outputs, for people."""
    return ", ".join(f"{name} {spec.shape}" for name, spec in specs.items())


def in_colour(x: tf.Tensor) -> tf.Tensor:
    """``[B, H, W, 1 or 3]`` to ``[B, H, W, 3]``, grey repeated."""
    return tf.cond(tf.shape(x)[-1] == 1, lambda: tf.repeat(x, 3, axis=-1), lambda: x)


def stretched(x: tf.Tensor, height: int, width: int, method: str) -> tf.Tensor:
    """``[B, H, W, C]`` at another size; antialiased where it shrinks.

    `tf.image.resize` antialiases an enlargement too if it is asked, at many times the cost.
    """
    shrinks = tf.reduce_any(tf.shape(x)[1:3] > [height, width])
    return tf.cond(
        shrinks,
        lambda: tf.image.resize(x, (height, width), method, antialias=True),
        lambda: tf.image.resize(x, (height, width), method),
    )
