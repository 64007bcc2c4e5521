"""Features of a network that was never trained: cheap, for any images, the same everywhere.

Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models" (2020, sec. 4): where
data are not those of ImageNet, embeddings by random convolutions compare distributions no worse
than trained ones do. Here they watch a training; results that are published want a trained network.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tgan_tf.metrics.features import check_images

_WIDTHS = (32, 64, 64)
_MAX_SIDE = 32  # larger images are averaged down first
_GRID = 2  # the last map is averaged over this many rows and columns: where things are counts too
_AT_ONCE = 256


class RandomFeatures:
    """Three random convolutions, means over a 2x2 grid, a random projection.

    A feature extractor (see `features.FeatureExtractor`). Weights are drawn by NumPy from a fixed
    seed.

    Args:
        channels: of the images, 1 or 3.
    """

    name = "random"
    identity = "random/1"
    dim = 64

    def __init__(self, channels: int) -> None:
        rng = np.random.default_rng(0)
        widths = (channels, *_WIDTHS)
        self._kernels = []
        for inner, outer in itertools.pairwise(widths):
            kernel = rng.standard_normal((3, 3, inner, outer)) * np.sqrt(2 / (9 * inner))
            self._kernels.append(tf.constant(kernel, tf.float32))
        flat = _GRID * _GRID * _WIDTHS[-1]
        orthogonal, _ = np.linalg.qr(rng.standard_normal((flat, self.dim)))
        self._projection = tf.constant(orthogonal, tf.float32)
        self._forward = tf.function(
            self._features,
            input_signature=[tf.TensorSpec((None, None, None, channels), tf.uint8)],
            autograph=False,
        )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features, float32 ``[B, 64]``, of uint8 images ``[B, H, W, C]``."""
        images = check_images(images)
        parts = [
            self._forward(images[start : start + _AT_ONCE]).numpy()
            for start in range(0, len(images), _AT_ONCE)
        ]
        return np.concatenate(parts)

    def _features(self, images: tf.Tensor) -> tf.Tensor:
        x = tf.cast(images, tf.float32) / 127.5 - 1  # [B, H, W, C]
        size = tf.minimum(tf.shape(x)[1:3], _MAX_SIDE)
        x = tf.image.resize(x, size, "area")
        for index, kernel in enumerate(self._kernels):
            x = tf.nn.leaky_relu(tf.nn.conv2d(x, kernel, 1 if index == 0 else 2, "SAME"), 0.2)
        x = tf.image.resize(x, (_GRID, _GRID), "area")  # [B, 2, 2, 64]
        return tf.reshape(x, (-1, self._projection.shape[0])) @ self._projection  # [B, 64]


class RandomSignalFeatures:
    """The same for other data than images: random convolutions in time, means and deviations.

    Args:
        encode: samples to what the networks see.
        signal_shape: of that, ``(T, ..., C)``; all but time is taken for channels.
    """

    name = "random"
    identity = "random_signal/1"
    dim = 64

    def __init__(
        self, encode: Callable[[tf.Tensor], tf.Tensor], signal_shape: tuple[int, ...]
    ) -> None:
        rng = np.random.default_rng(0)
        self._encode, self._length = encode, signal_shape[0]
        channels = int(np.prod(signal_shape[1:]))
        self._kernels = []
        for taps, inner, outer in ((1, channels, 64), (4, 64, 64), (4, 64, 64)):
            kernel = rng.standard_normal((taps, inner, outer)) * np.sqrt(2 / (taps * inner))
            self._kernels.append(tf.constant(kernel, tf.float32))
        orthogonal, _ = np.linalg.qr(rng.standard_normal((128, self.dim)))
        self._projection = tf.constant(orthogonal, tf.float32)
        self._forward = tf.function(self._features, autograph=False)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Features, float32 ``[B, 64]``, of samples ``[B, *sample_shape]``."""
        parts = []
        for start in range(0, len(samples), _AT_ONCE):
            # Always of one size: the function is traced once.
            rows = np.arange(start, start + _AT_ONCE) % len(samples)
            parts.append(self._forward(tf.constant(samples[rows])).numpy())
        return np.concatenate(parts)[: len(samples)]

    def _features(self, samples: tf.Tensor) -> tf.Tensor:
        x = self._encode(samples)
        x = tf.reshape(x, (-1, self._length, self._kernels[0].shape[1]))  # [B, T, C]
        for index, kernel in enumerate(self._kernels):
            stride = 2 if index == 2 else 1
            x = tf.nn.leaky_relu(tf.nn.conv1d(x, kernel, stride, "SAME"), 0.2)
        mean, variance = tf.nn.moments(x, axes=[1])  # [B, 64] each
        return tf.concat([mean, tf.sqrt(variance + 1e-6)], axis=-1) @ self._projection  # [B, 64]
