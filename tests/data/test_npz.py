import numpy as np
import pytest

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.sources import load_source


@pytest.fixture
def load(tmp_path):
    def make(options=None, **arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return load_source(
            DataConfig(
                dataset=f"npz:{tmp_path}/data.npz",
                cache_dir=str(tmp_path / "cache"),
                **(options or {}),
            )
        )

    return make


IMAGES = np.arange(10 * 4 * 6 * 3).reshape(10, 4, 6, 3).astype(np.uint8)
LABELS = np.arange(10) % 2


def whole(source):
    """All images of both splits, as a set of bytes."""
    return {image.tobytes() for part in (source.train, source.val) for image in part.samples}


def test_images_and_labels(load):
    source = load(images=IMAGES, labels=LABELS)
    assert source.name == "data"
    assert source.class_names == ("0", "1")
    assert (len(source.train), len(source.val)) == (9, 1)
    assert whole(source) == {image.tobytes() for image in IMAGES}
    for image, label in zip(source.train.samples, source.train.labels, strict=True):
        (index,) = (i for i in range(10) if (IMAGES[i] == image).all())
        assert label == LABELS[index]


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_own_splits_are_kept(load, names):
    parts = (IMAGES[:7], LABELS[:7, None], IMAGES[7:], LABELS[7:, None])
    source = load(**dict(zip(names, parts, strict=True)))
    np.testing.assert_array_equal(source.train.samples, IMAGES[:7])
    np.testing.assert_array_equal(source.val.labels, LABELS[7:])


def test_first_suitable_array_without_labels(load):
    source = load(about=np.zeros(3), pictures=IMAGES[..., 0], more=IMAGES)
    assert source.train.sample_shape == (4, 6, 1)
    assert source.train.labels is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.0, 0.2, 1.0], np.float32), [0, 51, 255]),
        (np.array([-1.0, 0.0, 1.0], np.float64), [0, 128, 255]),  # 127.5 to even
        (np.array([0.0, 0.5, 1.0], np.float16), [0, 128, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
        (np.array([0, 7, 255], np.int64), [0, 7, 255]),
    ],
)
def test_values(load, values, expected):
    images = np.broadcast_to(values[:, None, None, None], (3, 2, 2, 1))
    source = load(x_train=images, x_test=images)
    np.testing.assert_array_equal(source.train.samples[:, 0, 0, 0], expected)


def test_one_rule_of_values_for_both_splits(load):
    images = np.zeros((2, 2, 2, 1), np.float32)
    source = load(x_train=images, x_test=images - 1)  # so 0 is grey, not black
    assert source.train.samples[0, 0, 0, 0] == 128
    assert source.val.samples[0, 0, 0, 0] == 0


def test_labels_of_any_values(load):
    source = load(images=IMAGES, labels=np.where(LABELS, 9, 4))
    assert source.class_names == ("4", "9")
    assert source.train.labels.max() == 1
    source = load(images=IMAGES, labels=np.where(LABELS, "dog", "cat"))
    assert source.class_names == ("cat", "dog")
    source = load(images=IMAGES, labels=LABELS, class_names=np.array(["no", "yes"]))
    assert source.class_names == ("no", "yes")


def test_converted_in_memory(load, tmp_path):
    source = load({"image_size": (8, 8), "channels": 1, "fit": "stretch"}, images=IMAGES)
    assert source.train.sample_shape == (8, 8, 1)
    assert not isinstance(source.train.samples, np.memmap)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((5, 3, 8, 8), np.uint8)}, r"transpose\(0, 2, 3, 1\)"),
        ({"images": np.zeros((5, 8, 8, 2), np.uint8)}, "C of 1, 3 or 4"),
        ({"images": np.zeros((0, 8, 8, 1), np.uint8)}, "has the shape"),
        ({"images": np.full((5, 8, 8), 256)}, "int64 from 256 to 256"),
        ({"images": np.full((5, 8, 8), 3.0)}, r"floating point in \[0, 1\] or \[-1, 1\]"),
        ({"images": np.full((5, 8, 8), np.nan)}, "from nan to nan"),
        ({"a": np.zeros(3)}, "no array has the shape"),
        ({"images": IMAGES, "labels": LABELS[:5]}, r"labels\] is int64 \(5,\)"),
        ({"images": IMAGES, "labels": np.eye(10)}, "argmax"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, "no labels for x_test"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS + 1},
            "no training image has the label",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(load, arrays, message):
    with pytest.raises(ConfigError, match=message) as error:
        load(**arrays)
    assert "data.npz" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.npz: not an archive of plain arrays"):
        load_source(DataConfig(dataset=f"npz:{tmp_path}/a.npz"))


def test_pickles_are_not_opened(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.array([{}, {}], object))
    with pytest.raises(ConfigError, match="not an archive of plain arrays"):
        load_source(DataConfig(dataset=f"npz:{tmp_path}/a.npz"))


def test_a_single_array_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(ConfigError, match="single array"):
        load_source(DataConfig(dataset=f"npz:{tmp_path}/a.npy"))


def test_a_missing_file_is_named():
    with pytest.raises(ConfigError, match="npz:/nowhere: there is no such file"):
        load_source(DataConfig(dataset="npz:/nowhere"))


@pytest.mark.parametrize("kind", ["attributes", "vectors"])
def test_numbers_instead_of_labels(load, kind):
    numbers = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    if kind == "attributes":
        numbers = (numbers > 0).astype(np.uint8)
    source = load(images=IMAGES, labels=LABELS, attribute_names=["a", "b", "c"], **{kind: numbers})
    assert source.class_names == ()
    names, width = (("a", "b", "c"), 0) if kind == "attributes" else ((), 3)
    assert (source.attribute_names, source.vector_width) == (names, width)
    for part in (source.train, source.val):
        assert part.labels.dtype == np.float32
        assert part.classes is None
        for image, row in zip(part.samples, part.labels, strict=True):
            (index,) = (i for i in range(10) if (IMAGES[i] == image).all())
            np.testing.assert_array_equal(row, numbers[index])
    # Through files, as larger sets go.
    larger = load({"image_size": (2, 3)}, images=IMAGES, **{kind: numbers})
    np.testing.assert_array_equal(larger.train.labels, source.train.labels)
    parts = {"x_train": IMAGES[:7], "x_test": IMAGES[7:], kind: numbers[:7]}
    split = load(**parts, **{f"{kind}_test": numbers[7:]})
    np.testing.assert_array_equal(split.val.labels, numbers[7:])
    with pytest.raises(ConfigError, match=f"has no {kind}_test for its validation images"):
        load(**parts)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"attributes": np.zeros((9, 2))}, r"shape \(9, 2\); attributes are \[10, K\]"),
        ({"attributes": np.full((10, 2), 0.5)}, "other values than 0 and 1"),
        ({"vectors": np.full((10, 2), np.nan)}, "vectors are finite numbers"),
        ({"vectors": np.full((10, 2), 1e3)}, r"length of the vectors is 1.41e\+03; divide them"),
        ({"vectors": np.zeros((10, 2)), "attributes": np.zeros((10, 2))}, "save one"),
    ],
)
def test_numbers_that_cannot_be_learned(load, arrays, message):
    with pytest.raises(ConfigError, match=message):
        load(images=IMAGES, **arrays)
