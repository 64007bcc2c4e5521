"""A frozen autoencoder that the user has: from images to latents and back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import ConfigError

Function = Callable[[tf.Tensor], tf.Tensor]


class Autoencoder:
    """Two functions without training: the decoder is part of every exported generator.

    Args:
        path: a SavedModel with the signatures ``encode`` and ``decode`` (one input, one output
            each), a folder with ``encoder.keras`` and ``decoder.keras``, or a ``.keras`` file of a
            model that has layers with the names ``encoder`` and ``decoder``. Images are float32 in
            [-1, 1], ``[B, H, W, C]``, latents ``[B, h, w, c]``.
        image_shape: (H, W, C) of the images.

    Attributes:
        latent_shape: (h, w, c) of their latents.

    Raises:
        ConfigError: there is no such model, or it does not take and give these images.
    """

    def __init__(self, path: str, image_shape: tuple[int, int, int]) -> None:
        try:
            self._encode, self._decode = _load(Path(path).expanduser())
            latents = _shape(self._encode, image_shape)
            images = _shape(self._decode, latents)
        except (OSError, ValueError, TypeError, KeyError, tf.errors.OpError) as error:
            raise ConfigError(f"--autoencoder={path}: {error}") from error
        if len(latents) != 3 or images != image_shape:
            raise ConfigError(
                f"--autoencoder={path}: images {image_shape} become latents {latents} and then"
                f" {images}; they should be (h, w, c) and {image_shape} again: see --image_size and"
                " --channels"
            )
        self.latent_shape = latents

    def encode(self, images: tf.Tensor) -> tf.Tensor:
        """Images in [-1, 1] to latents."""
        return tf.cast(self._encode(tf.cast(images, tf.float32)), tf.float32)

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents to images, nominally in [-1, 1]."""
        return tf.cast(self._decode(tf.cast(latents, tf.float32)), tf.float32)


def _load(path: Path) -> tuple[Function, Function]:
    if (path / "saved_model.pb").exists():
        loaded = tf.saved_model.load(os.fspath(path))
        return _signature(loaded, "encode"), _signature(loaded, "decode")
    if path.is_dir():
        halves = [path / "encoder.keras", path / "decoder.keras"]
        networks = [keras.saving.load_model(half, compile=False) for half in halves]
    else:
        whole = keras.saving.load_model(path, compile=False)
        networks = [whole.get_layer(name) for name in ("encoder", "decoder")]
    encoder, decoder = (_of_layer(network) for network in networks)
    return encoder, decoder


def _of_layer(network: Any) -> Function:
    network.trainable = False
    return lambda x: network(x, training=False)


def _signature(loaded: Any, name: str) -> Function:
    signatures = loaded.signatures
    if name not in signatures:
        found = ", ".join(signatures) or "none"
        raise ValueError(f"the SavedModel has no signature {name!r}; it has {found}")
    (argument,) = signatures[name].structured_input_signature[1]

    def call(x: tf.Tensor) -> tf.Tensor:
        # By way of what was loaded: a signature alone does not keep its variables alive.
        (output,) = loaded.signatures[name](**{argument: x}).values()
        return output

    return call


def _shape(function: Function, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of what comes out for one example."""
    spec = tf.TensorSpec((2, *shape), tf.float32)
    traced = tf.function(function, autograph=False).get_concrete_function(spec)
    return tuple(traced.structured_outputs.shape[1:])
