"""Checkpoints made by hand, byte by byte as PyTorch writes them, and hostile ones."""

import argparse
import pickle
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from tests.torch_files import Stored, write_legacy, write_zip
from tgan_tf.torch_file import TorchFileError, read_torch_file


@pytest.fixture(params=[write_zip, write_legacy])
def write(request):
    return request.param


def test_state_dict_comes_back(tmp_path, torch, write):
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.normal(size=(3, 4)).astype("f4"),
        "half": rng.normal(size=5).astype("f2"),
        "count": np.array(7, "i8"),
        "mask": np.array([True, False]),
    }
    value = {
        "epoch": 3,
        "net": OrderedDict((name, Stored.of(array)) for name, array in arrays.items()),
        "args": argparse.Namespace(lr=1e-4, betas=(0.0, 0.99), name="x"),
        "best": np.float64(12.5),
        "list": [None, "text", True, b"bytes"],
    }
    read = read_torch_file(write(tmp_path / "c.pth", torch, value))
    assert read["epoch"] == 3
    assert read["args"] == {"lr": 1e-4, "betas": (0.0, 0.99), "name": "x"}
    assert read["best"] == 12.5
    assert read["list"] == [None, "text", True, b"bytes"]
    assert read["net"].keys() == arrays.keys()
    for name, array in arrays.items():
        assert read["net"][name].dtype == array.dtype
        assert read["net"][name].shape == array.shape
        np.testing.assert_array_equal(read["net"][name], array)


def test_strides_and_offsets_are_honoured(tmp_path, torch, write):
    flat = np.arange(24, dtype="f4")
    value = {
        "transposed": Stored(flat, (4, 6), (1, 4)),
        "slice": Stored(flat, (2, 3), (6, 2), offset=7),
        "expanded": Stored(flat, (100, 2), (0, 1), offset=22),
        "empty": Stored(flat, (0, 3), (3, 1)),
        "scalar": Stored(flat, (), (), offset=23),
    }
    read = read_torch_file(write(tmp_path / "c.pth", torch, value))
    np.testing.assert_array_equal(read["transposed"], flat.reshape(6, 4).T)
    assert read["transposed"].flags.c_contiguous
    np.testing.assert_array_equal(read["slice"], flat[7:].take([[0, 2, 4], [6, 8, 10]]))
    np.testing.assert_array_equal(read["expanded"], np.tile([22.0, 23.0], (100, 1)))
    assert read["empty"].shape == (0, 3)
    assert read["scalar"] == 23


def test_bfloat16_is_widened_exactly(tmp_path, torch):
    bits = np.array([0x3F80, 0xC040, 0x0001], "u2")  # 1, -3, subnormal
    value = {"w": Stored(bits, (3,), (1,), storage="BFloat16Storage")}
    read = read_torch_file(write_zip(tmp_path / "c.pth", torch, value))["w"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.array([1, -3, 2.0**-133], np.float32))


def test_big_endian_storages(tmp_path, torch):
    array = np.arange(5, dtype="f4")
    path = write_zip(tmp_path / "c.pth", torch, {"w": Stored.of(array)}, big=True)
    read = read_torch_file(path)["w"]
    assert read.dtype == np.float32
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


class Attack:
    def __reduce__(self):
        return exec, ("import tgan_tf; tgan_tf.attacked = True",)


def test_code_is_refused_not_run(tmp_path, torch, write):
    path = write(tmp_path / "c.pth", torch, {"net": Attack()})
    with pytest.raises(TorchFileError, match=r"it refers to \w+\.exec.*state_dict"):
        read_torch_file(path)
    assert not hasattr(sys.modules["tgan_tf"], "attacked")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Stored(np.zeros(4, "f4"), (2, 3), (3, 1)), "beyond its storage"),
        (Stored(np.zeros(4, "f4"), (2,), (1,), offset=-1), "malformed"),
        (Stored(np.zeros(4, "f4"), (2,), (-1,), offset=3), "malformed"),
        (Stored(np.zeros(4, "f4"), (2, 2), (1,)), "malformed"),
        (Stored(np.zeros(4, "f4"), (1 << 40, 1 << 40), (1, 1)), "beyond its storage"),
        (Stored(np.zeros(4, "f2"), (4,), (1,), storage="FloatStorage"), "cut short"),
    ],
)
def test_tensor_records_are_checked(tmp_path, torch, tensor, message):
    path = write_zip(tmp_path / "c.pth", torch, {"w": tensor})
    with pytest.raises(TorchFileError, match=message):
        read_torch_file(path)


def test_damaged_and_foreign_files(tmp_path, torch):
    good = write_zip(tmp_path / "good.pth", torch, {"w": Stored.of(np.zeros(100, "f4"))})
    legacy = write_legacy(tmp_path / "old.pth", torch, {"w": Stored.of(np.zeros(100, "f4"))})
    bad = tmp_path / "bad.pth"
    for content in (
        good.read_bytes()[:-200],
        legacy.read_bytes()[:-200],
        b"",
        b"GIF89a",
        pickle.dumps({"w": 1}, 2),
        pickle.dumps({"w": 1}),
    ):
        bad.write_bytes(content)
        with pytest.raises(TorchFileError, match=r"bad\.pth"):
            read_torch_file(bad)
    with pytest.raises(FileNotFoundError):
        read_torch_file(tmp_path / "absent.pth")


def test_only_dictionaries_without_cycles(tmp_path, torch):
    with pytest.raises(TorchFileError, match="holds a list"):
        read_torch_file(write_zip(tmp_path / "list.pth", torch, [1]))
    cycle: dict = {}
    cycle["self"] = [cycle]
    with pytest.raises(TorchFileError, match="contains itself"):
        read_torch_file(write_zip(tmp_path / "cycle.pth", torch, cycle))


def test_compressed_archive_is_refused(tmp_path, torch):
    value = {"w": Stored.of(np.zeros(100_000, "f4"))}
    path = write_zip(tmp_path / "bomb.pth", torch, value, zipfile.ZIP_DEFLATED)
    with pytest.raises(TorchFileError, match="compressed"):
        read_torch_file(path)


def test_shared_parts_are_read_once(tmp_path, torch):
    layer: object = ["x"]
    for _ in range(60):  # 2 ** 60 leaves when walked as a tree
        layer = [layer, layer]
    read = read_torch_file(write_zip(tmp_path / "laughs.pth", torch, {"layer": layer}))
    assert read["layer"][0] is read["layer"][1]
