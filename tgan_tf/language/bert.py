"""Sentence encoders of the BERT kind, frozen, from a local directory in Hugging Face's format.

Devlin et al., "BERT" (2019); mean pooling as Reimers and Gurevych, "Sentence-BERT" (2019, sec. 3).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.language.base import TextEncoder, unit
from tgan_tf.language.bert_files import ACTIVATIONS, read_settings, read_weights
from tgan_tf.language.tokenizer import read_pieces
from tgan_tf.language.wordpiece import RULES, WordPiece


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
        settings = read_settings(folder, flag)
        self.pieces = read_pieces(folder, flag)
        self.length = min(length, settings.places)
        try:
            self.tokens = WordPiece(length=self.length, **self.pieces._asdict())
        except ValueError as error:
            raise ConfigError(f"--{flag}: {folder}: {error}") from error
        self.width, self._heads, self._layers = settings.width, settings.heads, settings.layers
        self._epsilon, self._of_first = settings.epsilon, settings.of_first
        self._activation = ACTIVATIONS[settings.activation]
        path = folder / "model.safetensors"
        weights = read_weights(path, settings, len(self.pieces.vocabulary), flag)
        self._weights = {
            name.replace(".", "/"): tf.Variable(
                value.astype(np.float32), trainable=False, name=name
            )
            for name, value in weights.items()
        }
        digest = hashlib.sha256(path.read_bytes())
        digest.update("\n".join(self.pieces.vocabulary).encode())
        digest.update(repr((RULES, *self.pieces[1:], self._of_first)).encode())
        self.identity = f"{digest.hexdigest()}/{self.length}"

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
