import json

import numpy as np
import pytest
from PIL import Image

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import folder, sources
from tgan_tf.data.sources import load_source


@pytest.fixture
def config(tmp_path):
    def make(root, **options):
        return DataConfig(dataset=f"folder:{root}", cache_dir=str(tmp_path / "cache"), **options)

    return make


def save(path, value=0, mode="L", size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def classes(tmp_path):
    """20 images of each of two classes; image i of class c is all of value 100 c + i."""
    root = tmp_path / "pets"
    for label, name in enumerate(("cats", "dogs")):
        for i in range(20):
            save(root / name / f"{i:02d}.png", 100 * label + i)
    return root


def values(images):
    return np.asarray(images.samples)[:, 0, 0, 0]


def test_sub_folders_are_classes(config, classes):
    source = load_source(config(classes))
    assert source.name == "pets"
    assert source.class_names == ("cats", "dogs")
    assert (source.image_size, source.channels, source.num_classes) == ((4, 6), 1, 2)
    assert source.mirror_safe is None
    for images in (source.train, source.val):
        np.testing.assert_array_equal(values(images) >= 100, images.labels == 1)
    np.testing.assert_array_equal(np.bincount(source.val.labels), [2, 2])  # a tenth of each
    everything = np.sort(np.concatenate([values(source.train), values(source.val)]))
    np.testing.assert_array_equal(everything, [*range(20), *range(100, 120)])


def test_seed_and_fraction_choose_what_is_held_out(config, classes):
    held_out = [set(values(load_source(config(classes), seed=seed).val)) for seed in (0, 0, 1)]
    assert held_out[0] == held_out[1] != held_out[2]
    assert len(load_source(config(classes, val_fraction=0.5)).val) == 20


def test_decoded_once(config, classes, monkeypatch):
    first = load_source(config(classes))
    with monkeypatch.context() as patch:
        patch.setattr(sources, "prepare", None)
        patch.setattr(folder.pixels, "header", None)
        again = load_source(config(classes))
    assert isinstance(again.train.samples, np.memmap)
    np.testing.assert_array_equal(first.train.samples, again.train.samples)
    np.testing.assert_array_equal(first.train.labels, again.train.labels)


@pytest.mark.parametrize("options", [{"image_size": (2, 2)}, {"channels": 3}])
def test_other_options_are_another_entry(config, classes, options):
    before = load_source(config(classes)).train.sample_shape
    assert load_source(config(classes, **options)).train.sample_shape != before


def test_a_changed_file_is_noticed(config, classes):
    load_source(config(classes))
    save(classes / "cats" / "00.png", 250)
    source = load_source(config(classes))
    assert 250 in np.concatenate([values(source.train), values(source.val)])


def test_images_in_the_root_are_unlabelled(config, tmp_path):
    for i in range(5):
        save(tmp_path / "flat" / f"{i}.png", i)
    source = load_source(config(tmp_path / "flat"))
    assert source.class_names == ()
    assert source.train.labels is None
    assert (len(source.train), len(source.val)) == (4, 1)


def test_loose_images_beside_classes_are_refused(config, classes):
    save(classes / "loose.png")
    with pytest.raises(ConfigError, match=r"1 images, such as .*loose\.png.*--noconditional"):
        load_source(config(classes))
    source = load_source(config(classes, conditional=False))
    assert len(source.train) + len(source.val) == 41
    assert source.train.labels is None


def test_train_and_val_folders_are_the_splits(config, tmp_path):
    for split, count in (("train", 6), ("val", 3)):
        for i in range(count):
            save(tmp_path / "s" / split / "cats" / f"{i}.png", i)
            save(tmp_path / "s" / split / "dogs" / "deep" / f"{i}.png", i)
    source = load_source(config(tmp_path / "s"))
    assert source.class_names == ("cats", "dogs")
    assert (len(source.train), len(source.val)) == (12, 6)
    save(tmp_path / "s" / "val" / "frogs" / "0.png")
    with pytest.raises(ConfigError, match="no training image has the class 'frogs'"):
        load_source(config(tmp_path / "s"))


def test_hidden_and_other_files_are_passed_over(config, classes):
    (classes / "cats" / "notes.txt").write_text("no image")
    (classes / "cats" / ".hidden.png").write_text("no image")
    save(classes / ".thumbnails" / "0.png")
    source = load_source(config(classes))
    assert source.class_names == ("cats", "dogs")
    assert source.skipped == ()


def test_unreadable_files_are_named_and_counted(config, classes):
    whole = (classes / "cats" / "05.png").read_bytes()
    (classes / "cats" / "05.png").write_bytes(b"no image at all")
    (classes / "cats" / "06.png").write_bytes(whole[:45])
    (classes / "dogs" / "07.png").write_bytes(b"")
    (classes / "dogs" / "08.png").unlink()
    (classes / "dogs" / "08.png").symlink_to("nowhere")
    source = load_source(config(classes))
    assert len(source.train) + len(source.val) == 36
    assert [
        name in text
        for name, text in zip(("05", "06", "07", "08"), sorted(source.skipped), strict=True)
    ] == [True] * 4
    assert load_source(config(classes)).skipped == source.skipped


@pytest.mark.parametrize("image_size", [(0, 0), (4, 4)])
def test_nothing_readable_is_fatal(config, tmp_path, image_size):
    (tmp_path / "bad").mkdir()
    for i in range(3):
        (tmp_path / "bad" / f"{i}.png").write_bytes(b"no image")
    with pytest.raises(ConfigError, match="none of the 3 images"):
        load_source(config(tmp_path / "bad", image_size=image_size, channels=3))
    assert list((tmp_path / "cache").iterdir()) == []


def test_colour_of_one_image_makes_all_colour(config, classes):
    assert load_source(config(classes)).channels == 1
    save(classes / "cats" / "red.png", (255, 0, 0), "RGB")
    source = load_source(config(classes))
    assert source.channels == 3
    assert load_source(config(classes, channels=1)).channels == 1


def test_several_sizes_need_image_size(config, classes):
    save(classes / "cats" / "wide.png", size=(40, 10))
    with pytest.raises(ConfigError, match=r"--image_size: .*2 sizes \(40 are 4x6.*wide.*10x40"):
        load_source(config(classes))
    assert load_source(config(classes, image_size=(8, 12))).image_size == (8, 12)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_fit(config, tmp_path, fit):
    left_black = np.full((8, 16), 255, np.uint8)
    left_black[:, :4] = 0
    (tmp_path / "f").mkdir()
    for i in range(2):
        Image.fromarray(left_black).save(tmp_path / "f" / f"{i}.png")
    source = load_source(config(tmp_path / "f", image_size=(8, 8), fit=fit))
    image = source.train.samples[0, :, :, 0]
    dark_columns_in_the_middle = int((image[4] < 128).sum())
    assert dark_columns_in_the_middle == {"crop": 0, "pad": 2, "stretch": 2}[fit]
    assert (image[0] == 255).all() == (fit != "stretch")


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "bmp", "webp", "tiff", "ppm", "JPEG"])
def test_formats(config, tmp_path, ending):
    for i in range(2):
        save(tmp_path / "f" / f"{i}.{ending}", (200, 100, 50), "RGB", (16, 16))
    source = load_source(config(tmp_path / "f"))
    assert source.skipped == ()
    assert source.channels == 3
    np.testing.assert_allclose(source.train.samples[0, 8, 8].astype(int), [200, 100, 50], atol=4)


