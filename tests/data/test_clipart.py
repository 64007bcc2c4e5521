import json

import numpy as np
import pytest
from PIL import Image

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.clipart import emoji_reader, openclipart_reader
from tgan_tf.data.sources import load_source


def save(path, colour, size=(64, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", size, colour).save(path)


def draw(folder, designer):
    """The layout of the npm package: 30 emoji of two categories, each in two skin tones too."""
    root, entries = folder / f"emoji-datasource-{designer}", []
    for i in range(30):
        names = [f"{i:04x}.png", f"{i:04x}-1f3fb.png", f"{i:04x}-1f3ff.png"]
        for name in names:
            save(root / f"img/{designer}/64" / name, (8 * i, 0, 0, 255))
        entries.append(
            {
                "unified": f"{i:04X}",
                "name": f"FRUIT {i}",
                "image": names[0],
                "category": ("Food & Drink", "Animals & Nature")[i % 2],
                "skin_variations": {n[5:-4].upper(): {"image": n} for n in names[1:]},
            }
        )
    entries.append({"unified": "1F3FB", "image": "0000.png", "category": "Component"})
    missing = {"unified": "1F3FC", "image": "missing.png", "category": "Food & Drink"}
    entries.append({"name": "GONE", **missing})
    (root / "emoji.json").write_text(json.dumps(entries))
    return root


def test_an_older_release_is_read_by_the_words_of_now(package):
    """It has other names and categories, or none, and codes that do not ask for colour."""
    older = draw(package.parent, "older")
    entries = json.loads((package / "emoji.json").read_text())
    entries[4]["unified"] += "-FE0F"
    (package / "emoji.json").write_text(json.dumps(entries))
    entries = json.loads((older / "emoji.json").read_text())[:20]
    for entry in entries:
        entry |= {"name": None, "category": "Nature"}
    entries[5] |= {"name": "AN OLD NAME", "skin_variations": None}
    (older / "emoji.json").write_text(json.dumps(entries))
    options = {"image_size": (8, 8), "val_fraction": 0.3, "captions": True}
    reader = emoji_reader(emoji(package.parent, **options), 0)
    assert reader.class_names == ("Animals & Nature", "Food & Drink")
    new, old = (
        [x for x in reader.items() if f"img/{name}" in x.key] for name in ("google", "older")
    )
    assert len(new) == 90
    tones = ("", ", light skin tone", ", dark skin tone")
    expected = [f"fruit {i}{tone}" for i in range(20) for tone in tones if i != 5 or not tone]
    assert [x.caption for x in old] == expected
    held_out = {x.caption: (x.label, x.held_out) for x in new}
    assert all(held_out[x.caption] == (x.label, x.held_out) for x in old)
    # Alone, those that have a name.
    assert [x.caption for x in emoji_reader(emoji(older), 0).items()] == ["an old name"]


@pytest.fixture
def package(tmp_path):
    return draw(tmp_path, "google")


def emoji(package, **options):
    cache = package.parent / "cache"
    return DataConfig(dataset="emoji", data_dir=str(package), cache_dir=str(cache), **options)


def reds(images):
    return np.asarray(images.samples)[:, 0, 0, 0]


def test_emoji(package):
    source = load_source(emoji(package, image_size=(8, 8)))
    assert source.class_names == ("Animals & Nature", "Food & Drink")
    assert source.train.sample_shape == (8, 8, 3)
    assert len(source.train) + len(source.val) == 90
    assert len(source.val) == 9
    for images in (source.train, source.val):
        np.testing.assert_array_equal(images.labels, reds(images) // 8 % 2 == 0)
    # Skin tones are on one side of the split.
    assert not set(reds(source.train)) & set(reds(source.val))
    assert "Apache" in source.licence
    captions = [item.caption for item in emoji_reader(emoji(package), 0).items()]
    assert captions[:3] == ["fruit 0", "fruit 0, light skin tone", "fruit 0, dark skin tone"]


def test_emoji_of_several_designers(package):
    other = draw(package.parent, "twitter")
    (other / "img/twitter/64/0003.png").unlink()
    (package.parent / "emoji-datasource").mkdir()  # another package, without images
    source = load_source(emoji(package.parent, image_size=(8, 8), val_fraction=0.3))
    assert len(source.train) + len(source.val) == 90 + 89
    # An emoji is on the same side of the split for all of them.
    assert not set(reds(source.train)) & set(reds(source.val))
    assert source.licence == "Apache-2.0 (Google, Noto Emoji); CC-BY-4.0 (Twitter, Twemoji)"
    # One package is named by itself.
    assert len(list(emoji_reader(emoji(other), 0).items())) == 89


def test_licence_of_an_unknown_designer(tmp_path):
    reader = emoji_reader(emoji(draw(tmp_path, "someone")), 0)
    assert "all rights" in reader.licence


def test_another_seed_holds_out_others(package):
    first, again, other = (set(reds(load_source(emoji(package), seed=s).val)) for s in (0, 0, 1))
    assert first == again != other


def test_transparency(package):
    save(package / "img/google/64/0000.png", (200, 0, 0, 0))
    for channels, corner in ((3, 255), (4, 0)):
        source = load_source(emoji(package, channels=channels))
        assert source.channels == channels
        together = np.concatenate([source.train.samples, source.val.samples])[..., -1]
        assert (together == corner).any()


def test_equal_captions_are_held_out_together(tmp_path):
    """Drawings of other folders and families, but of one caption."""
    for category in ("animals", "food"):
        for name in ("cat_1a", "cat", "dog", "eel", *map("fish{:c}x".format, range(97, 123))):
            save(tmp_path / category / "pets" / f"{name}.png", (9, 9, 9, 255))
    data = {"dataset": "openclipart", "data_dir": str(tmp_path), "val_fraction": 0.3}
    for seed in range(3):
        items = list(openclipart_reader(DataConfig(**data, captions=True), seed).items())
        assert len({(i.caption, i.held_out) for i in items}) == len({i.caption for i in items})
        assert 18 <= sum(item.held_out for item in items) <= 21
        items = list(openclipart_reader(DataConfig(**data), seed).items())
        assert len({(i.caption, i.held_out) for i in items}) > len({i.caption for i in items})


def test_openclipart(tmp_path):
    root = tmp_path / "png"
    for name in ("cat_01", "cat_02", "Cat 3", "dog", "dog2", "eel"):
        save(root / "animals" / "pets" / f"{name}.png", (9, 9, 9, 255), size=(30, 10))
    for name in ("pie", "tea"):
        save(root / "food" / f"{name}.png", (9, 9, 9, 255))
    save(root / "shapes" / "star.png", (9, 9, 9, 255))
    data = DataConfig(
        dataset="openclipart",
        data_dir=str(root),
        cache_dir=str(tmp_path),
        image_size=(16, 16),
        fit="pad",
        val_fraction=0.4,
    )
    source = load_source(data)
    assert source.class_names == ("animals", "food")
    assert len(source.train) + len(source.val) == 8
    cats = {label: int((images.labels == 0).sum()) for label, images in
            (("train", source.train), ("val", source.val))}  # fmt: skip
    assert sum(cats.values()) == 6
    assert cats["val"] in (0, 1, 2, 3, 4, 5)
    row = np.asarray(source.train.samples[0])
    assert row[0].min() == 255  # padded with white
    assert row[8].max() == 9


@pytest.mark.parametrize(
    ("name", "message"),
    [("emoji", "npm install emoji-datasource-google"), ("openclipart", "apt-get install openclip")],
)
def test_missing(tmp_path, name, message):
    with pytest.raises(ConfigError, match=message):
        load_source(DataConfig(dataset=name, data_dir=str(tmp_path)))


def test_damaged_list(package):
    (package / "emoji.json").write_text("[{}]")
    with pytest.raises(ConfigError, match=r"emoji\.json: not the package's list"):
        load_source(emoji(package))


class TestTrainLimit:
    def test_the_others_are_held_out(self, package):
        whole = load_source(emoji(package))
        source = load_source(emoji(package, train_limit=20))
        assert (len(source.train), len(source.val)) == (20, 70)
        np.testing.assert_array_equal(np.bincount(source.train.labels), [10, 10])
        together = np.concatenate([reds(source.train), reds(source.val)])
        everything = np.concatenate([reds(whole.train), reds(whole.val)])
        np.testing.assert_array_equal(np.sort(together), np.sort(everything))
        assert len(source.val.labels) == 70

    def test_more_than_there_are(self, package):
        with pytest.raises(ConfigError, match="only 81 images to train on; leave it out"):
            load_source(emoji(package, train_limit=81))
