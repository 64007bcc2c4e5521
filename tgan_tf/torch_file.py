"""Reads PyTorch checkpoint files without PyTorch and without running anything that they contain.

A checkpoint is a pickle whose tensors are records that point into raw storages. An ordinary
unpickler would call whatever the pickle names; this one knows the handful of names that a
checkpoint of plain data needs and refuses the rest.

Two layouts exist, both documented by ``torch/serialization.py``:

* zip (PyTorch >= 1.6): ``NAME/data.pkl``, ``NAME/byteorder``, one ``NAME/data/KEY`` for each
  storage;
* legacy: five pickles in a row (magic number, protocol, system, object, storage keys), then for
  each key an int64 count of elements and the elements.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

# bfloat16 has no NumPy type: its storage is read as the upper halves of float32 numbers.
_BFLOAT16 = "bfloat16"
_STORAGE_DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}


class TorchFileError(ValueError):
    """The file is damaged, or holds something other than tensors and plain data."""


class _Record:
    """Something met in the pickle that becomes a value once all of the file is read."""

    __slots__ = ("fields",)

    def __init__(self, *fields: Any) -> None:
        self.fields = fields


class _StorageType(_Record):
    """fields: dtype."""


class _Storage(_Record):
    """fields: key, dtype, number of elements."""


class _Tensor(_Record):
    """fields: storage, offset, shape, strides; the last three in elements."""


class _NumpyDtype(_Record):
    """fields: type string; the byte order arrives by __setstate__."""

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "="):
            raise TorchFileError("a NumPy scalar has an unreadable type")
        self.fields = (order + str(self.fields[0]),)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _size(shape: Any = ()) -> tuple[Any, ...]:
    return tuple(shape)


def _device(kind: Any, index: Any = None) -> str:
    if not isinstance(kind, str) or not (index is None or isinstance(index, int)):
        raise TorchFileError("a device name is malformed")
    return kind if index is None else f"{kind}:{index}"


def _latin1(text: str, encoding: str) -> bytes:
    """`_codecs.encode`: how pickles of protocol 2 write bytes."""
    if encoding != "latin1":
        raise TorchFileError(f"unexpected text encoding {encoding!r}")
    return text.encode("latin1")


def _numpy_dtype(name: Any, *_: Any) -> _NumpyDtype:
    return _NumpyDtype(name)


def _numpy_scalar(dtype: Any, data: Any) -> Any:
    kind = dtype.fields[0] if isinstance(dtype, _NumpyDtype) else None
    if kind is None or kind.lstrip("<>|=")[:1] not in "fiubc" or not isinstance(data, bytes):
        raise TorchFileError("a NumPy scalar is not a plain number")
    return np.frombuffer(data, dtype=kind, count=1)[0]


# Functions and immutable types only: nothing a pickle does to them outlives the call.
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("argparse", "Namespace"): types.SimpleNamespace,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
    ("_codecs", "encode"): _latin1,
    ("numpy", "dtype"): _numpy_dtype,
    ("numpy.core.multiarray", "scalar"): _numpy_scalar,
    ("numpy._core.multiarray", "scalar"): _numpy_scalar,
}


class _Unpickler(pickle.Unpickler):
    """Builds records instead of calling what the pickle names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module in ("torch", "torch.cuda") and name in _STORAGE_DTYPES:
            return _StorageType(_STORAGE_DTYPES[name])
        raise TorchFileError(
            f"it refers to {module}.{name}, which is not plain data; save a state_dict "
            "(torch.save(model.state_dict(), path)) and pass that file"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        # ('storage', type, key, device, number of elements[, view]); the device is of no interest.
        match pid:
            case ("storage", _StorageType(fields=(dtype,)), str(key), _, int(count)):
                return _Storage(key, dtype, count)
            case ("storage", _StorageType(fields=(dtype,)), str(key), _, int(count), None):
                return _Storage(key, dtype, count)
        raise TorchFileError("a tensor points to an unknown kind of storage")


def read_torch_file(path: str | os.PathLike[str]) -> dict[Any, Any]:
    """Reads a ``.pt`` / ``.pth`` file into nested dictionaries of NumPy arrays.

    Tensors keep their shape and dtype; bfloat16 becomes float32 (exact), since NumPy has no such
    type. Numbers, strings, lists and tuples stay what they are; an ``argparse.Namespace`` becomes a
    dict.

    Args:
        path: a file written by ``torch.save`` of a ``state_dict``, or of a dictionary that holds
            some.

    Returns:
        The dictionary that was saved. Arrays that shared memory in PyTorch may share it here.

    Raises:
        FileNotFoundError: there is no such file.
        TorchFileError: the file is damaged, or refers to anything but tensors and plain data.
    """
    with open(path, "rb") as file:
        try:
            start = file.read(4)
            file.seek(0)
            if start == b"PK\x03\x04":
                value = _read_zip(file)
            elif start.startswith(b"\x80\x02"):  # a pickle of protocol 2
                value = _read_legacy(file)
            else:
                raise TorchFileError("not a PyTorch checkpoint")
        except TorchFileError as error:
            raise TorchFileError(f"cannot read {os.fspath(path)}: {error}") from None
        except Exception as error:  # whatever a damaged pickle or zip makes the parsers raise
            raise TorchFileError(
                f"cannot read {os.fspath(path)}: not a PyTorch checkpoint, or damaged ({error!r})"
            ) from error
    if not isinstance(value, dict):
        raise TorchFileError(
            f"cannot read {os.fspath(path)}: it holds a {type(value).__name__}, "
            "not a dictionary of tensors"
        )
    return value


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise TorchFileError("the archive has no data.pkl")
        prefix = pickles[0].removesuffix("data.pkl")

        def member(name: str) -> bytes:
            # torch.save never compresses; refusing it bounds the memory by the size of the file.
            if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
                raise TorchFileError(f"{name} is compressed, which PyTorch never does")
            return archive.read(name)

        order = "<"
        if prefix + "byteorder" in archive.namelist():
            order = {b"little": "<", b"big": ">"}[member(prefix + "byteorder").strip()]
        value = _Unpickler(io.BytesIO(member(pickles[0]))).load()
        return _Resolver(lambda storage: member(f"{prefix}data/{storage.fields[0]}"), order)(value)


def _read_legacy(file: BinaryIO) -> Any:
    if _Unpickler(file).load() != _LEGACY_MAGIC or _Unpickler(file).load() != _LEGACY_PROTOCOL:
        raise TorchFileError("not a PyTorch checkpoint of a known version")
    order = "<" if _Unpickler(file).load()["little_endian"] else ">"

    storages: dict[str, _Storage] = {}

    class Collector(_Unpickler):
        def persistent_load(self, pid: Any) -> _Storage:
            storage = super().persistent_load(pid)
            return storages.setdefault(storage.fields[0], storage)

    value = Collector(file).load()
    data: dict[str, bytes] = {}
    for key in _Unpickler(file).load():
        if key not in storages:
            raise TorchFileError(f"storage {key!r} belongs to no tensor")
        _, dtype, declared = storages[key].fields
        count = int.from_bytes(file.read(8), "little" if order == "<" else "big")
        if count != declared:
            raise TorchFileError(f"storage {key!r} has {count} elements instead of {declared}")
        data[key] = file.read(count * _element_size(dtype))
    return _Resolver(lambda storage: data[storage.fields[0]], order)(value)


def _element_size(dtype: str) -> int:
    return 2 if dtype == _BFLOAT16 else np.dtype(dtype).itemsize


class _Resolver:
    """Turns the records of a pickle into arrays; shared parts stay shared: that bounds the work."""

    def __init__(self, read: Callable[[_Storage], bytes], order: str) -> None:
        self._read = read
        self._order = order
        self._storages: dict[str, np.ndarray] = {}
        # id -> (the object itself, kept alive so that its id stays its own; its value)
        self._done: dict[int, tuple[Any, Any]] = {}
        self._open: set[int] = set()

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
            return value
        if id(value) in self._done:
            return self._done[id(value)][1]
        if id(value) in self._open:
            raise TorchFileError("an object contains itself")
        self._open.add(id(value))
        result = self._convert(value)
        self._open.remove(id(value))
        self._done[id(value)] = (value, result)
        return result

    def _convert(self, value: Any) -> Any:
        if isinstance(value, _Tensor):
            return self._tensor(value)
        if isinstance(value, types.SimpleNamespace):
            value = vars(value)
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self(item) for item in value)
        raise TorchFileError(f"it holds a {type(value).__name__}, which is not plain data")

    def _storage(self, storage: _Storage) -> np.ndarray:
        key, dtype, count = storage.fields
        if key not in self._storages:
            data = self._read(storage)
            if len(data) != count * _element_size(dtype):
                raise TorchFileError(f"storage {key!r} is cut short or has the wrong size")
            if dtype == _BFLOAT16:
                halves = np.frombuffer(data, self._order + "u2").astype(np.uint32)
                self._storages[key] = (halves << 16).view(np.float32)
            else:
                array = np.frombuffer(data, np.dtype(dtype).newbyteorder(self._order))
                self._storages[key] = array.astype(array.dtype.newbyteorder("="), copy=False)
        return self._storages[key]

    def _tensor(self, tensor: _Tensor) -> np.ndarray:
        storage, offset, shape, strides = tensor.fields
        if not (
            isinstance(storage, _Storage)
            and isinstance(shape, tuple)
            and isinstance(strides, tuple)
            and len(shape) == len(strides)
            and all(isinstance(n, int) and n >= 0 for n in (offset, *shape, *strides))
        ):
            raise TorchFileError("a tensor record is malformed")
        flat = self._storage(storage)
        if 0 in shape:
            return np.zeros(shape, flat.dtype)
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if last >= flat.size:
            raise TorchFileError(f"a tensor of shape {shape} reaches beyond its storage")
        view = np.lib.stride_tricks.as_strided(
            flat[offset:], shape, [s * flat.itemsize for s in strides], writeable=False
        )
        # An expanded tensor (stride 0) can be larger than the file: it stays a view.
        return view if math.prod(shape) > flat.size else np.array(view, order="C")