def test_links_in_a_circle_end(config, classes):
    (classes / "cats" / "again").symlink_to(classes)
    assert len(load_source(config(classes)).train) == 36


def test_progress_reaches_the_end(config, classes):
    calls = []
    load_source(config(classes), progress=lambda *args: calls.append(args))
    assert calls[-1] == (40, 40)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "there is no such directory"),
        (lambda root: root.mkdir(), "no file below"),
        (lambda root: root.write_text(""), "there is no such directory"),
    ],
)
def test_nothing_there(config, tmp_path, make, message):
    make(tmp_path / "x")
    with pytest.raises(ConfigError, match=message):
        load_source(config(tmp_path / "x"))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_attributes(config, classes, kind):
    """Sub-folders are no classes then; rows of images that are not there do no harm."""
    has = {f"{n}/{i:02d}.png": (n == "cats", i % 2) for n in ("cats", "dogs") for i in range(20)}
    has["gone.png"] = (1, 1)
    if kind == "csv":
        words = {0: "-1", 1: " 1"}
        lines = ["file,cat,odd"] + [f"{f},{c},{words[o]}" for f, (c, o) in has.items()]
    else:
        rows = ({"file": f, "cat": c, "odd": bool(o)} for f, (c, o) in has.items())
        lines = [json.dumps(row) for row in rows]
    table = classes / f"attributes.{kind}"
    table.write_text("\n".join(lines))
    source = load_source(config(classes))
    assert (source.class_names, source.attribute_names) == ((), ("cat", "odd"))
    for part in (source.train, source.val):
        of_value = values(part).astype(int)
        np.testing.assert_array_equal(part.labels[:, 0], of_value < 100)
        np.testing.assert_array_equal(part.labels[:, 1], of_value % 2)
    assert load_source(config(classes, conditional=False)).attribute_names == ()
    # Another table is another data set; one that lacks an image is none.
    table.write_text("\n".join(line for line in lines if "07.png" not in line))
    with pytest.raises(ConfigError, match=r"attributes.\w+: has no row for (cats|dogs)/07.png"):
        load_source(config(classes))
    table.write_text(lines[0].replace("odd", "even") if kind == "csv" else '{"file": "a", "b": 3}')
    message = "has no row for" if kind == "csv" else "row 1: 3 is neither 0 nor 1"
    with pytest.raises(ConfigError, match=message):
        load_source(config(classes))
