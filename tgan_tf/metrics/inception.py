"""Features of the Inception graph of 2015: with these, and only these, a Frechet distance is FID.

The weights come from a local file, see `inception_weights`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tgan_tf.metrics import inception_weights as layout
from tgan_tf.metrics.network import Network, in_colour, load_signature

RESIZES = ("legacy", "clean")
_EPSILON = 1e-3  # of batch normalisation

Forward = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Inception2015(Network):
    """pool_3 (2048 numbers) and logits (1008) of uint8 images.

    Args:
        path: a file of weights (``.pb``, ``.npz``, ``.pth``), or the folder of a SavedModel whose
            ``serving_default`` takes float32 ``[B, 299, 299, 3]`` in [-1, 1] and gives ``pool_3``
            and ``logits``.
        resize: to 299 pixels. 'legacy': bilinear without antialiasing, corners at pixel 0, as in
            the graph itself (TensorFlow 1, torch-fidelity, StyleGAN); 'clean': antialiased bicubic
            (clean-fid; Parmar et al., "On Aliased Resizing", 2022).
        logits_bias: whether logits have the bias of the last layer (StudioGAN) or not
            (torch-fidelity, StyleGAN). A SavedModel gives what it gives.

    Attributes:
        published: names that results of this network, and of no other, have in papers.

    Raises:
        FileNotFoundError, ValueError: see `inception_weights.read_weights`.
    """

    published: ClassVar = {"frechet": "fid", "kernel": "kid", "inception_score": "inception_score"}

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resize: str = "legacy",
        logits_bias: bool = False,
    ) -> None:
        if resize not in RESIZES:
            raise ValueError(f"resize={resize!r} is not one of {', '.join(RESIZES)}")
        path = Path(path).expanduser()
        if path.is_dir():
            network, sha256 = _saved_model(path)
        else:
            weights, sha256 = layout.read_weights(path)
            network = build(weights, logits_bias=logits_bias)

        def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x = in_colour(resized(images, resize))  # [B, 299, 299, 3]
            x = tf.ensure_shape(x, (None, layout.SIDE, layout.SIDE, 3))
            return network((x - 128.0) / 128.0)

        bias = "bias" if logits_bias else "no-bias"
        super().__init__(
            forward,
            name=f"inception_{resize}",
            identity=f"inception-2015-12-05/{resize}-299px/{bias}/sha256-{sha256}",
            dim=layout.FEATURES,
        )
        self.resize = resize


def resized(x: tf.Tensor, how: str) -> tf.Tensor:
    """Float images 0..255 ``[B, H, W, C]`` at 299 pixels, 'legacy' or 'clean'."""
    side = (layout.SIDE, layout.SIDE)
    if how == "legacy":
        # tf.image.resize puts pixel centres at halves, which is another picture.
        return tf.raw_ops.ResizeBilinear(
            images=x, size=side, align_corners=False, half_pixel_centers=False
        )
    # Bicubic overshoots at edges.
    return tf.clip_by_value(tf.image.resize(x, side, "bicubic", antialias=True), 0.0, 255.0)


def build(weights: Mapping[str, np.ndarray], *, logits_bias: bool) -> Forward:
    """The network as a function of float32 ``[B, 299, 299, 3]`` in [-1, 1].

    Batch normalisation is folded into the convolutions.

    Args:
        weights: by the graph's names, see `inception_weights`.
        logits_bias: see `Inception2015`.

    Returns:
        Images to pool_3 ``[B, 2048]`` and logits ``[B, 1008]``.
    """
    folded = {name: _folded(weights, name) for name, _ in layout.convolutions()}
    matrix = tf.constant(weights["softmax/weights"])
    bias = tf.constant(weights["softmax/biases"])

    def convolve(x: tf.Tensor, name: str, conv: layout.Conv) -> tf.Tensor:
        kernel, shift = folded[name]
        return tf.nn.relu(tf.nn.conv2d(x, kernel, conv.stride, conv.padding) + shift)

    def branch(x: tf.Tensor, steps: tuple[layout.Step, ...], prefix: str) -> tf.Tensor:
        for name, step in layout.numbered(steps, prefix):
            if isinstance(step, layout.Conv):
                x = convolve(x, name, step)
            elif isinstance(step, layout.Fork):
                left = convolve(x, name + "conv", step.left)
                x = tf.concat([left, convolve(x, name + "conv_1", step.right)], axis=-1)
            else:
                pool = tf.nn.max_pool2d if step.kind == "max" else tf.nn.avg_pool2d
                x = pool(x, 3, step.stride, step.padding)
        return x

    def network(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = branch(x, layout.STEM, "")
        for block, branches in layout.BLOCKS.items():
            joined = [
                branch(x, steps, f"{block}/{name}/" if name else f"{block}/")
                for name, steps in branches.items()
            ]
            x = tf.concat(joined, axis=-1)
        features = tf.reduce_mean(x, axis=(1, 2))  # [B, 8, 8, 2048] -> [B, 2048]
        logits = tf.matmul(features, matrix)
        return features, logits + bias if logits_bias else logits

    return network


def _folded(weights: Mapping[str, np.ndarray], name: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Kernel ``[h, w, in, out]`` and bias ``[out]`` of a convolution and its batch norm in one."""
    beta, gamma, mean, variance = (
        weights[f"{name}/batchnorm/{part}"].astype(np.float64)
        for part in ("beta", "gamma", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + _EPSILON)
    kernel = weights[f"{name}/conv2d_params"] * scale
    return tf.constant(kernel, tf.float32), tf.constant(beta - mean * scale, tf.float32)


def _saved_model(path: Path) -> tuple[Forward, str]:
    module, signature = load_signature(path)
    outputs = signature.structured_outputs
    if not {"pool_3", "logits"} <= outputs.keys():
        raise ValueError(
            f"{path}: the signature gives {', '.join(sorted(outputs))}; the Inception graph must "
            "give pool_3 and logits (any other network: --extractors=saved_model:PATH)"
        )
    (name,) = signature.structured_input_signature[1]

    def network(x: tf.Tensor, _alive: object = module) -> tuple[tf.Tensor, tf.Tensor]:
        found = signature(**{name: x})
        return tf.reshape(found["pool_3"], (-1, layout.FEATURES)), found["logits"]

    return network, folder_sha256(path)


def folder_sha256(path: Path) -> str:
    """SHA-256 over names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(file.relative_to(path).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
