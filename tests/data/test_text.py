from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tgan_tf.config import Config, ConfigError
from tgan_tf.data import text, texts, vocabulary
from tgan_tf.data.sources import load_source

LINES = [f"{a}{b} {c}" for a in "abc" for b in "xyz" for c in ("one", "two", "three")]
# Twenty characters that come last in any vocabulary.
RARE = ["".join(chr(0x9F00 + 5 * line + i) for i in range(5)) for line in range(4)]


def load(dataset: str, **changes):
    return load_source(Config().replace(dataset=dataset, **changes).data)


@pytest.fixture
def poems(tmp_path) -> Path:
    folder = tmp_path / "dist" / "quantangshi"
    folder.mkdir(parents=True)
    (folder / "authors.tang.json").write_text("[]")

    def write(name: str, *paragraphs: list[str]) -> None:
        records = [{"paragraphs": lines} for lines in paragraphs]
        (folder / name).write_text(json.dumps(records), encoding="utf-8")

    marks = lambda a, b, c, d: [f"{a}，{b}。", f"{c}，{d}。"]  # noqa: E731
    fives = ["春眠不覺曉", "處處聞啼鳥", "夜來風雨聲", "花落知多少"]
    other = ["白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"]
    sevens = ["兩個黃鸝鳴翠柳", "一行白鷺上青天", "窗含西嶺千秋雪", "門泊東吳萬里船"]
    write("poet.tang.0.json", marks(*fives), marks(*other), marks(*fives), marks(*sevens))
    write(
        "poet.song.0.json",
        marks(fives[0], *other[1:]),  # shares lines with both others
        marks("大江東去浪", "淘盡千古人", "物故壘西邊", "三國周郎赤"),
        marks(*RARE),
        ["一二三四五，六七。"],
        marks("abcde", *other[1:]),
    )
    ranks = tmp_path / "dist" / "rank"
    ranks.mkdir()
    (ranks / "poet.tang.rank.0.json").write_text("[1]")
    return tmp_path


def test_poems(poems):
    source = load("poems", data_dir=str(poems), val_fraction=0.3)
    assert source.modality == "text"
    assert source.class_names == ("Tang", "Song")
    assert "" not in source.vocabulary
    assert source.shape == (20, 1, len(source.vocabulary))
    # Three share lines, so they are on one side; the others are alone.
    assert (len(source.train), len(source.val)) == (3, 2)
    assert source.train.labels.tolist() == [0, 0, 1]
    assert "".join(source.vocabulary[i] for i in source.train.samples[0][:5]) == "春眠不覺曉"


def test_forms(poems):
    assert load("poems:all", data_dir=str(poems)).class_names == ("5x4", "7x4")
    both = load("poems:all", data_dir=str(poems))
    assert both.vocabulary[0] == ""
    assert both.shape[0] == 28
    with pytest.raises(ConfigError, match=r"poems:6: not one of 5, 7, all"):
        load("poems:6", data_dir=str(poems))


def test_a_poem_with_a_rare_character_is_left_out(poems):
    common = load("poems", data_dir=str(poems)).shape[2]
    source = load("poems", data_dir=str(poems), vocab_size=common - len("".join(RARE)))
    assert (len(source.train), len(source.val)) == (3, 1)
    assert not set(RARE[0]) & set(source.vocabulary)


def test_poems_that_are_not_there(tmp_path):
    with pytest.raises(ConfigError, match="npm install chinese-poetry"):
        load("poems", data_dir=str(tmp_path))
    (tmp_path / "authors.tang.json").write_text("[]")
    (tmp_path / "poet.tang.0.json").write_text("[{]")
    with pytest.raises(ConfigError, match=r"poet\.tang\.0\.json: not a file of poems"):
        load("poems", data_dir=str(tmp_path))


def test_lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join([*LINES, "", LINES[0]]))
    source = load(f"text:{path}", val_fraction=0.2)
    assert (len(source.train), len(source.val)) == (22, 5)  # each once
    assert source.vocabulary[0] == vocabulary.END
    assert source.num_classes == 0
    rows = np.concatenate([source.train.samples, source.val.samples])
    found = {"".join(source.vocabulary[i] for i in row) for row in rows}
    assert found == set(LINES)


def test_rare_tokens_are_unknown(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES))
    source = load(f"text:{path}", vocab_size=8)
    assert source.vocabulary[:2] == (vocabulary.END, vocabulary.UNKNOWN)
    assert len(source.vocabulary) == 8
    assert (source.train.samples == 1).any()


