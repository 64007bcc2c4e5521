"""A tiny text encoder as a SavedModel, with a table and a variable, as real ones have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

WORDS = ["a", "cat", "sat"]
WIDTH = 5


def write(folder: Path, signature: str = "serving_default", seed: int = 0) -> np.ndarray:
    """Texts are sums of their words' rows of a matrix, which is given back; the last: unknown."""
    module = tf.Module()
    matrix = np.random.default_rng(seed).normal(size=(len(WORDS) + 1, WIDTH)).astype(np.float32)
    module.matrix = tf.Variable(matrix)
    numbers = tf.range(len(WORDS), dtype=tf.int64)
    rows = tf.lookup.KeyValueTensorInitializer(tf.constant(WORDS), numbers)
    module.table = tf.lookup.StaticHashTable(rows, len(WORDS))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "sentences")], autograph=False)
    def encode(sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        words = tf.strings.split(sentences)
        rows = words.with_flat_values(module.table.lookup(words.flat_values))
        vectors = rows.with_flat_values(tf.gather(module.matrix, rows.flat_values))
        total = tf.reduce_sum(vectors, axis=1)
        return {"vectors": tf.ensure_shape(total, [None, WIDTH])}

    tf.saved_model.save(module, str(folder), signatures={signature: encode})
    return matrix


def forward(matrix: np.ndarray, text: str) -> np.ndarray:
    """Of one text: [WIDTH], a unit vector."""
    rows = [WORDS.index(word) if word in WORDS else len(WORDS) for word in text.split()]
    total = matrix[rows].sum(axis=0)
    return total / np.linalg.norm(total)
