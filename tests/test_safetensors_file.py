"""Files in the format's own layout, and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.safetensors_files import write_safetensors
from tgan_tf.safetensors_file import SafetensorsError, read_safetensors

ORACLE = Path(__file__).parent / "oracles/vision/vit/model.safetensors"


def test_types(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    upper = (x.view(np.uint32) >> 16).astype(np.uint16)
    tensors = {"a.b": ("F32", x), "half": ("F16", x.astype(np.float16)), "brain": ("BF16", upper)}
    tensors["one"] = ("I64", np.array(7))
    write_safetensors(tmp_path / "file", tensors)
    read = read_safetensors(tmp_path / "file")
    assert read["one"] == 7
    np.testing.assert_array_equal(read["a.b"], x)
    np.testing.assert_array_equal(read["half"], x.astype(np.float16).astype(np.float32))
    assert read["brain"].dtype == np.float32
    np.testing.assert_allclose(read["brain"], x, rtol=2**-7)


def test_file_of_the_real_library():
    weights = read_safetensors(ORACLE)
    assert weights["embeddings.patch_embeddings.projection.weight"].shape == (8, 3, 4, 4)
    assert all(np.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"no json", "damaged"),
        (json.dumps({"a": {"dtype": "F8", "shape": [1], "data_offsets": [0, 1]}}).encode(), "F8"),
        (json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}).encode(), "4 b"),
        (json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}}).encode(), "9 b"),
        (json.dumps(["a"]).encode(), "damaged"),
    ],
)
def test_damaged(tmp_path, header, message):
    (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(SafetensorsError, match=message):
        read_safetensors(tmp_path / "file")


@pytest.mark.parametrize("data", [b"", b"12", (1 << 60).to_bytes(8, "little")])
def test_no_such_file(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(SafetensorsError, match="no safetensors file"):
        read_safetensors(tmp_path / "file")
