"""A text encoder that is a SavedModel: what it makes, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.language import saved
from tgan_tf.config import ConfigError
from tgan_tf.language import SavedEncoder, load_encoder

DOCUMENT = Path(__file__).parents[2] / "docs" / "captions.md"
TEXTS = ["a cat sat", "dog", "sat sat a"]


def test_vectors(tmp_path):
    matrix = saved.write(tmp_path / "e")
    encoder = load_encoder(str(tmp_path / "e"), 32)
    assert encoder.width == saved.WIDTH
    expected = [saved.forward(matrix, text) for text in TEXTS]
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    # Nothing is no direction, and no NaN.
    np.testing.assert_array_equal(encoder.encode([""]), np.zeros((1, saved.WIDTH)))


def test_encode_goes_before_serving_default(tmp_path):
    module = tf.Module()

    def constant(value):
        spec = tf.TensorSpec([None], tf.string)
        vector = tf.constant([value], tf.float64)
        return tf.function(lambda text: tf.tile(vector, [tf.size(text), 1]), [spec])

    signatures = {"serving_default": constant([1.0, 0.0]), "encode": constant([0.0, 3.0])}
    tf.saved_model.save(module, str(tmp_path), signatures=signatures)
    made = SavedEncoder(tmp_path).encode(["a", "b"])
    assert made.dtype == np.float32
    assert made.tolist() == [[0, 1]] * 2


def test_identity_is_of_what_is_in_it(tmp_path):
    saved.write(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    saved.write(tmp_path / "c", seed=1)
    a, b, c = (SavedEncoder(tmp_path / name).identity for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("spec", "function", "message"),
    [
        (tf.TensorSpec([None], tf.float32, "x"), lambda x: x[:, None], r"x float32 \(None,\)"),
        (tf.TensorSpec([], tf.string, "x"), lambda x: tf.zeros([1, 2]), r"x string \(\)"),
        (tf.TensorSpec([None], tf.string, "x"), tf.strings.length, r"output_0 int32 \(None,\)"),
        (
            tf.TensorSpec([None], tf.string, "x"),
            lambda x: {"b": tf.zeros([tf.size(x), 2]), "c": tf.zeros([tf.size(x), 2])},
            r"b float32 \(None, 2\); c float32 .* one output",
        ),
    ],
)
def test_other_signatures_are_refused(tmp_path, spec, function, message):
    run = tf.function(function, input_signature=[spec], autograph=False)
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=run.get_concrete_function())
    with pytest.raises(ConfigError, match=message):
        SavedEncoder(tmp_path)


def test_what_cannot_be_loaded_is_said(tmp_path):
    saved.write(tmp_path / "e", signature="other")
    with pytest.raises(ConfigError, match="no signature encode or serving_default"):
        SavedEncoder(tmp_path / "e")
    (tmp_path / "e" / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        SavedEncoder(tmp_path / "e")


def test_the_lines_that_convert_an_encoder_of_keras_hub(tmp_path, monkeypatch):
    models = pytest.importorskip("keras_hub").models
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *saved.WORDS]
    tokenizer = models.BertTokenizer(vocabulary=words, lowercase=True)
    embedder = models.BertTextEmbedder(
        backbone=models.BertBackbone(len(words), 1, 2, hidden_dim=8, intermediate_dim=12),
        preprocessor=models.BertTextEmbedderPreprocessor(tokenizer, sequence_length=8),
    )
    monkeypatch.chdir(tmp_path)
    embedder.save_to_preset("preset")
    with pytest.raises(ConfigError, match="preset of Keras-hub"):
        load_encoder("preset", 32)
    (lines,) = re.findall(r"```python\n(import keras_hub.*?)```", DOCUMENT.read_text(), re.S)
    exec(lines.replace("all_minilm_l6_v2_en", "preset"), {})
    expected = embedder.encode_text(TEXTS)
    np.testing.assert_allclose(load_encoder("encoder", 32).encode(TEXTS), expected, atol=1e-6)
