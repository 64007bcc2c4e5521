"""What is read of a tokenizer's files, against vocab.txt and the `tokenizers` library."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from tests.language import bert
from tgan_tf.config import ConfigError
from tgan_tf.language import SentenceEncoder, WordPiece, find_encoder
from tgan_tf.language.tokenizer import read_pieces


def test_tokenizer_json_is_as_vocab_txt(tmp_path):
    bert.write(tmp_path)
    of_words = SentenceEncoder(tmp_path, 12)
    bert.as_json(tmp_path)
    of_json = SentenceEncoder(find_encoder(str(tmp_path)), 12)
    texts = tf.constant(["A cát sat!", "unknowns é", "", "漢 cat's"])
    assert of_json.tokens(texts).numpy().tolist() == of_words.tokens(texts).numpy().tolist()
    assert of_json.identity == of_words.identity


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip", [True, False, None])
def test_normalizers_agree_with_the_library(tmp_path, lowercase, strip):
    tokenizers = pytest.importorskip("tokenizers")
    letters = [*"aAcCiIéÉ", "##a", "##A", "##é", "##i", "##I"]
    words = ["<pad>", "<unk>", "<s>", "</s>", *bert.WORDS[4:], *letters]
    library = tokenizers.BertWordPieceTokenizer(
        {word: index for index, word in enumerate(dict.fromkeys(words))},
        **{"unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>"},
        **{"lowercase": lowercase, "strip_accents": strip},
    )
    library.enable_padding(pad_token="<pad>", length=24)
    library.save(str(tmp_path / "tokenizer.json"))
    pieces = read_pieces(tmp_path)
    assert pieces.special == ("<unk>", "<s>", "</s>", "<pad>")
    texts = ["A cat sat!", "É é ÀA aÉi İI", "CÄT CAT c.C", "Ça, unknowns", ""]
    made = WordPiece(length=24, **pieces._asdict())(tf.constant(texts)).numpy()
    assert made.tolist() == [library.encode(text).ids for text in texts]


def test_cased_lists_of_words_are_told_from_others(tmp_path):
    bert.write(tmp_path)
    of_lower_case = SentenceEncoder(tmp_path, 12)
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    cased = SentenceEncoder(tmp_path, 12)
    assert cased.pieces[1:3] == (False, False)
    assert cased.identity != of_lower_case.identity
    both = [encoder.tokens(tf.constant(["Cat É"])).numpy()[0] for encoder in (cased, of_lower_case)]
    assert [[bert.WORDS[n] for n in numbers[1:3]] for numbers in both] == [
        ["[UNK]", "[UNK]"],
        ["cat", "[UNK]"],
    ]


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("model", {"type": "BPE"}, r"tokenizer\.json has model\.type 'BPE'.*SavedModel"),
        ("normalizer", {"type": "Lowercase"}, r"normalizer\.type 'Lowercase'"),
        ("pre_tokenizer", {"type": "Metaspace"}, r"pre_tokenizer\.type 'Metaspace'"),
        ("model", {"vocab": {"a": 0, "b": 2}}, "not numbered one after another"),
        ("model", {"vocab": 3}, r"tokenizer\.json cannot be read"),
        ("model", {"unk_token": "<unk>"}, "no <unk>"),
    ],
)
def test_other_tokenizers_are_refused(tmp_path, section, change, message):
    bert.write(tmp_path)
    about = bert.as_json(tmp_path)
    about[section] |= change
    (tmp_path / "tokenizer.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=message):
        SentenceEncoder(tmp_path)


def test_added_words_are_refused(tmp_path):
    about = bert.as_json(tmp_path)
    about["added_tokens"] += [{"id": len(bert.WORDS), "content": "cats", "special": False}]
    (tmp_path / "tokenizer.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match="adds 'cats' to its vocabulary"):
        read_pieces(tmp_path)


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (bert.WORDS, {"tokenize_chinese_chars": False}, "tokenize_chinese_chars False.*SavedModel"),
        (bert.WORDS, {"do_basic_tokenize": False}, "do_basic_tokenize False, which is not"),
        ([*bert.WORDS[:-1], "cat"], {}, r"vocab\.txt has the piece 'cat' 2 times"),
        ([], {}, r"no \[UNK\]"),
    ],
)
def test_other_lists_of_words_are_refused(tmp_path, words, settings, message):
    bert.write(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=f"^--text_encoder: .*{message}"):
        SentenceEncoder(tmp_path)


def test_empty_lines_count(tmp_path):
    """Or all that follow would be other pieces."""
    bert.write(tmp_path)
    words = [word if word != "sat" else "" for word in bert.WORDS]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    pieces = read_pieces(tmp_path)
    assert pieces.vocabulary == tuple(words)
    made = WordPiece(length=4, **pieces._asdict())(tf.constant(["un."])).numpy().tolist()
    assert made == [[bert.WORDS.index(word) for word in ("[CLS]", "un", ".", "[SEP]")]]
