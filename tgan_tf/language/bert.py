"""Sentence encoders of the BERT kind, frozen, from a local directory in Hugging Face's format.

Devlin et al., "BERT" (2019); mean pooling as Reimers and Gurevych, "Sentence-BERT" (2019, sec. 3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.language.base import WAY_OUT, TextEncoder, unit
from tgan_tf.language.tokenizer import Pieces, read_pieces
from tgan_tf.language.wordpiece import WordPiece
from tgan_tf.safetensors_file import SafetensorsError, read_safetensors

_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
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


class SentenceEncoder(TextEncoder):
    """Text to the direction of the mean of its tokens' vectors.

    Args:
        folder: with config.json, model.safetensors and the tokenizer's file, as `find_encoder`
            gives.
        length: tokens of every text, [CLS] and [SEP] included.
        flag: that named the directory.

    Attributes:
        pieces: what the tokenizer is made of.

    Raises:
        ConfigError: the files are not those of a BERT model.
    """

    def __init__(self, folder: Path, length: int = 64, flag: str = "text_encoder") -> None:
        super().__init__(name="sentence_encoder")
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = about.get("model_type")
        own = _SETTINGS.get(kind, {})
        about = {**about, **{name: about.get(other) for name, other in own.items()}}
        _check(folder, about, flag)
        length = min(length, int(about["max_position_embeddings"]))
        self.pieces = read_pieces(folder, flag)
        try:
            self.tokens = WordPiece(length=length, **self.pieces._asdict())
        except ValueError as error:
            raise ConfigError(f"--{flag}: {folder}: {error}") from error
        self.width, self.length = int(about["hidden_size"]), length
        self._heads, self._layers = about["num_attention_heads"], about["num_hidden_layers"]
        self._epsilon = float(about.get("layer_norm_eps", 1e-12))
        self._activation = _ACTIVATIONS[about["hidden_act"]]
        self._of_first = _pooling(folder) in _FIRST
        self._weights = self._read(folder / "model.safetensors", f"{kind}.", flag)
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes())
        digest.update("\n".join(self.pieces.vocabulary).encode())
        settings = (*self.pieces[1:], self._of_first)
        # Not what is usual: vectors in caches of earlier releases stay good.
        if settings != (*Pieces._field_defaults.values(), False):
            digest.update(repr(settings).encode())
        self.identity = f"{digest.hexdigest()}/{length}"

    def _read(self, path: Path, prefix: str, flag: str) -> dict[str, tf.Variable]:
        """Weights by BERT's names, without the prefix that models with heads have."""
        try:
            read = read_safetensors(path)
        except SafetensorsError as error:
            raise ConfigError(f"--{flag}: {error}") from error
        read = {_renamed(name.removeprefix(prefix)): value for name, value in read.items()}
        needed = ["embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"]
        needed += [f"encoder.layer.{self._layers - 1}.output.dense.weight"]
        if missing := [name for name in needed if name not in read]:
            raise ConfigError(f"--{flag}: {path} has no {', '.join(missing)}: not a BERT")
        return {
            name.replace(".", "/"): tf.Variable(
                value.astype(np.float32), trainable=False, name=name
            )
            for name, value in read.items()
            if value.dtype.kind == "f" and name.startswith(("embeddings", "encoder."))
        }

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """Strings ``[B]`` -> float32 ``[B, width]``, unit vectors."""
        return self.of_tokens(self.tokens(text))

    def of_tokens(self, tokens: tf.Tensor) -> tf.Tensor:
        """int32 ``[B, T]`` of `WordPiece` -> float32 ``[B, width]``; of TFLite's operations."""
        w = self._weights
        there = tf.cast(tf.not_equal(tokens, self.tokens.padding), tf.float32)  # [B, T]
        places = w["embeddings/position_embeddings/weight"][: tokens.shape[1]]
        x = tf.gather(w["embeddings/word_embeddings/weight"], tokens)  # [B, T, C]
        x = x + places
        if (types := w.get("embeddings/token_type_embeddings/weight")) is not None:
            x = x + types[0]
        x = self._norm(x, "embeddings/LayerNorm")
        if "embeddings_project/weight" in w:
            x = self._linear(x, "embeddings_project")
        for layer in range(self._layers):
            name = f"encoder/layer/{layer}"
            attended = self._attend(x, there, f"{name}/attention/self")
            attended = self._linear(attended, f"{name}/attention/output/dense")
            x = self._norm(x + attended, f"{name}/attention/output/LayerNorm")
            hidden = self._activation(self._linear(x, f"{name}/intermediate/dense"))
            x = self._norm(
                x + self._linear(hidden, f"{name}/output/dense"), f"{name}/output/LayerNorm"
            )
        if self._of_first:
            pooled = x[:, 0]
        else:
            total = tf.reduce_sum(x * there[..., None], axis=1)  # [B, C]
            pooled = total / tf.reduce_sum(there, axis=1, keepdims=True)
        return unit(pooled)

    def _linear(self, x: tf.Tensor, name: str) -> tf.Tensor:
        weight, bias = self._weights[f"{name}/weight"], self._weights[f"{name}/bias"]
        return tf.matmul(x, weight, transpose_b=True) + bias

    def _norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(centred**2, axis=-1, keepdims=True)
        x = centred * tf.math.rsqrt(variance + self._epsilon)
        return x * self._weights[f"{name}/weight"] + self._weights[f"{name}/bias"]

    def _attend(self, x: tf.Tensor, there: tf.Tensor, name: str) -> tf.Tensor:
        length, head = x.shape[1], self.width // self._heads

        def split(part: str) -> tf.Tensor:
            y = tf.reshape(self._linear(x, f"{name}/{part}"), (-1, length, self._heads, head))
            return tf.transpose(y, (0, 2, 1, 3))  # [B, heads, T, d]

        scores = tf.matmul(split("query"), split("key"), transpose_b=True) * head**-0.5
        scores += (there[:, None, None] - 1) * 1e9  # of padding, nothing is left
        y = tf.matmul(tf.nn.softmax(scores), split("value"))  # [B, heads, T, d]
        return tf.reshape(tf.transpose(y, (0, 2, 1, 3)), (-1, length, self.width))


