"""TFLite files in fewer bits: how much of the picture is left, and what the table says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tests.exporting.samplers import make_sampler
from tgan_tf.exporting import ExportError, flatbuffer, quantization, tflite, to_tflite_variants


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """All variants, which the tests read."""
    path = tmp_path_factory.mktemp("devices") / "pets.tflite"
    return path.parent, {row.variant: row for row in to_tflite_variants(make_sampler(), path)}


def sample(path, seed: int, label: int, truncation: float) -> np.ndarray:
    run = Interpreter(str(path)).get_signature_runner("sample")
    inputs = {"seed": np.int32([seed]), "label": np.int32([label])}
    return run(**inputs, truncation=np.float32([truncation]))["image"][0].astype(int)


def test_files(exported):
    folder, rows = exported
    assert {row.file for row in rows.values()} == {
        "pets.tflite", "pets.float16.tflite", "pets.dynamic_int8.tflite", "pets.int8.tflite",
    }  # fmt: skip
    for row in rows.values():
        assert (folder / row.file).stat().st_size == row.size_bytes
        assert row.ms > 0
    assert json.loads((folder / "pets.variants.json").read_text())[0]["variant"] == "float32"
    assert (folder / "pets.variants.md").read_text() == quantization.table(rows.values()) + "\n"
    assert len(list(folder.iterdir())) == 6


def test_float16_is_the_same_picture(exported):
    """At most one level off, with any seed and truncation, from half of the weights."""
    folder, rows = exported
    for seed, psi in ((0, 1.0), (2**31 - 1, 0.5), (-7, 0.0)):
        expected = make_sampler().sample([seed], 2, psi)[0].astype(int)
        assert np.abs(sample(folder / rows["float16"].file, seed, 2, psi) - expected).max() <= 1
    model = flatbuffer._unpack((folder / rows["float16"].file).read_bytes())
    # The metadata are a buffer too, but of no tensor.
    used = {tensor.buffer for subgraph in model.subgraphs for tensor in subgraph.tensors}
    sizes = [len(model.buffers[i].data) for i in used if model.buffers[i].data is not None]
    weights = sum(
        np.prod(w.shape) for w in make_sampler().generator.weights if np.prod(w.shape) >= 256
    )
    assert sum(size for size in sizes if size >= 512) < 2 * weights + 3100


@pytest.mark.parametrize("variant", ["dynamic_int8", "int8"])
def test_eight_bits(exported, variant):
    """As near as the row says, by a measurement of its own, and no random picture."""
    folder, rows = exported
    row = rows[variant]
    made = np.stack([sample(folder / row.file, seed, seed % 3, 1.0) for seed in range(50, 90)])
    labels = [seed % 3 for seed in range(50, 90)]
    expected = make_sampler().sample(range(50, 90), labels).astype(int)
    psnr = 10 * np.log10(255**2 / np.mean((made - expected) ** 2))
    assert psnr == pytest.approx(row.psnr_db, abs=4)
    assert row.is_good == (row.psnr_db >= row.needed_db)
    assert row.is_good
    assert not row.in_float


def test_parts_stay_in_float32_where_int8_is_too_coarse(exported, monkeypatch):
    before = exported[1]["int8"]
    monkeypatch.setitem(quantization.TFLITE_VARIANTS, "int8", before.psnr_db + 1)
    better = quantization.quantize(make_sampler(), "int8")
    assert better.psnr_db >= before.psnr_db + 1
    assert 0 < len(better.in_float) < 5  # of six parts
    assert flatbuffer.operators(better.content)["QUANTIZE"]


def test_int8_computes_in_integers(exported):
    folder, rows = exported
    content = (folder / rows["int8"].file).read_bytes()
    assert flatbuffer.operators(content)["QUANTIZE"]
    tflite.check_operators(content)


def test_metadata(exported):
    folder, rows = exported
    for row in rows.values():
        values = flatbuffer.read_metadata((folder / row.file).read_bytes())
        assert values["class_names"] == ["cat", "dog", "T-shirt/top"]
        assert values["value_range"] == [-1, 1]
        assert values["config"] == make_sampler().config.to_dict()


def test_metadata_of_other_files():
    empty = flatbuffer._pack(flatbuffer.schema.ModelT())
    with pytest.raises(ValueError, match="no metadata named tgan_tf"):
        flatbuffer.read_metadata(empty)


def test_the_table_says_what_misses():
    row = quantization.Variant("int8", "a.int8.tflite", 2**20, 31.25, 40, 35.0, 1.5, ("output",))
    assert not row.is_good
    line = quantization.table([row]).splitlines()[-1]
    assert line == (
        "| a.int8.tflite | 1.00 | 1.50 | 31.2 | 35 | 40 of 255 |"
        " **misses its quality** float32: output |"
    )


def test_bad_requests(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="variants=int4: give some of float32, float16"):
        to_tflite_variants(make_sampler(), tmp_path / "m.tflite", ["int4"])
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        to_tflite_variants(make_sampler(), tmp_path / "m.tflite", batch_size=0)

    def fail(*_):
        raise ExportError("no such op")

    monkeypatch.setattr(quantization, "quantize", fail)
    with pytest.raises(ExportError, match="no such op"):
        to_tflite_variants(make_sampler(), tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())
