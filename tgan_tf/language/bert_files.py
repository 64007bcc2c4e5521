"""What the files of a BERT's directory say of it, checked before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.language.base import WAY_OUT
from tgan_tf.language.files import read_json
from tgan_tf.safetensors_file import SafetensorsError, read_safetensors

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "gelu_new": lambda x: tf.nn.gelu(x, approximate=True),
    "relu": tf.nn.relu,
}
# Models of BERT's architecture under other names, and what their settings and weights are called
# there. Sanh et al., "DistilBERT" (2019): no types of tokens. Clark et al., "ELECTRA" (2020): the
# embeddings may be narrower.
_SETTINGS: dict[str, dict[str, str]] = {
    "bert": {},
    "electra": {},
    "distilbert": {
        "hidden_act": "activation",
        "hidden_size": "dim",
        "intermediate_size": "hidden_dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    },
}
_WEIGHTS = {
    "transformer.layer.": "encoder.layer.",
    ".attention.q_lin.": ".attention.self.query.",
    ".attention.k_lin.": ".attention.self.key.",
    ".attention.v_lin.": ".attention.self.value.",
    ".attention.out_lin.": ".attention.output.dense.",
    ".sa_layer_norm.": ".attention.output.LayerNorm.",
    ".ffn.lin1.": ".intermediate.dense.",
    ".ffn.lin2.": ".output.dense.",
    ".output_layer_norm.": ".output.LayerNorm.",
}
# Of sentence-transformers: the modules that are computed, and what its releases call pooling.
_MODULES = ("Transformer", "Pooling", "Normalize")
_MEAN, _FIRST = ("pooling_mode_mean_tokens", "mean"), ("pooling_mode_cls_token", "cls")
_WORDS = "embeddings.word_embeddings.weight"


class Settings(NamedTuple):
    """Of config.json, and of what sentence-transformers puts beside it.

    Attributes:
        kind: of the models that are of BERT's architecture.
        activation: of `ACTIVATIONS`.
        width: of tokens' vectors.
        heads: of attention; they divide the width.
        layers: of the network.
        places: the most tokens of a text.
        epsilon: of the normalization.
        of_first: the first token's vector counts, not the mean.
        words: pieces that have a vector; None: not said.
        hidden: width within the feed-forward networks; None: not said.
    """

    kind: str
    activation: str
    width: int
    heads: int
    layers: int
    places: int
    epsilon: float
    of_first: bool
    words: int | None
    hidden: int | None


def read_settings(folder: Path, flag: str) -> Settings:
    """Those of a directory that ``flag`` named.

    Raises:
        ConfigError: a file is damaged, or of a model that is not computed.
    """
    path = folder / "config.json"
    about = read_json(path, flag, dict)
    kind = str(about.get("model_type"))
    names = _SETTINGS.get(kind, {})
    activation = str(about.get(names.get("hidden_act", "hidden_act")))
    places = about.get("position_embedding_type", "absolute")
    if kind not in _SETTINGS or activation not in ACTIVATIONS or places != "absolute":
        why = " (its tokens are bytes, not pieces of words)" if kind == "roberta" else ""
        raise ConfigError(
            f"--{flag}: {folder} holds a model of type {kind!r}{why} with {activation!r} and"
            f" {places} positions; a BERT is needed, such as all-MiniLM-L6-v2; {WAY_OUT}"
        )

    def whole(name: str) -> int:
        name = names.get(name, name)
        value = about.get(name)
        if type(value) is not int or value < 1:
            found = f"{name} {value!r}" if name in about else f"no {name}"
            raise ConfigError(
                f"--{flag}: {path} has {found}, and a whole number of at least 1 is needed there"
            )
        return value

    def told(name: str) -> int | None:
        return whole(name) if names.get(name, name) in about else None

    width, heads = whole("hidden_size"), whole("num_attention_heads")
    if width % heads:
        raise ConfigError(
            f"--{flag}: {path} has {heads} heads of attention, which do not divide its width of"
            f" {width}"
        )
    epsilon = about.get("layer_norm_eps", 1e-12)
    if type(epsilon) not in (int, float) or not 0 <= epsilon < 1:
        raise ConfigError(
            f"--{flag}: {path} has layer_norm_eps {epsilon!r}, and a number from 0 to 1 is needed"
            " there"
        )
    return Settings(
        kind=kind,
        activation=activation,
        width=width,
        heads=heads,
        layers=whole("num_hidden_layers"),
        places=whole("max_position_embeddings"),
        epsilon=float(epsilon),
        of_first=_pooling(folder, flag) in _FIRST,
        words=told("vocab_size"),
        hidden=told("intermediate_size"),
    )


def read_weights(path: Path, settings: Settings, pieces: int, flag: str) -> dict[str, np.ndarray]:
    """Weights by BERT's names, without the prefix that models with heads have.

    Args:
        path: the file.
        settings: what its weights must be like.
        pieces: how many the list of words has.
        flag: that named its directory.

    Raises:
        ConfigError: it is damaged, or not of these settings.
    """
    try:
        read = read_safetensors(path)
    except SafetensorsError as error:
        raise ConfigError(f"--{flag}: {error}") from error
    weights = {
        _renamed(name.removeprefix(f"{settings.kind}.")): value
        for name, value in read.items()
        if value.dtype.kind == "f"
    }
    weights = {
        name: value
        for name, value in weights.items()
        if name.startswith(("embeddings", "encoder."))
    }
    if _WORDS not in weights:
        raise ConfigError(f"--{flag}: {path} has no {_WORDS}: not a BERT; {WAY_OUT}")
    numbers = (re.match(r"encoder\.layer\.(\d+)\.", name) for name in weights)
    layers = len({number[1] for number in numbers if number})
    if layers != settings.layers:
        raise ConfigError(
            f"--{flag}: {path} has {layers} layers, and config.json beside it says"
            f" {settings.layers}; one of the files is another model's"
        )
    for name, shape in _shapes(weights, settings).items():
        if name not in weights:
            raise ConfigError(f"--{flag}: {path} has no {name}: not a BERT; {WAY_OUT}")
        found = weights[name].shape
        if len(found) != len(shape) or any(
            needed not in (None, size) for size, needed in zip(found, shape, strict=True)
        ):
            sizes = ", ".join("any" if size is None else str(size) for size in shape)
            raise ConfigError(
                f"--{flag}: {path}: {name} has shape {list(found)}, and by config.json beside it"
                f" [{sizes}] is needed; one of the files is another model's"
            )
    # Fewer are usual: some models round the number up.
    if pieces > (vectors := len(weights[_WORDS])):
        raise ConfigError(
            f"--{flag}: {path} has vectors for {vectors} pieces of words, and the list of them"
            f" beside it has {pieces}; one of the files is another model's"
        )
    return weights


def _shapes(
    weights: Mapping[str, np.ndarray], settings: Settings
) -> dict[str, tuple[int | None, ...]]:
    """Of all weights that are computed with; None: any size."""
    width, hidden = settings.width, settings.hidden
    shapes: dict[str, tuple[int | None, ...]] = {}
    narrow = width  # of embeddings
    if "embeddings_project.weight" in weights:
        narrow = (weights[_WORDS].shape or (width,))[-1]
        shapes["embeddings_project.weight"] = (width, narrow)
        shapes["embeddings_project.bias"] = (width,)
    shapes[_WORDS] = (settings.words, narrow)
    shapes["embeddings.position_embeddings.weight"] = (settings.places, narrow)
    if settings.kind != "distilbert":
        shapes["embeddings.token_type_embeddings.weight"] = (None, narrow)
    norms = {"embeddings.LayerNorm": narrow}
    for layer in range(settings.layers):
        name = f"encoder.layer.{layer}"
        if hidden is None and f"{name}.intermediate.dense.bias" in weights:
            hidden = weights[f"{name}.intermediate.dense.bias"].size
        for part, shape in {
            "attention.self.query": (width, width),
            "attention.self.key": (width, width),
            "attention.self.value": (width, width),
            "attention.output.dense": (width, width),
            "intermediate.dense": (hidden, width),
            "output.dense": (width, hidden),
        }.items():
            shapes[f"{name}.{part}.weight"], shapes[f"{name}.{part}.bias"] = shape, shape[:1]
        norms |= {f"{name}.attention.output.LayerNorm": width, f"{name}.output.LayerNorm": width}
    for name, size in norms.items():
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (size,)
    return shapes


def _pooling(folder: Path, flag: str) -> str:
    """What sentence-transformers says of it; nothing: the mean.

    Raises:
        ConfigError: it says what is not computed.
    """
    path = folder / "modules.json"
    parts: list[Any] = read_json(path, flag, list) if path.is_file() else []
    names = [str(part.get("type") if isinstance(part, dict) else part) for part in parts]
    path = folder / "1_Pooling" / "config.json"
    about: dict[str, Any] = read_json(path, flag, dict) if path.is_file() else {}
    chosen = [name for name, on in about.items() if name.startswith("pooling_mode_") and on]
    pooling = str(about.get("pooling_mode") or "+".join(chosen) or _MEAN[0])
    others = [name for name in names if name.rpartition(".")[2] not in _MODULES]
    others += [pooling] if pooling not in _MEAN + _FIRST else []
    if others:
        raise ConfigError(
            f"--{flag}: {folder} has {', '.join(others)}, which is not computed; {WAY_OUT}"
        )
    return pooling


def _renamed(name: str) -> str:
    for other, own in _WEIGHTS.items():
        name = name.replace(other, own)
    return name
