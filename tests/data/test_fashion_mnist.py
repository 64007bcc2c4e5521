import gzip
import struct

import numpy as np
import pytest

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import fashion_mnist, tfds
from tgan_tf.data.sources import load_source


def idx(values):
    header = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write_set(directory, *, zipped=True):
    rng = np.random.default_rng(0)
    contents = {}
    for stem, count in (("train", 30), ("t10k", 20)):
        contents[f"{stem}-images-idx3-ubyte"] = rng.integers(0, 256, (count, 28, 28))
        contents[f"{stem}-labels-idx1-ubyte"] = np.arange(count) % 10
    directory.mkdir(exist_ok=True)
    for name, values in contents.items():
        if zipped:
            (directory / f"{name}.gz").write_bytes(gzip.compress(idx(values)))
        else:
            (directory / name).write_bytes(idx(values))
    return contents


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_DIR", tmp_path / "debian")
    monkeypatch.setattr(tfds, "_online", lambda: False)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_in_data_dir(tmp_path, zipped):
    contents = write_set(tmp_path / "here", zipped=zipped)
    source = load_source(DataConfig(dataset="fashion_mnist", data_dir=str(tmp_path / "here")))
    np.testing.assert_array_equal(source.train.samples[..., 0], contents["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(source.val.samples[..., 0], contents["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(source.val.labels, np.arange(20) % 10)
    assert source.class_names[0] == "T-shirt/top"
    assert source.class_names[9] == "Ankle boot"
    assert (source.mirror_safe, source.licence) == (False, "MIT")


def test_debian_files_are_found(tmp_path):
    write_set(tmp_path / "debian")
    assert len(load_source(DataConfig(dataset="fashion_mnist")).train) == 30


def test_resized_to_32(tmp_path):
    write_set(tmp_path / "debian")
    source = load_source(DataConfig(dataset="fashion_mnist", image_size=(32, 32), channels=3))
    assert source.val.sample_shape == (32, 32, 3)


def test_no_files_and_no_network_is_one_error_with_both_ways_out(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ConfigError) as error:
        load_source(DataConfig(dataset="fashion_mnist", data_dir=str(tmp_path / "tfds")))
    for word in ("fashion_mnist", "dataset-fashion-mnist", "--data_dir", "network"):
        assert word in str(error.value)


def test_without_tfds_the_ways_out_are_the_same(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_datasets", None)
    with pytest.raises(ConfigError, match=r"cannot be imported.*dataset-fashion-mnist.*--data_dir"):
        load_source(DataConfig(dataset="fashion_mnist"))


def test_a_missing_file_is_named(tmp_path):
    write_set(tmp_path / "debian")
    (tmp_path / "debian" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ConfigError, match=r"debian lacks t10k-labels-idx1-ubyte \(plain or \.gz\)"):
        load_source(DataConfig(dataset="fashion_mnist"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        gzip.compress(idx(np.zeros((30, 28, 28))), mtime=0)[:40],
        idx(np.zeros((30, 28, 28)))[:-1],
        b"\x00\x00\x0d" + idx(np.zeros((30, 28, 28)))[3:],
        idx(np.zeros((30, 28))),
        idx(np.zeros((29, 28, 28))),
    ],
    # The contents as names would hold the time of compression: other names in each process.
    ids=["empty", "short", "cut", "one_less", "floats", "flat", "one_image_less"],
)
def test_a_damaged_file_is_named(tmp_path, content):
    write_set(tmp_path / "debian")
    (tmp_path / "debian" / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"train-images-idx3-ubyte\.gz.*fetch"):
        load_source(DataConfig(dataset="fashion_mnist"))
