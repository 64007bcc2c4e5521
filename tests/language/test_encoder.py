"""The sentence encoder against a forward pass in NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.language import bert
from tests.safetensors_files import write_safetensors
from tgan_tf.config import ConfigError
from tgan_tf.language import SentenceEncoder, find_encoder

TEXTS = ["a cat sat.", "unknowns", "", "cat cat cat cat!"]


@pytest.mark.parametrize(("prefix", "first"), [("", False), ("bert.", True)])
def test_agrees_with_numpy(tmp_path, prefix, first):
    weights = bert.write(tmp_path, prefix)
    if first:
        (tmp_path / "1_Pooling").mkdir()
        pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    encoder = SentenceEncoder(find_encoder(str(tmp_path)), 12)
    made = encoder.encode(TEXTS)
    assert made.shape == (4, encoder.width) == (4, 8)
    numbers = encoder.tokens(tf.constant(TEXTS)).numpy()
    for row, tokens in zip(made, numbers, strict=True):
        expected = bert.forward(weights, [n for n in tokens if n], first)
        np.testing.assert_allclose(row, expected, atol=2e-6)


def agrees(folder, weights) -> None:
    encoder = SentenceEncoder(find_encoder(str(folder)), 12)
    numbers = encoder.tokens(tf.constant(TEXTS)).numpy()
    expected = [bert.forward(weights, [n for n in tokens if n]) for tokens in numbers]
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=2e-6)


def test_distilbert(tmp_path):
    agrees(tmp_path, bert.as_distilbert(tmp_path))


def test_electra_has_narrower_embeddings(tmp_path):
    weights = bert.write(tmp_path, model_type="electra")
    weights = {
        name: value[..., :5] if name.startswith("embeddings") else value
        for name, value in weights.items()
    }
    rng = np.random.default_rng(1)
    weights["embeddings_project.weight"] = rng.normal(size=(bert.WIDTH, 5)).astype(np.float32)
    weights["embeddings_project.bias"] = rng.normal(size=bert.WIDTH).astype(np.float32)
    tensors = {f"electra.{name}": ("F32", value) for name, value in weights.items()}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    agrees(tmp_path, weights)


def test_identity_is_of_weights_words_and_length(tmp_path):
    bert.write(tmp_path)
    first = SentenceEncoder(tmp_path, 12).identity
    assert SentenceEncoder(tmp_path, 12).identity == first
    assert SentenceEncoder(tmp_path, 10).identity != first
    (tmp_path / "vocab.txt").write_text("\n".join([*bert.WORDS[:-1], "##b"]), encoding="utf-8")
    assert SentenceEncoder(tmp_path, 12).identity != first


def test_what_is_not_there_is_said(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"--text_encoder=.*no config.json, model.safetensors"):
        find_encoder(str(tmp_path))
    monkeypatch.setitem(find_encoder.__globals__["PACKAGES"], "minilm", "no_such_package")
    with pytest.raises(ConfigError, match="pip install no-such-package"):
        find_encoder("minilm")


def test_other_models_are_refused(tmp_path):
    bert.write(tmp_path, model_type="gpt2")
    with pytest.raises(ConfigError, match="'gpt2'"):
        SentenceEncoder(tmp_path)
    bert.write(tmp_path, model_type="roberta")
    with pytest.raises(ConfigError, match=r"tokens are bytes.* SavedModel .*docs/captions\.md"):
        SentenceEncoder(tmp_path)
    bert.write(tmp_path, position_embedding_type="relative_key")
    with pytest.raises(ConfigError, match="relative_key positions"):
        SentenceEncoder(tmp_path)
    bert.write(tmp_path, prefix="model.")
    with pytest.raises(ConfigError, match="not a BERT"):
        SentenceEncoder(tmp_path)


def test_what_is_not_computed_is_refused(tmp_path):
    bert.write(tmp_path)
    modules = [{"type": f"sentence_transformers.models.{name}"} for name in ("Pooling", "Dense")]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling").mkdir()
    pooling = {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    with pytest.raises(ConfigError, match=r"models\.Dense, pooling_mode_max_tokens, which is not"):
        SentenceEncoder(tmp_path)


def test_presets_of_keras_hub_are_sent_to_the_documentation(tmp_path):
    (tmp_path / "config.json").write_text('{"registered_name": "keras_hub>BertBackbone"}')
    with pytest.raises(ConfigError, match=r"preset of Keras-hub.*docs/captions\.md"):
        find_encoder(str(tmp_path))
