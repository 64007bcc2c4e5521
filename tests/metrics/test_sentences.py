"""Which encoder sees texts, and that it tells them apart."""

from __future__ import annotations

import pytest

from tests.language import bert, saved
from tgan_tf.config import Config, ConfigError
from tgan_tf.metrics import sentences
from tgan_tf.metrics.frechet import frechet_distance

ENGLISH, FRENCH = ["a cat sat", "cats sat."], ["\u00e9t\u00e9", "no\u00ebl"]


def choose(texts, dataset="news", **changes):
    return sentences.chosen(Config().replace(dataset=dataset, **changes), texts)


def test_auto_is_minilm_for_english():
    assert choose(ENGLISH) == "minilm"
    assert choose(FRENCH) == choose(ENGLISH, "code") == choose(ENGLISH, "poems") == ""
    assert choose(ENGLISH, sentence_encoder="none") == ""
    assert choose(FRENCH, "poems", sentence_encoder="bert") == "bert"


def test_one_that_is_named_must_be_there(tmp_path):
    config = Config().replace(dataset="news", sentence_encoder=str(tmp_path))
    with pytest.raises(ConfigError, match=r"--sentence_encoder=.*no config.json"):
        sentences.check(config)
    bert.write(tmp_path)
    sentences.check(config)
    (tmp_path / "config.json").write_text('{"model_type": "roberta"}')
    with pytest.raises(ConfigError, match=r"^--sentence_encoder: .*roberta"):
        sentences.Sentences(str(tmp_path))


def test_every_file_is_of_the_flag_that_named_it(tmp_path):
    bert.write(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(ConfigError, match=r"^--sentence_encoder: .*tokenizer\.json cannot be read"):
        sentences.Sentences(str(tmp_path))
    saved.write(tmp_path, signature="other")
    with pytest.raises(ConfigError, match=r"^--sentence_encoder: .*no signature"):
        sentences.Sentences(str(tmp_path))
    (tmp_path / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match=r"^--sentence_encoder: .*cannot be loaded"):
        sentences.Sentences(str(tmp_path))


def test_tells_texts_apart(tmp_path):
    bert.write(tmp_path / "My-BERT")
    encoder = sentences.Sentences(str(tmp_path / "My-BERT"))
    assert encoder.name == "my_bert"
    some, others = ["a cat sat.", "cats sat", "unknowns sat!"], ["! ! !", "a", "' cat"]
    assert frechet_distance(encoder(some), encoder(some[::-1])) < 1e-6
    assert frechet_distance(encoder(some), encoder(others)) > 1e-4


def test_a_saved_model_sees_them_too(tmp_path):
    saved.write(tmp_path)
    encoder = sentences.Sentences(str(tmp_path))
    some, others = ["a cat sat", "cat", "sat a"], ["a a a", "dog", "a dog"]
    assert frechet_distance(encoder(some), encoder(some[::-1])) < 1e-6
    assert frechet_distance(encoder(some), encoder(others)) > 1e-4
