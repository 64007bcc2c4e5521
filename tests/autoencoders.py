"""A tiny autoencoder in every form in which a user may have one."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

LATENT = 2  # channels, of a grid of half the side


def write_autoencoder(path: Path, form: str, channels: int = 1, size: int = 8) -> None:
    """Folds 2x2 pixels into latents and unfolds them again, with a few pixels lost.

    Args:
        path: of the file or folder.
        form: ``layers``, ``halves`` or ``saved_model``.
    """
    keras.utils.set_random_seed(0)
    half = size // 2
    encoder = keras.Sequential(
        [keras.Input((size, size, channels)), keras.layers.Conv2D(LATENT, 2, 2)], name="encoder"
    )
    decoder = keras.Sequential(
        [
            keras.Input((half, half, LATENT)),
            keras.layers.Conv2DTranspose(channels, 2, 2, activation="tanh"),
        ],
        name="decoder",
    )
    # A code that hardly loses brightness: means, and their copies.
    mean = np.full((2, 2, channels, LATENT), 1 / (4 * channels), np.float32)
    encoder.set_weights([mean * np.array([1, -1], np.float32), np.array([0.5, 0], np.float32)])
    spread = np.ones((2, 2, channels, LATENT), np.float32) * np.array([0.5, -0.5], np.float32)
    decoder.set_weights([spread, np.full(channels, -0.25, np.float32)])
    if form == "layers":
        x = keras.Input((size, size, channels))
        keras.Model(x, decoder(encoder(x))).save(path)
    elif form == "halves":
        path.mkdir()
        encoder.save(path / "encoder.keras")
        decoder.save(path / "decoder.keras")
    else:
        module = tf.Module()
        module.parts = [encoder, decoder]
        shapes = {"encode": (size, size, channels), "decode": (half, half, LATENT)}
        signatures = {
            name: tf.function(network, autograph=False).get_concrete_function(
                tf.TensorSpec((None, *shape), tf.float32, "x")
            )
            for network, (name, shape) in zip(module.parts, shapes.items(), strict=True)
        }
        tf.saved_model.save(module, str(path), signatures=signatures)
