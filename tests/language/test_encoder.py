"""The sentence encoder against a forward pass in NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.language import bert
from tests.safetensors_files import write_safetensors
from tgan_tf.config import ConfigError
from tgan_tf.language import SentenceEncoder, find_encoder, read_encoder

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


def change(path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", '{"model_type": "be', r"config\.json cannot be read \(Unterminated"),
        (
            "config.json",
            "[1, 2]",
            r"config\.json holds '\[1, 2\]', and an object of JSON is needed",
        ),
        ("1_Pooling/config.json", "{", r"1_Pooling/config\.json cannot be read"),
        ("1_Pooling/config.json", "3", r"1_Pooling/config\.json holds '3', and an object"),
        ("modules.json", "[", r"modules\.json cannot be read"),
        ("modules.json", "{}", r"modules\.json holds '\{\}', and a list"),
        ("modules.json", "[3]", r"has 3, which is not computed"),
        ("tokenizer_config.json", "{", r"tokenizer_config\.json cannot be read"),
    ],
)
def test_damaged_settings_are_named(tmp_path, name, text, message):
    bert.write(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=f"^--sentence_encoder.*{message}"):
        read_encoder(find_encoder(str(tmp_path), "sentence_encoder"), 12, "sentence_encoder")


@pytest.mark.parametrize(
    "name",
    ["hidden_size", "num_attention_heads", "num_hidden_layers", "max_position_embeddings"],
)
def test_missing_settings_are_named(tmp_path, name):
    bert.write(tmp_path)
    path = tmp_path / "config.json"
    for value in ("8", 0, None, 1.5):
        change(path, **{name: value})
        with pytest.raises(ConfigError, match=rf"^--text_encoder: .*config\.json has {name} "):
            SentenceEncoder(tmp_path)
    about = json.loads(path.read_text())
    del about[name]
    path.write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=rf"config\.json has no {name}, and a whole number"):
        SentenceEncoder(tmp_path)


def test_settings_have_their_own_names_in_messages(tmp_path):
    bert.as_distilbert(tmp_path)
    change(tmp_path / "config.json", n_heads=None)
    with pytest.raises(ConfigError, match="has n_heads None"):
        SentenceEncoder(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 12}, r"word_embeddings\.weight has shape \[16, 8\], and .* \[any, 12\]"),
        ({"num_attention_heads": 3}, "3 heads of attention, which do not divide its width of 8"),
        ({"num_hidden_layers": 1}, r"has 2 layers, and config\.json beside it says 1"),
        ({"num_hidden_layers": 10**9}, "has 2 layers"),
        ({"max_position_embeddings": 512}, r"position_embeddings.* \[16, 8\], and .* \[512, 8\]"),
        ({"vocab_size": 20}, r"word_embeddings\.weight has shape \[16, 8\], and .* \[20, 8\]"),
        ({"intermediate_size": 9}, r"intermediate\.dense\.weight .* \[12, 8\], and .* \[9, 8\]"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps 'small'"),
    ],
)
def test_settings_of_other_weights_are_refused(tmp_path, changes, message):
    bert.write(tmp_path, **changes)
    with pytest.raises(ConfigError, match=f"^--text_encoder: {tmp_path}.*{message}"):
        SentenceEncoder(tmp_path)


def test_weights_of_other_shapes_are_refused(tmp_path):
    weights = bert.write(tmp_path)

    def refused(name, value, message):
        changed = {**weights, name: value} if value is not None else {**weights}
        if value is None:
            del changed[name]
        tensors = {name: ("F32", array) for name, array in changed.items()}
        write_safetensors(tmp_path / "model.safetensors", tensors)
        with pytest.raises(ConfigError, match=rf"^--text_encoder: .*safetensors{message}"):
            SentenceEncoder(tmp_path)

    key = "encoder.layer.1.attention.self.key.weight"
    refused(key, weights[key][:4], rf": {key} has shape \[4, 8\], and .* \[8, 8\] is needed")
    refused(key, None, f" has no {key}: not a BERT")
    norm = "embeddings.LayerNorm.bias"
    refused(norm, weights[norm][None], rf": {norm} has shape \[1, 8\], and .* \[8\] is needed")
    words = "embeddings.word_embeddings.weight"
    refused(words, weights[words][0, 0], r": .* has shape \[\]")


def test_more_pieces_than_vectors_are_refused(tmp_path):
    bert.write(tmp_path)
    words = "\n".join([*bert.WORDS, "dog"])
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"safetensors has vectors for 16 pieces.* has 17"):
        SentenceEncoder(tmp_path)
    # Some models have vectors to spare.
    (tmp_path / "vocab.txt").write_text("\n".join(bert.WORDS[:-1]), encoding="utf-8")
    assert SentenceEncoder(tmp_path).width == bert.WIDTH


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