def test_labels(tmp_path):
    path = tmp_path / "texts.jsonl"
    records = [{"text": line, "label": line[-3:]} for line in LINES]
    path.write_text("\n".join(map(json.dumps, records)))
    source = load(f"text:{path}")
    assert source.class_names == ("one", "ree", "two")
    assert np.bincount(source.train.labels).sum() == len(source.train)
    path.write_text('{"text": "a"}\n{"text": "b", "label": "c"}\n')
    with pytest.raises(ConfigError, match="some lines have a label"):
        load(f"text:{path}")
    path.write_text('{"text": "a"}\n{"words": "b"}\n')
    with pytest.raises(ConfigError, match="line 2"):
        load(f"text:{path}")


def test_longer_texts_are_left_out(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES))
    source = load(f"text:{path}", text_length=6)
    assert source.shape[0] == 6
    assert len(source.train) + len(source.val) == 18
    with pytest.raises(ConfigError, match="0 texts of at most 2 tokens"):
        load(f"text:{path}", text_length=2)


def test_functions(tmp_path):
    (tmp_path / "a.py").write_text(
        "class A:\n    def f(self):\n        return 1\n\ndef g(): pass\n"
    )
    (tmp_path / "broken.py").write_text("def (:\n")
    assert texts.read_functions(str(tmp_path)) == [
        ("def g(): pass", None),
        ("def f(self):\n    return 1", None),
    ]


def test_near_duplicates_go_together():
    pieces = [[("a", i // 2)] for i in range(40)]
    held_out = text._held_out(pieces, 0.25, seed=3)
    assert held_out.sum() == 10
    assert (held_out[::2] == held_out[1::2]).all()
    assert (text._held_out(pieces, 0.25, seed=4) != held_out).any()


def test_tensorflow_datasets(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    from tests.data.test_tfds import build  # which is skipped as a whole without it

    monkeypatch.setattr("tgan_tf.data.tfds._online", lambda: False)
    features = {
        "title": tfds.features.Text(),
        "text": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=["World", "Sports"]),
    }

    def examples(lines, hide=False):
        return [
            {"title": "x", "text": f" {line} ", "label": -1 if hide else i % 2}
            for i, line in enumerate(lines)
        ]

    # The first held-out text is a training text too.
    splits = {
        "train": examples(LINES[:20]),
        "test": examples(LINES[20:], hide=True),
        "validation": examples([LINES[0], *LINES[20:24]]),
    }
    build(tmp_path, "tiny_news", features, splits)
    source = load("tfds_text:tiny_news", data_dir=str(tmp_path))
    assert (source.name, source.licence) == ("text_tiny_news", "CC0")
    assert source.class_names == ("Sports", "World")
    assert (len(source.train), len(source.val)) == (20, 4)
    written = {"".join(source.vocabulary[i] for i in row) for row in source.val.samples}
    assert written == set(LINES[20:24])
    alone = load("tfds_text:tiny_news", data_dir=str(tmp_path), conditional=False)
    assert alone.num_classes == 0
    assert (len(alone.train), len(alone.val)) == (20, 7)  # nothing of it is hidden
    with pytest.raises(ConfigError, match="tfds_text:NAME for texts"):
        load("tfds:tiny_news", data_dir=str(tmp_path))


def test_news(tmp_path, monkeypatch):
    """As gensim's package has it: a document on each line."""
    folder = tmp_path / "gensim" / "test" / "test_data"
    folder.mkdir(parents=True)
    (tmp_path / "gensim" / "__init__.py").write_text("")
    documents = ["One is here. Two is not!  Is three?", "Four came at 5.30 p.m. and left."]
    (folder / "lee_background.cor").write_text("\n".join(documents))
    monkeypatch.syspath_prepend(tmp_path)
    source = load("news", text_length=40, val_fraction=0.25)
    rows = np.concatenate([source.train.samples, source.val.samples])
    found = {"".join(source.vocabulary[i] for i in row) for row in rows}
    assert {"One is here.", "Two is not!", "Is three?"} < found
    assert source.licence.startswith("LGPL")


def test_pieces_of_words(tmp_path):
    pytest.importorskip("tokenizers")
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES))
    source = load(f"text:{path}", tokenizer="bpe", vocab_size=30)
    assert max(map(len, source.vocabulary)) > 1
    rows = np.concatenate([source.train.samples, source.val.samples])
    assert {"".join(source.vocabulary[i] for i in row) for row in rows} == set(LINES)


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"dataset": "digits", "likelihood_kimg": 9.0}, "--likelihood_kimg"),
        ({"dataset": "text:x", "g_tokens": "at_once", "token_dropout": 0.3}, "--token_dropout"),
        ({"dataset": "poems", "g_input": "constant"}, "--g_input"),
    ],
)
def test_options_without_effect(changes, flag):
    from tgan_tf.config.texts import check_unused_of_tokens

    with pytest.raises(ConfigError, match=flag):
        check_unused_of_tokens(Config().replace(**changes))
