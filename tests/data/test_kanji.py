"""Characters drawn from a font, with meanings."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.kanji import KanjiReader
from tgan_tf.data.sources import load_source

LINES = [
    "# KANJIDIC",
    "A 3021 U4e9c B1 G8 S7 {Asia} {rank next} {come after} {-ous} ",
    "B 3022 U5516 B30 S10 {mute} ",
    "C 3023 U5a03 B38 G9 S9 {beautiful} {(radical number 38)} ",
    "D 3024 U963f B170 S8 ",
    *(f"{letter} 3025 U5000 B1 G1 S1 {{one}} " for letter in "EFGHIJKL"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dictionary of letters and a font that has them."""
    (tmp_path / "kanjidic").write_bytes("\n".join(LINES).encode("euc-jp"))
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    shutil.copy(fonts / "DejaVuSans.ttf", tmp_path / "ipag.ttf")
    return tmp_path


def test_characters(folder):
    data = DataConfig(dataset="kanji", data_dir=str(folder), cache_dir=str(folder / "cache"))
    items = {item.key: item for item in KanjiReader(data, 0).items()}
    assert "".join(items) == "ABCEFGHIJKL"  # D means nothing
    captions = {key: item.caption for key, item in items.items()}
    assert captions["A"] == "Asia, rank next, come after"
    assert captions["C"] == "beautiful"
    source = load_source(data)
    names = {key: source.class_names[item.label] for key, item in items.items()}
    assert (names["A"], names["B"], names["C"], names["E"]) == (
        "secondary school",
        "other",
        "names",
        "grade 1",
    )
    assert (len(source.train), len(source.val)) == (10, 1)
    assert source.train.sample_shape == (32, 32, 1)
    letters = np.concatenate([source.train.samples, source.val.samples])
    assert letters[:, 0].min() == 255  # a margin
    assert len({letter.tobytes() for letter in letters}) == 11
    assert (letters.reshape(11, -1).min(axis=1) < 80).all()


def test_equal_meanings_are_held_out_together(folder):
    lines = LINES + [f"{letter} 3026 U5001 B1 G2 S1 {{two}} " for letter in "MNOPQRSTUV"]
    (folder / "kanjidic").write_bytes("\n".join(lines).encode("euc-jp"))
    data = DataConfig(dataset="kanji", data_dir=str(folder), captions=True)
    for seed in range(5):
        items = list(KanjiReader(data, seed).items())
        sides = {(item.caption, item.held_out) for item in items}
        assert len(sides) == len({item.caption for item in items}) == 5
        assert {held_out for _, held_out in sides} == {False, True}


def test_what_is_missing_is_said(folder):
    (folder / "ipag.ttf").unlink()
    with pytest.raises(ConfigError, match=r"has no ipag.ttf; apt-get install kanjidic"):
        load_source(DataConfig(dataset="kanji", data_dir=str(folder)))
