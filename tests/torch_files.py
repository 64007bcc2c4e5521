"""Checkpoints made by hand, byte by byte as PyTorch writes them."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

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


def pretend_torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
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
