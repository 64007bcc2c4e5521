"""Captions of a folder: what is read, what is refused, what is held out."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.language import bert
from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.folder import FolderReader
from tgan_tf.data.sources import load_source


@pytest.fixture
def folder(tmp_path):
    """20 images; image i is all of value i."""
    root = tmp_path / "pictures"
    root.mkdir()
    for index in range(20):
        Image.new("L", (4, 4), index).save(root / f"{index}.png")
    return root


def write(folder, captions, **more):
    rows = [{"file_name": f"{index}.png", "text": text} for index, text in enumerate(captions)]
    rows += [{"file_name": name, "text": text} for name, text in more.items()]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))


def reader(folder, seed=0, **options):
    return FolderReader(str(folder), DataConfig(captions=True, **options), seed)


def test_captions_are_read(folder):
    lines = [f'{index}.png,"a  cat, {index}"' for index in range(20)]
    (folder / "captions.csv").write_text("\n".join(["file_name,text", *lines]))
    read = reader(folder)
    assert {i.key.split("/")[-1]: i.caption for i in read.items()} == {
        f"{index}.png": f"a cat, {index}" for index in range(20)
    }
    assert read.skipped == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "file_name,text\n0.png,a dog, and a cat\n", "row 1 has 3 fields, not 2; put a"),
        ("a.csv", "file_name,text\n0.png,a\n./0.png,b\n", "rows 1 and 2 are both of 0.png"),
        ("a.csv", "file_name,text\n", "has no rows"),
        ("a.csv", "", "has no rows"),
        ("a.csv", 'file_name,text\n0.png,"a"b\n', "after line 1: "),
        ("a.csv", "file_name,text\n0.png\n", "row 1 lacks file_name or text"),
        ("a.jsonl", '{"file": "0.png", "text": ["a", "b"]}', "row 1 has .'a', 'b'., which is no s"),
        ("a.jsonl", '{"file": "0.png", "text": 5}', "row 1 has 5, which is no string"),
        ("a.jsonl", '{"file": 5, "text": "a"}', "row 1 has 5, which is no string"),
        ("a.jsonl", '\n["0.png", "a"]', "row 1 is no object with names"),
        ("a.jsonl", '\n{"file"', "line 2: "),
    ],
)
def test_what_would_be_lost_is_refused(folder, name, content, message):
    path = folder / name.replace("a.", "captions.")
    path.write_text(content)
    with pytest.raises(ConfigError, match=message) as error:
        reader(folder)
    assert str(error.value).startswith(str(path))
    assert "docs/captions.md" in str(error.value)


def test_images_without_captions_and_captions_without_images(folder):
    with pytest.raises(
        ConfigError, match=r"pictures has none; put a captions\.csv .*docs/captions"
    ):
        reader(folder)
    write(folder, map(str, range(20)), gone="a", lost="b")
    message = "captions.jsonl: 2 of its 22 rows name no image: gone, ..."
    assert [text.rpartition("/")[2] for text in reader(folder).skipped] == [message]
    write(folder, map(str, range(17)), **{"18.PNG": "18"})
    with pytest.raises(ConfigError) as error:
        reader(folder)
    text = str(error.value)
    assert text.startswith("--captions: 17.png of ")
    assert "captions.jsonl lacks 3 of 20 images; add rows, or move the images away" in text
    assert "(1 of its 18 rows name no image: 18.PNG)" in text


def test_equal_captions_are_held_out_together(folder):
    write(folder, [f"shade {index // 3}" for index in range(20)])
    for seed in range(4):
        items = list(reader(folder, seed, val_fraction=0.2).items())
        sides = {(item.caption, item.held_out) for item in items}
        assert len(sides) == 7
        assert 4 <= sum(item.held_out for item in items) <= 6
    write(folder, ["a"] * 20)
    with pytest.raises(ConfigError, match=r"all 20 images of .* have one caption"):
        reader(folder)


def test_different_captions_do_not_change_what_is_held_out(folder):
    without = FolderReader(str(folder), DataConfig(), 0)
    write(folder, map(str, range(20)))
    held_out = [[(i.key, i.held_out) for i in read.items()] for read in (without, reader(folder))]
    assert held_out[0] == held_out[1]
    assert "captions" not in reader(folder).identity


@pytest.fixture
def load(folder, tmp_path):
    bert.write(tmp_path / "bert")

    def load(**options):
        data = {"dataset": f"folder:{folder}", "cache_dir": str(tmp_path / "cache")}
        data |= {"captions": True, "text_encoder": str(tmp_path / "bert"), "caption_length": 8}
        return load_source(DataConfig(**data, **options))

    return load


def test_captions_stay_when_fewer_are_trained_on(folder, load):
    write(folder, [f"{index}" for index in range(20)], gone="a")
    limited = load(train_limit=5)
    assert (len(limited.train), len(limited.val)) == (5, 15)
    for part in (limited.train, limited.val):
        assert part.captions == tuple(str(value) for value in part.samples[:, 0, 0, 0])
        assert len(part.labels) == len(part)
    assert [text.rpartition("/")[2] for text in limited.skipped] == [
        "captions.jsonl: 1 of its 21 rows name no image: gone"
    ]


def test_fewer_that_are_trained_on_share_no_caption_with_the_others(folder, load):
    write(folder, [f"{index // 2}" for index in range(20)])
    limited = load(train_limit=5)
    assert len(limited.train) == 5
    assert not {*limited.train.captions} & {*limited.val.captions}
    np.testing.assert_array_equal(
        limited.val.samples[:, 0, 0, 0] // 2, np.array(limited.val.captions, int)
    )
