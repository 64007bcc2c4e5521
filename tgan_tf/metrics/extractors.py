"""Networks that turn images into the feature vectors that metrics compare, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tgan_tf.metrics import efficientnet_lite
from tgan_tf.metrics.features import FeatureExtractor, check_images

# -------------------------------------------------------------------------- EfficientNet-Lite0

_RESIZE_METHODS = ("bilinear", "bicubic", "nearest")


class EfficientNetLite0:
    """ImageNet features that need no download: 1280 numbers an image, pooled before the classifier.

    Every image is stretched to one square size, so that sets of different sizes can be compared. A
    size of 96 pixels costs a fifth of the network's own 224 and is ample for images of up to 64
    pixels.

    Args:
        size: side of the square in pixels.
        resize: 'bilinear', 'bicubic' or 'nearest'; shrinking is antialiased (but for 'nearest').

    Raises:
        ValueError: `size` or `resize` is out of range.
        efficientnet_lite.MissingWeightsError: the package with the weights is not installed.
    """

    dim = efficientnet_lite.FEATURES

    def __init__(self, *, size: int = 96, resize: str = "bilinear") -> None:
        if resize not in _RESIZE_METHODS:
            raise ValueError(f"resize={resize!r} is not one of {', '.join(_RESIZE_METHODS)}")
        if size < 32:
            raise ValueError(f"size={size} is too small: the network shrinks images 32 times")
        self._network, sha256 = efficientnet_lite.load()
        # The usual setting carries the plain name; any other says what it is.
        usual = (size, resize) == (96, "bilinear")
        self.name = "efficientnet_lite0" + ("" if usual else f"_{resize}{size}")
        self.identity = f"efficientnet_lite0/{resize}-{size}px/sha256-{sha256[:16]}"

        def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:  # uint8 [B, H, W, C]
            x = tf.cast(images, tf.float32)
            # Before the channels are repeated: a third of the work for grey images.
            shrinks = tf.reduce_any(tf.shape(x)[1:3] > size)
            x = tf.cond(
                shrinks,
                lambda: tf.image.resize(x, (size, size), resize, antialias=True),
                lambda: tf.image.resize(x, (size, size), resize),
            )
            x = (x - 127.0) / 128.0
            x = tf.cond(tf.shape(x)[-1] == 1, lambda: tf.repeat(x, 3, axis=-1), lambda: x)
            return self._network(tf.ensure_shape(x, (None, size, size, 3)), training=False)

        spec = tf.TensorSpec((None, None, None, None), tf.uint8)
        self._forward = tf.function(forward, input_signature=[spec])

    def features_and_logits(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features ``[B, 1280]`` and ImageNet logits ``[B, 1000]`` of uint8 images.

        Raises:
            ValueError: the images are not uint8 ``[B, H, W, 1 or 3]``.
        """
        features, logits = self._forward(check_images(images))
        return features.numpy(), logits.numpy()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.features_and_logits(images)[0]


# ------------------------------------------------------------------------------------ by name

EXTRACTORS: dict[str, Callable[[], FeatureExtractor]] = {}


def register_extractor(name: str, make: Callable[[], FeatureExtractor]) -> None:
    """Makes an extractor known by name to `load_extractor`.

    Raises:
        ValueError: the name is taken.
    """
    if name in EXTRACTORS:
        raise ValueError(f"a feature extractor named {name!r} exists already")
    EXTRACTORS[name] = make


def load_extractor(name: str) -> FeatureExtractor:
    """The extractor registered under a name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in EXTRACTORS:
        raise ValueError(
            f"there is no feature extractor {name!r}; known are {', '.join(sorted(EXTRACTORS))}"
        )
    return EXTRACTORS[name]()


register_extractor("efficientnet_lite0", EfficientNetLite0)
