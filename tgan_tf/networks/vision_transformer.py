"""Frozen vision transformers in the format of Hugging Face: ViT and DINOv2, from a directory.

Written from the papers (Dosovitskiy et al. 2021; Oquab et al. 2024) and the names in the files. All
of it can be differentiated twice with respect to the image.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.layers import attend, normalize, resize_tokens
from tgan_tf.safetensors_file import SafetensorsError, read_safetensors

_MODELS = ("vit", "dinov2")
_OPTIONS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "patch_size",
    "image_size",
    "layer_norm_eps",
)
# Of the images that these models were trained on, where no preprocessor_config.json says otherwise.
_STATISTICS = {
    "vit": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "dinov2": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
_GATED = "mlp.weights_in"
_SHOWN = 3  # of what is wrong with a file
_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "gelu": functools.partial(tf.nn.gelu, approximate=False),
    "gelu_pytorch_tanh": functools.partial(tf.nn.gelu, approximate=True),
}


class VisionTransformer:
    """A ViT or DINOv2 with the weights of a file.

    Its variables are not trained, and no Keras model that holds it counts them as its own.

    Args:
        directory: with ``config.json`` and ``model.safetensors``.
        size: pixels a side at which it looks at images; positions are interpolated as PyTorch does;
            0: as it was trained.
        dtype: of the numbers.

    Attributes:
        width: channels of the tokens.
        depth: blocks.
        grid: (H, W) of the tokens of patches.
        size: pixels a side.

    Raises:
        ConfigError: the directory is not what it should be, or the size has no whole patches.
    """

    def __init__(
        self, directory: str | os.PathLike[str], size: int = 0, dtype: tf.DType = tf.float32
    ) -> None:
        options, statistics, weights = _read(Path(directory))
        self._dtype, self._statistics, self._layers = dtype, statistics, _layers(options)
        self._activation = _ACTIVATIONS[options.get("hidden_act", "gelu")]
        self._epsilon, self._heads = options["layer_norm_eps"], options["num_attention_heads"]
        self.width, self.depth = options["hidden_size"], options["num_hidden_layers"]
        patch, trained = options["patch_size"], options["image_size"]
        self.size = size or trained
        if self.size % patch:
            raise ConfigError(
                f"--d_backbone_size={self.size}: patches of {directory} are {patch} pixels wide;"
                f" use a multiple of {patch}"
            )
        self.grid = (self.size // patch, self.size // patch)
        self._patch = patch
        positions = weights["embeddings.position_embeddings"][0]
        places = resize_tokens(tf.constant(positions[1:][None]), (trained // patch,) * 2, self.grid)
        weights["embeddings.position_embeddings"] = np.concatenate([positions[:1], places[0]])
        self._weights = {
            name: tf.Variable(value, trainable=False, dtype=dtype, name=name)
            for name, value in weights.items()
        }

    def __call__(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Tokens after each block; after the last, normalised.

        Args:
            images: RGB in [-1, 1], ``[B, size, size, 3]``.

        Returns:
            ``depth`` of ``[B, 1 + N, width]``: the class token, then those of the patches.
        """
        mean, deviation = (tf.constant(values, self._dtype) for values in self._statistics)
        images = ((tf.cast(images, self._dtype) + 1) / 2 - mean) / deviation
        kernel = self._weights["embeddings.patch_embeddings.projection.weight"]
        x = tf.nn.conv2d(images, kernel, self._patch, "VALID")  # [B, H, W, C]
        x += self._weights["embeddings.patch_embeddings.projection.bias"]
        x = tf.reshape(x, (-1, self.grid[0] * self.grid[1], self.width))  # [B, N, C]
        first = tf.tile(self._weights["embeddings.cls_token"], (tf.shape(x)[0], 1, 1))
        x = tf.concat([first, x], axis=1) + self._weights["embeddings.position_embeddings"]
        levels = []
        for index in range(self.depth):
            x = self._block(x, f"encoder.layer.{index}.")
            levels.append(x)
        levels[-1] = self._norm(x, "layernorm")
        return levels

    def _block(self, x: tf.Tensor, name: str) -> tf.Tensor:
        before, after, into, out = (name + layer for layer in self._layers)
        added = self._attention(self._norm(x, before), name + "attention.")
        x = x + self._scaled(added, name + "layer_scale1.lambda1")
        hidden = self._linear(self._norm(x, after), into)
        if into.endswith(_GATED):
            gate, hidden = tf.split(hidden, 2, axis=-1)
            hidden = tf.nn.silu(gate) * hidden
        else:
            hidden = self._activation(hidden)
        return x + self._scaled(self._linear(hidden, out), name + "layer_scale2.lambda1")

    def _attention(self, x: tf.Tensor, name: str) -> tf.Tensor:
        def heads(which: str) -> tf.Tensor:
            y = self._linear(x, f"{name}attention.{which}")
            y = tf.reshape(y, (-1, x.shape[1], self._heads, self.width // self._heads))
            return tf.transpose(y, (0, 2, 1, 3))  # [B, heads, N, d]

        y = attend(heads("query"), heads("key"), heads("value"))
        y = tf.reshape(tf.transpose(y, (0, 2, 1, 3)), (-1, x.shape[1], self.width))
        return self._linear(y, name + "output.dense")

    def _norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        gain, offset = (self._weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return normalize(x, "layer", self._epsilon) * gain + offset

    def _linear(self, x: tf.Tensor, name: str) -> tf.Tensor:
        x = tf.matmul(x, self._weights[f"{name}.weight"])
        bias = self._weights.get(f"{name}.bias")
        return x if bias is None else x + bias

    def _scaled(self, x: tf.Tensor, name: str) -> tf.Tensor:
        scale = self._weights.get(name)
        return x if scale is None else x * scale


def _layers(options: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What a block calls its norms, before attention and after it, and its MLP's two layers."""
    if options["model_type"] == "vit":
        return "layernorm_before", "layernorm_after", "intermediate.dense", "output.dense"
    if options.get("use_swiglu_ffn"):
        return "norm1", "norm2", _GATED, "mlp.weights_out"
    return "norm1", "norm2", "mlp.fc1", "mlp.fc2"


def _hidden(options: Mapping[str, Any]) -> int:
    """Hidden units of its MLP, as transformers reckons them."""
    if options["model_type"] == "vit":
        return options.get("intermediate_size", 3072)
    hidden = int(options["hidden_size"] * options.get("mlp_ratio", 4))
    return (int(hidden * 2 / 3) + 7) // 8 * 8 if options.get("use_swiglu_ffn") else hidden


def _read(directory: Path) -> tuple[dict[str, Any], Any, dict[str, np.ndarray]]:
    """Options, mean and deviation of pixels in [0, 1], and weights, matrices transposed."""
    try:
        options = _json(directory / "config.json")
        of_keras_hub = "registered_name" in options  # by which it knows its own presets
        weights = {} if of_keras_hub else read_safetensors(directory / "model.safetensors")
        processor = directory / "preprocessor_config.json"
        given = _json(processor) if processor.exists() else {}
    except (OSError, ValueError, SafetensorsError) as error:
        raise ConfigError(
            f"--d_backbone={directory}: give a directory with the config.json and"
            f" model.safetensors of a vision transformer ({error})"
        ) from error
    if of_keras_hub:
        raise ConfigError(
            f"--d_backbone={directory}: a preset of Keras-hub, whose weights are no safetensors;"
            " make a SavedModel of it with the lines in docs/presets.md, or give the same model"
            f" from Hugging Face ({' or '.join(_MODELS)})"
        )
    kind = options.get("model_type")
    activation = options.get("hidden_act", "gelu")
    if kind not in _MODELS or activation not in _ACTIVATIONS or options.get("num_channels", 3) != 3:
        raise ConfigError(
            f"--d_backbone={directory}: model_type {kind!r} with hidden_act {activation!r}; what is"
            f" read is {' and '.join(_MODELS)} of RGB images, with {', '.join(_ACTIVATIONS)}"
        )
    token = "embeddings.cls_token"
    prefix = next((name[: -len(token)] for name in weights if name.endswith(token)), "")
    weights = {name.removeprefix(prefix): w for name, w in weights.items()}
    kept = ("embeddings.", "encoder.", "layernorm.")  # no classifier, pooler, decoder
    weights = {n: w for n, w in weights.items() if n.startswith(kept) and "mask_token" not in n}
    _check(directory, options, weights)
    for name, value in weights.items():
        if value.ndim == 2 and name.endswith(".weight"):
            weights[name] = value.T
        elif value.ndim == 4:  # [out, in, h, w] -> [h, w, in, out]
            weights[name] = value.transpose(2, 3, 1, 0)
    mean, deviation = _STATISTICS[kind]
    return options, (given.get("image_mean", mean), given.get("image_std", deviation)), weights


def _check(directory: Path, options: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> None:
    """All that is computed with is there; shapes are those of the file."""
    for name in _OPTIONS:
        if not isinstance(options.get(name), int | float):
            raise ConfigError(f"--d_backbone={directory}: config.json has no number {name}")
    width, patch = options["hidden_size"], options["patch_size"]
    needed: dict[str, tuple[int, ...]] = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.position_embeddings": (1, 1 + (options["image_size"] // patch) ** 2, width),
        "embeddings.patch_embeddings.projection.weight": (width, 3, patch, patch),
        "embeddings.patch_embeddings.projection.bias": (width,),
        "layernorm.weight": (width,),
        "layernorm.bias": (width,),
    }

    def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> None:
        needed[f"{name}.weight"] = (outputs, inputs)
        if bias:
            needed[f"{name}.bias"] = (outputs,)

    *norms, into, out = _layers(options)
    hidden = _hidden(options)
    for block in (f"encoder.layer.{index}." for index in range(options["num_hidden_layers"])):
        for norm in norms:
            needed |= {f"{block}{norm}.{part}": (width,) for part in ("weight", "bias")}
        for part in ("query", "key", "value"):
            bias = options.get("qkv_bias", True)
            linear(f"{block}attention.attention.{part}", width, width, bias)
        linear(f"{block}attention.output.dense", width, width)
        linear(block + into, width, hidden * (2 if into == _GATED else 1))
        linear(block + out, hidden, width)
        if options["model_type"] == "dinov2":
            needed |= {f"{block}layer_scale{part}.lambda1": (width,) for part in (1, 2)}
    wrong = [f"{name} is not there" for name in needed if name not in weights]
    wrong += [
        f"{name} is {weights[name].shape}, not {shape}"
        for name, shape in needed.items()
        if name in weights and weights[name].shape != shape
    ]
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ConfigError(
            f"--d_backbone={directory}: model.safetensors is incomplete, or of another model than"
            f" config.json: {', '.join(wrong[:_SHOWN])}{more}; give both files of one model"
        )


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path}: no JSON object")
    return found
