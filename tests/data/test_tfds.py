"""A tiny data set written to disk in TFDS's own format, and read from there."""

import sys

import numpy as np
import pytest

from tests.language import bert
from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import tfds as module
from tgan_tf.data.sources import load_source

tfds = pytest.importorskip("tensorflow_datasets")


def image(value, size=(6, 8)):
    return np.full((*size, 3), value, np.uint8)


def build(data_dir, name, features, splits):
    """Writes {split: [example, ...]}."""
    tfds.disable_progress_bar()

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=(
                    tfds.features.FeaturesDict(features) if isinstance(features, dict) else features
                ),
                supervised_keys=("picture", "kind") if "kind" in features else None,
                license="CC0",
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(examples) for split, examples in splits.items()}

        def _generate_examples(self, examples):
            yield from enumerate(examples)

    Builder.name = name
    Builder(data_dir=data_dir).download_and_prepare()


def labelled(values, hide=False):
    return [{"picture": image(v), "kind": -1 if hide else v % 2, "extra": "x"} for v in values]


FEATURES = {
    "extra": tfds.features.Text(),
    "picture": tfds.features.Image(shape=(6, 8, 3)),
    "kind": tfds.features.ClassLabel(names=["even", "odd"]),
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_online", lambda: False)

    def make(name="tiny", **options):
        return load_source(
            DataConfig(
                dataset=f"tfds:{name}",
                data_dir=str(tmp_path / "tfds"),
                cache_dir=str(tmp_path / "cache"),
                **options,
            )
        )

    return make


def values(images):
    return sorted(int(v) for v in np.asarray(images.samples)[:, 0, 0, 0])


def test_labels_and_test_split(load, tmp_path):
    build(
        tmp_path / "tfds",
        "tiny",
        FEATURES,
        {"train": labelled(range(10)), "test": labelled([20, 21]), "validation": labelled([30])},
    )
    source = load()
    assert source.name == "tiny"
    assert source.class_names == ("even", "odd")
    assert source.licence == "CC0"
    assert source.train.sample_shape == (6, 8, 3)
    assert values(source.train) == list(range(10))
    assert values(source.val) == [20, 21]
    np.testing.assert_array_equal(source.train.samples[:, 0, 0, 0] % 2, source.train.labels)
    assert load(image_size=(4, 4), channels=1).train.sample_shape == (4, 4, 1)


def test_hidden_test_labels_are_not_used(load, tmp_path):
    build(
        tmp_path / "tfds",
        "tiny",
        FEATURES,
        {
            "train": labelled(range(4)),
            "test": labelled([20, 21], hide=True),
            "validation": labelled([30, 31]),
        },
    )
    assert values(load().val) == [30, 31]


def test_truth_values_are_attributes(load, tmp_path):
    """As those of celeb_a."""
    features = {"image": tfds.features.Image(shape=(6, 8, 3)), "box": {"left": np.float32}}
    features["attributes"] = {"odd": np.bool_, "large": np.bool_}
    examples = [
        {
            "image": image(v),
            "box": {"left": 0.5},
            "attributes": {"odd": bool(v % 2), "large": v > 4},
        }
        for v in range(10)
    ]
    build(tmp_path / "tfds", "tiny", features, {"train": examples, "test": examples[:2]})
    source = load()
    assert (source.class_names, source.attribute_names) == ((), ("large", "odd"))
    pixels = source.train.samples[:, 0, 0, 0]
    np.testing.assert_array_equal(source.train.labels, np.stack([pixels > 4, pixels % 2], axis=1))
    assert len(source.val) == 2


CAPTIONED = {
    "text": tfds.features.Text(),
    "several": tfds.features.Sequence(tfds.features.Text()),
    "as coco_captions": tfds.features.Sequence({"id": np.int64, "text": tfds.features.Text()}),
}


@pytest.mark.parametrize("kind", CAPTIONED)
def test_captions(load, tmp_path, kind):
    def caption(v):
        texts = [] if v < 0 else [f"a {['cat', 'sat'][v % 2]}", "un"]
        return {
            "text": texts[0] if texts else "",
            "several": texts,
            "as coco_captions": [{"id": i, "text": text} for i, text in enumerate(texts)],
        }[kind]

    examples = [
        {"picture": image(v), "kind": v % 2, "extra": "x", "captions": caption(v)} for v in range(6)
    ]
    hidden = [{**example, "captions": caption(-1)} for example in examples[:2]]
    features = {**FEATURES, "captions": CAPTIONED[kind]}
    splits = {"train": examples[:4], "validation": examples[4:], "test": hidden}
    build(tmp_path / "tfds", "tiny", features, splits)
    bert.write(tmp_path / "bert")
    source = load(captions=True, text_encoder=str(tmp_path / "bert"), caption_length=8)
    for split in (source.train, source.val):
        odd = split.samples[:, 0, 0, 0] % 2
        assert split.captions == tuple(f"a {['cat', 'sat'][v]}" for v in odd)
    assert values(source.val) == [4, 5]
    assert source.train.labels.shape == (4, bert.WIDTH)


def test_no_text_for_captions(load, tmp_path):
    build(
        tmp_path / "tfds",
        "tiny",
        {"image": tfds.features.Image()},
        {"train": [{"image": image(1)}]},
    )
    with pytest.raises(ConfigError, match=r"--captions: .*tfds:tiny has no text .*\(image\)"):
        load(captions=True)


def test_held_out_share_without_labels_and_fixed_size(load, tmp_path):
    examples = [{"image": image(v, (4 + v, 5))} for v in range(20)]
    build(tmp_path / "tfds", "tiny", {"image": tfds.features.Image()}, {"train": examples})
    with pytest.raises(ConfigError, match="--image_size"):
        load()
    source = load(image_size=(4, 4))
    assert source.train.labels is None
    assert (len(source.train), len(source.val)) == (18, 2)
    assert values(source.train) + values(source.val) != list(range(20))
    assert sorted(values(source.train) + values(source.val)) == list(range(20))


def test_read_once(load, tmp_path, monkeypatch):
    build(tmp_path / "tfds", "tiny", FEATURES, {"train": labelled(range(10))})
    first = load()
    monkeypatch.setattr(module.TfdsReader, "items", None)
    np.testing.assert_array_equal(first.train.samples, load().train.samples)


def test_no_images(load, tmp_path):
    build(tmp_path / "tfds", "tiny", {"text": tfds.features.Text()}, {"train": [{"text": "a"}] * 3})
    with pytest.raises(ConfigError, match=r"tfds:tiny: has no image among its features \(text\)"):
        load()


def test_damaged_files(load, tmp_path):
    build(tmp_path / "tfds", "tiny", FEATURES, {"train": labelled(range(10))})
    (record,) = (tmp_path / "tfds").rglob("*tfrecord*")
    record.write_bytes(record.read_bytes()[:-30])
    with pytest.raises(ConfigError, match=r"tfds:tiny: the files in .* are damaged"):
        load()
    assert list((tmp_path / "cache").iterdir()) == []


def test_unknown_name(load):
    with pytest.raises(
        ConfigError, match=r"tfds:fashion_mnis: .*Did you mean tfds:fashion_mnist\?"
    ):
        load("fashion_mnis")


def test_offline(load):
    with pytest.raises(ConfigError, match=r"tfds:cifar10: not found in .*no network.*--data_dir"):
        load("cifar10")


def test_a_failed_download_is_one_error(load, monkeypatch):
    def fails(self):
        raise ConnectionError("the host is down\nand more")

    monkeypatch.setattr(module, "_online", lambda: True)
    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", fails)
    with pytest.raises(ConfigError, match=r"cannot be downloaded \(the host is down\); connect"):
        load("cifar10")


def test_without_the_package(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ConfigError, match=r"pip install tensorflow-datasets"):
        load()
