"""Features of a network that was never trained: cheap, for any images, the same everywhere.

Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models" (2020, sec. 4): where
data are not those of ImageNet, embeddings by random convolutions compare distributions no worse
than trained ones do. Here they watch a training; results that are published want a trained network.
"""

from __future__ import annotations

import itertools

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
