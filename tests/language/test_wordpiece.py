"""WordPiece against BERT's rules, by hand and by the `tokenizers` library."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tests.language.bert import WORDS
from tgan_tf.language import WordPiece


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    return WordPiece(WORDS, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[CLS] [SEP]"),
        ("a cat sat.", "[CLS] a cat sat . [SEP]"),
        ("  A\tCAT\nsat", "[CLS] a cat sat [SEP]"),
        ("unknowns", "[CLS] un ##know ##n ##s [SEP]"),
        # One part is unknown: so is the word.
        ("unknownx cat", "[CLS] [UNK] cat [SEP]"),
        ("cát", "[CLS] cat [SEP]"),
        ("cat's", "[CLS] cat ' [UNK] [SEP]"),
        ("漢字", "[CLS] [UNK] [UNK] [SEP]"),
        ("a" * 100, "[CLS] a ##a ##a ##a ##a ##a ##a ##a [SEP]"),
        ("a" * 101, "[CLS] [UNK] [SEP]"),
        ("a a a a a a a a a a a a", "[CLS] a a a a a a a a [SEP]"),
    ],
)
def test_by_hand(pieces, text, expected):
    # Beside a longer text, with which it is filled up.
    both = pieces(tf.constant([text, "cat " * 20])).numpy()
    assert both.shape == (2, 10)
    assert " ".join(WORDS[i] for i in both[0]).replace(" [PAD]", "") == expected


def test_agrees_with_the_library():
    tokenizers = pytest.importorskip("tokenizers")
    library = tokenizers.BertWordPieceTokenizer(
        {word: index for index, word in enumerate(WORDS)}, lowercase=True
    )
    texts = ["a Cat sat!", "unknown ünknowns", "a.cat,sat", "ununun", "", "!'.", "sat\u0301"]
    ours = WordPiece(WORDS, 32)(tf.constant(texts)).numpy()
    for text, numbers in zip(texts, ours, strict=True):
        assert [n for n in numbers if n] == library.encode(text).ids


def test_in_a_session(pieces, tmp_path):
    """An exported model takes text, whoever loads it."""
    module = tf.Module()
    module.pieces = pieces
    run = tf.function(pieces, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    tf.saved_model.save(module, str(tmp_path), signatures=run.get_concrete_function())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path))
        signature = signature.signature_def["serving_default"]
        (given,), (made,) = signature.inputs.values(), signature.outputs.values()
        answer = session.run(made.name, {given.name: ["a cat", "unknown"]})
    assert answer.tolist() == pieces(tf.constant(["a cat", "unknown"])).numpy().tolist()


def test_other_vocabularies_are_refused():
    with pytest.raises(ValueError, match=r"no \[UNK\]"):
        WordPiece(["a", "b"])