def _check(folder: Path, about: Mapping[str, Any], flag: str) -> None:
    """Whether the encoder computes what the files say."""
    kind, activation = about.get("model_type"), about.get("hidden_act")
    places = about.get("position_embedding_type", "absolute")
    if kind not in _SETTINGS or activation not in _ACTIVATIONS or places != "absolute":
        why = " (its tokens are bytes, not pieces of words)" if kind == "roberta" else ""
        raise ConfigError(
            f"--{flag}: {folder} holds a model of type {kind!r}{why} with {activation!r} and"
            f" {places} positions; a BERT is needed, such as all-MiniLM-L6-v2; {WAY_OUT}"
        )
    modules = folder / "modules.json"
    parts = json.loads(modules.read_text(encoding="utf-8")) if modules.is_file() else []
    others = [part["type"] for part in parts if part["type"].rpartition(".")[2] not in _MODULES]
    others += [pooling] if (pooling := _pooling(folder)) not in _MEAN + _FIRST else []
    if others:
        raise ConfigError(
            f"--{flag}: {folder} has {', '.join(others)}, which is not computed; {WAY_OUT}"
        )


def _pooling(folder: Path) -> str:
    """What sentence-transformers says of it; nothing: the mean."""
    path = folder / "1_Pooling" / "config.json"
    about = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    chosen = [name for name, on in about.items() if name.startswith("pooling_mode_") and on]
    return about.get("pooling_mode") or "+".join(chosen) or _MEAN[0]


def _renamed(name: str) -> str:
    for other, own in _WEIGHTS.items():
        name = name.replace(other, own)
    return name
