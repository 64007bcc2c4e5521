"""Networks that turn images into the feature vectors that metrics compare, by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.metrics import efficientnet_lite
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.inception import Inception2015, folder_sha256
from tgan_tf.metrics.network import Network, in_colour, load_signature, shapes_of, stretched

# -------------------------------------------------------------------------- EfficientNet-Lite0

_RESIZE_METHODS = ("bilinear", "bicubic", "nearest")


class EfficientNetLite0(Network):
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

    def __init__(self, *, size: int = 96, resize: str = "bilinear") -> None:
        if resize not in _RESIZE_METHODS:
            raise ValueError(f"resize={resize!r} is not one of {', '.join(_RESIZE_METHODS)}")
        if size < 32:
            raise ValueError(f"size={size} is too small: the network shrinks images 32 times")
        network, sha256 = efficientnet_lite.load()

        def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # Before the channels are repeated: a third of the work for grey images.
            x = stretched(images, size, size, resize)
            x = in_colour((x - 127.0) / 128.0)
            return network(tf.ensure_shape(x, (None, size, size, 3)), training=False)

        # The usual setting carries the plain name; any other says what it is.
        usual = (size, resize) == (96, "bilinear")
        super().__init__(
            forward,
            name="efficientnet_lite0" + ("" if usual else f"_{resize}{size}"),
            identity=f"efficientnet_lite0/{resize}-{size}px/sha256-{sha256[:16]}",
            dim=efficientnet_lite.FEATURES,
        )


# ------------------------------------------------------------------- whatever Keras or a file has


class KerasApplication(Network):
    """Features of a network of ``keras.applications``, pooled, at its own image size.

    Args:
        name: of the function, such as 'MobileNetV3Small'.
        weights: a local file of weights with the top; empty: Keras' own download.

    Raises:
        ValueError: no such network, or its weights can be had neither from the file nor by a
            download.
    """

    def __init__(self, name: str, weights: str = "") -> None:
        applications = keras.applications
        if not name[:1].isupper() or not callable(getattr(applications, name, None)):
            known = [n for n in dir(applications) if n[0].isupper()]
            raise ValueError(f"keras.applications has no {name!r}; it has {', '.join(known)}")
        build = getattr(applications, name)
        home = next(
            m
            for m in vars(applications).values()
            if hasattr(m, "preprocess_input") and getattr(m, name, None) is build
        )
        try:
            model = build(weights=weights or "imagenet", classifier_activation=None)
        except Exception as error:  # whatever the download or the reader raises
            raise ValueError(
                f"keras:{name}: the weights cannot be loaded ({error}); give a file with "
                f"keras:{name}:PATH, or use --extractors=efficientnet_lite0, which needs none"
            ) from error
        # What the classifier reads; a reshape or an activation may follow it.
        pooled = [layer for layer in model.layers if layer.weights][-1].input
        both = keras.Model(model.input, [keras.layers.Flatten()(pooled), model.output])
        height, width = model.input_shape[1:3]

        def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x = in_colour(stretched(images, height, width, "bilinear"))
            x = home.preprocess_input(tf.ensure_shape(x, (None, height, width, 3)))
            return both(x, training=False)

        digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
        super().__init__(
            forward,
            name=f"keras_{name.lower()}",
            identity=f"keras.applications.{name}/bilinear-{height}px/sha256-{digest}",
            dim=both.output_shape[0][-1],
        )


class SavedModelFeatures(Network):
    """Features that any SavedModel gives.

    Its ``serving_default`` takes one image tensor ``[B, H, W, 3 or 1]``, uint8 or float32 in [0, 1]
    (the convention of TensorFlow Hub), and gives ``features`` or one output ``[B, dim]``, and
    perhaps ``logits``. Images are stretched to its H and W, if they are fixed.

    Args:
        path: the folder.

    Raises:
        ValueError: no SavedModel, or one with another signature.
    """

    def __init__(self, path: str) -> None:
        folder = Path(path).expanduser()
        module, signature = load_signature(folder)
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
        others = [name for name in outputs if name != "logits"]
        key = "features" if "features" in outputs else others[0] if len(others) == 1 else ""
        spec = next(iter(inputs.values()))
        if len(inputs) != 1 or len(spec.shape) != 4 or not key or len(outputs[key].shape) != 2:
            raise ValueError(
                f"saved_model:{folder}: the signature must take one tensor of images [B, H, W, C] "
                f"and give 'features' [B, dim]; it takes {shapes_of(inputs)} and gives "
                f"{shapes_of(outputs)}"
            )
        _, height, width, channels = spec.shape

        def forward(images: tf.Tensor, _alive: object = module) -> tuple[tf.Tensor, tf.Tensor]:
            x = images if height is None else stretched(images, height, width, "bilinear")
            x = in_colour(x) if channels == 3 else x
            x = tf.cast(tf.round(x), tf.uint8) if spec.dtype == tf.uint8 else x / 255.0
            found = signature(**{spec.name: tf.ensure_shape(x, (None, height, width, channels))})
            return found[key], found.get("logits", tf.zeros([tf.shape(x)[0], 1]))

        super().__init__(
            forward,
            name=f"saved_model_{re.sub('[^a-z0-9]+', '_', folder.name.lower())}",
            identity=f"saved_model/{folder.name}/sha256-{folder_sha256(folder)}",
            dim=outputs[key].shape[-1],
        )


# ------------------------------------------------------------------------------------ by name

EXTRACTORS: dict[str, Callable[..., FeatureExtractor]] = {}


def register_extractor(name: str, make: Callable[..., FeatureExtractor]) -> None:
    """Makes an extractor known by name to `load_extractor`.

    Args:
        name: short; what follows it after a colon is given to `make`.
        make: takes the parts of ``NAME:PART:PART`` after the name.

    Raises:
        ValueError: the name is taken.
    """
    if name in EXTRACTORS:
        raise ValueError(f"a feature extractor named {name!r} exists already")
    EXTRACTORS[name] = make


def load_extractor(name: str, **options: Any) -> FeatureExtractor:
    """The extractor of a name.

    Args:
        name: ``efficientnet_lite0``, ``inception:PATH``, ``keras:NAME``, ``keras:NAME:PATH``,
            ``saved_model:PATH``, or one that was registered.
        options: to its constructor, such as `resize` of `inception.Inception2015`.

    Raises:
        ValueError: there is none of that name, or not with these parts.
    """
    kind, *parts = name.split(":", 2 if name.startswith("keras:") else 1)
    if kind not in EXTRACTORS:
        raise ValueError(
            f"there is no feature extractor {name!r}; known are {', '.join(sorted(EXTRACTORS))}"
        )
    if kind in _NEEDS and not (parts and parts[0]):
        raise ValueError(f"{kind}: give a {_NEEDS[kind]}, as in {kind}:{_NEEDS[kind].upper()}")
    if kind == "efficientnet_lite0" and parts:
        raise ValueError(f"{name!r}: nothing follows {kind}")
    return EXTRACTORS[kind](*parts, **options)


_NEEDS = {"inception": "path", "keras": "name", "saved_model": "path"}
register_extractor("efficientnet_lite0", EfficientNetLite0)
register_extractor("inception", Inception2015)
register_extractor("keras", KerasApplication)
register_extractor("saved_model", SavedModelFeatures)
