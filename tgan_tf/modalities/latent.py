"""Images of which the networks see the latents of a frozen autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.modalities.autoencoder import Autoencoder
from tgan_tf.modalities.image import ImageModality

_IMAGES = 1024
_AT_ONCE = 32


class LatentModality(ImageModality):
    """As images, but generator and discriminator work on standardised latents (GAT, latent GANs).

    Args:
        config: resolved with an ``autoencoder``, and the ``shape``, ``channel_mean`` and
            ``channel_std`` of its latents.

    Raises:
        ConfigError: the autoencoder cannot be read, or is another one.
    """

    augmentations: tuple[str, ...] = ("translation", "cutout", "erase")

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.augmentations = LatentModality.augmentations
        data = config.data
        height, width, channels = self.sample_shape
        self._autoencoder = Autoencoder(data.autoencoder, (height, width, channels))
        self.signal_shape = data.signal_shape
        self._mean = np.array(data.channel_mean, np.float32)
        self._std = np.array(data.channel_std, np.float32)

    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """uint8 [B, H, W, C] to float32 latents [B, h, w, c], standardised."""
        latents = self._autoencoder.encode(super().encode(samples))
        return (tf.stop_gradient(latents) - self._mean) / self._std

    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """Nothing: latents have no bounds."""
        return values

    def show(self, values: tf.Tensor) -> tf.Tensor:
        """Standardised latents [B, h, w, c] to float32 images, nominally in [-1, 1]."""
        return self._autoencoder.decode(tf.cast(values, tf.float32) * self._std + self._mean)

    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """Standardised latents [B, h, w, c] to uint8 [B, H, W, C]."""
        return super().decode(self.show(values))

    def describe(self) -> str:
        height, width, channels = self.signal_shape
        return f"{super().describe()}, as {height} x {width} latents of {channels} channels"


def latents_of(
    path: str, images: np.ndarray
) -> tuple[tuple[int, int, int], Sequence[float], Sequence[float]]:
    """Shape (h, w, c), mean and deviation of each channel of the latents of images.

    Args:
        path: of the autoencoder.
        images: uint8 [N, H, W, C], of which up to 1,024 are looked at.

    Raises:
        ConfigError: the autoencoder cannot be read, or does not take these images.
    """
    height, width, channels = images.shape[1:]
    autoencoder = Autoencoder(path, (height, width, channels))
    chosen = np.linspace(0, len(images) - 1, min(_IMAGES, len(images))).astype(int)
    encode = tf.function(autoencoder.encode, autograph=False)
    latents = [
        encode(tf.constant(images[chosen[start : start + _AT_ONCE]] / np.float32(127.5) - 1))
        for start in range(0, len(chosen), _AT_ONCE)
    ]
    values = np.concatenate(latents).reshape(-1, autoencoder.latent_shape[-1])
    h, w, c = autoencoder.latent_shape
    return (h, w, c), values.mean(axis=0).tolist(), np.maximum(values.std(axis=0), 1e-6).tolist()
