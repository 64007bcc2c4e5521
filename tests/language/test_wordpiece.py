"""WordPiece against BERT's rules, by hand and by the `tokenizers` library."""

from __future__ import annotations

import functools
import json
import random
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
import tensorflow as tf

from tests.language.bert import WORDS
from tgan_tf.language import WordPiece
from tgan_tf.language.wordpiece import SPECIAL

SCRIPT = Path(__file__).parents[2] / "export" / "web" / "page" / "wordpiece.js"
# The library knows Unicode 8; what was assigned later or became something else since.
NEWER = """
    61D 7FD 890-891 897-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84 D00 D3B-D3C D81 EBA ECE
    166D 1734 180F 1885-1886 1ABF-1ADD 1AE0-1AEB 1B4E-1B4F 1B7D-1B7F 1C89 1DF6-1DFB 2E43-2E4F
    2E52-2E5D A7CB-A7CC A7CE A7D2 A7D4 A7DA A7DC A82C A8C5 A8FF A9BD
"""


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
        # Spaces of other kinds, and what is not seen.
        ("a\u00a0cat\u3000sat\u2028cat", "[CLS] a cat sat cat [SEP]"),
        ("c\u00ada\u200bt s\u200dat\ufeff", "[CLS] cat sat [SEP]"),
        # Two marks on a letter.
        ("cấts", "[CLS] cat ##s [SEP]"),
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


@functools.cache
def of_library(*how: bool) -> tuple[list[str], list[str], list[list[int]]]:
    """A list of words, texts of all letters of Unicode's first plane, and their numbers."""
    newer = set()
    for part in NEWER.split():
        first, _, last = part.partition("-")
        newer |= set(range(int(first, 16), int(last or first, 16) + 1))
    every = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    letters = [c for c in every if ord(c) not in newer and unicodedata.category(c) != "Cn"]
    rng, among = random.Random(0), [*letters, *" aZ." * 5000]
    texts = [f"a{letter}b" for letter in letters]
    texts += ["".join(rng.choices(among, k=12)) for _ in range(2000)]
    words = [*SPECIAL, *every, *(f"##{letter}" for letter in every)]
    return words, texts, by_library(words, texts, *how)


def by_library(words: list[str], texts: list[str], lowercase: bool, strip: bool) -> list[list[int]]:
    tokenizers = pytest.importorskip("tokenizers")
    library = tokenizers.BertWordPieceTokenizer(
        {word: index for index, word in enumerate(words)},
        lowercase=lowercase,
        strip_accents=strip,
    )
    library.enable_padding(pad_id=words.index("[PAD]"), length=32)
    return [encoding.ids for encoding in library.encode_batch(texts)]


def of_graph(vocabulary, length, how, texts):
    tokens = WordPiece(vocabulary, length, *how)
    # Together they would all take as long as the longest.
    parts = [texts[start : start + 4096] for start in range(0, len(texts), 4096)]
    return [row for part in parts for row in tokens(tf.constant(part)).numpy().tolist()]


def of_script(vocabulary, length, how, texts):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node (Debian, Ubuntu: apt-get install nodejs)")
    program = f"""
        const {{ wordPiece }} = await import({json.dumps("data:text/javascript,")}
            + encodeURIComponent({json.dumps(SCRIPT.read_text(encoding="utf-8"))}));
        let text = "";
        for await (const part of process.stdin.setEncoding("utf8")) text += part;
        const [vocabulary, length, how, texts] = JSON.parse(text);
        const tokens = wordPiece(vocabulary, length, how);
        console.log(JSON.stringify(texts.map((text) => Array.from(tokens(text)))));
    """
    lowercase, strip = how
    told = {"lowercase": lowercase, "strip_accents": strip, "special": SPECIAL}
    done = subprocess.run(
        [node, "--input-type=module", "--eval", program],
        input=json.dumps([vocabulary, length, told, texts]).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", [(True, True), (False, False), (True, False), (False, True)])
@pytest.mark.parametrize("made_by", [of_graph, of_script])
def test_all_letters_agree_with_the_library(made_by, how):
    words, texts, expected = of_library(*how)
    made = made_by(words, 32, how, texts)
    differ = [
        (ascii(text), numbers, right)
        for text, numbers, right in zip(texts, made, expected, strict=True)
        if numbers != right
    ]
    assert not differ, f"{len(differ)} differ, such as {differ[:3]}"


@pytest.mark.parametrize("made_by", [of_graph, of_script])
def test_words_of_other_scripts(made_by):
    texts = [
        "red\u00a0heart",
        "phở với",
        "Ǎ ё",
        "ᾧ ἄνθρωπος ΟΔΟΣ",
        "한국어",
        "がぎぐ パピプ",
        "İ ẞ ǅ",
    ]
    parts = {*unicodedata.normalize("NFD", "".join(texts).lower()), "σ"}
    words = [*SPECIAL, *parts, *(f"##{part}" for part in parts)]
    expected = by_library(words, texts, True, True)
    assert all(words.index("[UNK]") not in numbers for numbers in expected)
    assert made_by(words, 32, (True, True), texts) == expected


def test_what_is_no_utf8_is_gone(pieces):
    made, plain = pieces(tf.constant([b"c\xffat", b"cat"])).numpy()
    assert made.tolist() == plain.tolist()


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
