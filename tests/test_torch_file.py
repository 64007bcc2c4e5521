"""Checkpoints made by hand, byte by byte as PyTorch writes them, and hostile ones."""

import argparse
import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from tgan_tf.torch_file import TorchFileError, read_torch_file

_STORAGES = {"f4": "FloatStorage", "f2": "HalfStorage", "i8": "LongStorage", "?": "BoolStorage"}


class Stored:
    """A tensor to be written: a view into a flat storage."""

    def __init__(self, flat, shape, strides, offset=0, storage=None):
        self.flat, self.shape, self.strides, self.offset = flat, shape, strides, offset
        self.storage = storage or _STORAGES[flat.dtype.str[1:].replace("b1", "?")]

    @classmethod
    def of(cls, array):
        strides = tuple(s // array.itemsize for s in array.strides)
        return cls(array.ravel(), array.shape, strides)


@pytest.fixture
def torch(monkeypatch):
    """Names as `import torch` would make them, so that pickles can refer to them."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "HalfStorage", "LongStorage", "BoolStorage", "BFloat16Storage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        raise AssertionError("only its name is used")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def to_pickle(torch, value, legacy=False):
    """-> (pickle, storages by key)"""
    storages = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, np.ndarray):
                return None
            key = str(id(item))
            storages[key] = item
            kind = getattr(torch, names[key])
            return ("storage", kind, key, "cuda:0", item.size, *([None] if legacy else []))

        def reducer_override(self, item):
            if not isinstance(item, Stored):
                return NotImplemented
            names[str(id(item.flat))] = item.storage
            record = (item.flat, item.offset, item.shape, item.strides, False, OrderedDict())
            return sys.modules["torch._utils"]._rebuild_tensor_v2, record

    names = {}
    stream = io.BytesIO()
    Pickler(stream, 2).dump(value)
    return stream.getvalue(), storages


def write_zip(path, torch, value, compression=zipfile.ZIP_STORED, big=False):
    data, storages = to_pickle(torch, value)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", b"big" if big else b"little")
        for key, flat in storages.items():
            ordered = flat.astype(flat.dtype.newbyteorder(">" if big else "<"))
            archive.writestr(f"archive/data/{key}", ordered.tobytes())
        archive.writestr("archive/version", b"3\n")
    return path


def write_legacy(path, torch, value):
    data, storages = to_pickle(torch, value, legacy=True)
    with open(path, "wb") as file:
        pickle.dump(0x1950A86A20F9469CFC6C, file, 2)
        pickle.dump(1001, file, 2)
        pickle.dump({"protocol_version": 1001, "little_endian": True}, file, 2)
        file.write(data)
        pickle.dump(sorted(storages), file, 2)
        for key in sorted(storages):
            file.write(struct.pack("<q", storages[key].size) + storages[key].tobytes())
    return path


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
