"""TFLite files of built-in operations that compute what Keras does."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tests.exporting.samplers import make_config, make_generator, make_sampler
from tgan_tf.exporting import ExportError, flatbuffer, tflite, to_saved_model, to_tflite
from tgan_tf.exporting.portable_random import normal_numpy
from tgan_tf.exporting.reader import ExportedSampler
from tgan_tf.gan import TransformerGAN
from tgan_tf.inference import Sampler, load
from tgan_tf.training.checkpoint import Checkpoints


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One export that the tests read."""
    return to_tflite(make_sampler(), tmp_path_factory.mktemp("devices") / "pets.tflite")


def convert(function, *supported):
    """A function of one float vector of 4 to TFLite."""
    concrete = tf.function(
        function, input_signature=[tf.TensorSpec([4], tf.float32)]
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = supported or [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def test_client_without_this_package(exported):
    """All that a device needs: the file, LiteRT and NumPy."""
    interpreter = Interpreter(str(exported.path))
    sample = interpreter.get_signature_runner("sample")
    generate = interpreter.get_signature_runner("generate")
    for seed in range(8):
        label = np.int32([seed % 3])
        image = sample(seed=np.int32([seed]), label=label, truncation=np.float32([0.7]))["image"]
        expected = make_sampler().sample([seed], label, 0.7)
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - expected.astype(int)).max() <= 1
        z = normal_numpy([seed], 8)
        image = generate(z=z, label=label)["image"]
        np.testing.assert_allclose(image, make_sampler().generator(z, label), atol=1e-5)


def test_signatures_and_shapes_are_fixed(exported):
    interpreter = Interpreter(str(exported.path))
    assert interpreter.get_signature_list() == {
        "generate": {"inputs": ["label", "z"], "outputs": ["image"]},
        "sample": {"inputs": ["label", "seed", "truncation"], "outputs": ["image"]},
    }
    details = interpreter.get_signature_runner("sample").get_input_details()
    assert {name: d["shape_signature"].tolist() for name, d in details.items()} == {
        "label": [1], "seed": [1], "truncation": [1],
    }  # fmt: skip
    (image,) = interpreter.get_signature_runner("sample").get_output_details().values()
    assert image["shape_signature"].tolist() == [1, 8, 12, 3]


def test_weights_are_stored_once(exported):
    """Both signatures read the same buffers."""
    model = schema.Model.GetRootAs(exported.path.read_bytes())
    of_tensors = {
        graph.Tensors(index).Buffer()
        for graph in map(model.Subgraphs, range(model.SubgraphsLength()))
        for index in range(graph.TensorsLength())
    }
    stored = sum(model.Buffers(index).DataLength() for index in of_tensors)
    weights = 4 * make_sampler().generator.count_params()
    assert weights < stored < 1.1 * weights  # with constants of shapes, counters, w_mean


def test_operations_are_built_in(exported):
    operators = flatbuffer.operators(exported.path.read_bytes())
    assert operators["BITWISE_XOR"]
    assert not [name for name in operators if name.startswith("CUSTOM")]


def test_batch_of_two_without_classes(tmp_path):
    sampler = make_sampler(0)
    kept = to_tflite(sampler, tmp_path / "sub" / "two.tflite", batch_size=2)
    run = Interpreter(str(kept.path)).get_signature_runner("sample")
    image = run(seed=np.int32([4, 5]), truncation=np.float32([1, 0.5]))["image"]
    expected = [sampler.sample([4])[0], sampler.sample([5], truncation=0.5)[0]]
    assert np.abs(image.astype(int) - np.stack(expected).astype(int)).max() <= 1
    assert [path.name for path in kept.path.parent.iterdir()] == ["two.tflite"]


@pytest.mark.parametrize(
    "options",
    [
        {"g_attention": "l2", "g_norm": "rms", "g_input": "constant", "g_latent_tokens": 4},
        {"g_qk_norm": True, "g_relative_bias": True, "g_output": "patch", "g_mlp_ratio": 2.0},
        {"g_kind": "stylegan2", "g_noise": True, "g_widths": (16, 8, 8)},
        {"g_kind": "r3gan", "g_mlp_ratio": 2.0},
        {"g_kind": "dcgan", "mapping_layers": -1},
        {
            **{"g_kind": "biggan", "g_widths": (16, 8), "mapping_layers": -1},
            **{"g_spectral_norm": True, "g_attention_stage": 2},
        },
    ],
)
def test_every_option_of_the_generator_is_built_in(tmp_path, options):
    config = make_config(0, **options)
    sampler = Sampler(config, make_generator(config), make_sampler().modality)
    kept = to_tflite(sampler, tmp_path / "m.tflite")
    assert kept.errors["sample"] <= 1


def test_guidance_is_an_input(tmp_path):
    """Of a generator that was trained with condition dropout, in either format."""
    sampler = make_sampler(condition_dropout=0.1)
    kept = to_tflite(sampler, tmp_path / "m.tflite")
    inputs = {"seed": np.int32([5]), "label": np.int32([1]), "truncation": np.float32([0.7])}
    draw = Interpreter(str(kept.path)).get_signature_runner("sample")
    for scale in (0.0, 1.0, 3.0):
        image = draw(**inputs, guidance=np.float32([scale]))["image"]
        expected = sampler.sample([5], 1, 0.7, scale)
        assert np.abs(image.astype(int) - expected.astype(int)).max() <= 1
    saved = to_saved_model(sampler, tmp_path / "model")
    manifest = json.loads((saved.path / "manifest.json").read_text())
    assert "guidance" in manifest["signatures"]["sample"]["inputs"]
    for path in (kept.path, saved.path):
        same = ExportedSampler(path).sample([5, 6], np.array([1, 2]))
        assert np.abs(same - sampler.sample([5, 6], [1, 2]).astype(int)).max() <= 1


def test_foreign_operations_are_found():
    flex = convert(
        lambda x: tf.cast(tf.bitwise.bitwise_and(tf.cast(x, tf.int32), 3), tf.float32),
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    )
    content = flex.convert()
    assert "CUSTOM:FlexBitwiseAnd" in flatbuffer.operators(content)
    with pytest.raises(ExportError, match="not built into TFLite: CUSTOM:FlexBitwiseAnd"):
        tflite.check(make_sampler(), content, 1)
    assert flatbuffer.operators(convert(lambda x: tf.nn.relu(x) + 1.0).convert())["ADD"] == 1


def test_missing_signature():
    content = convert(lambda x: x + 1.0).convert()
    with pytest.raises(ExportError, match="signature 'generate' is missing"):
        tflite.check(make_sampler(), content, 1)


def test_generator_that_cannot_be_converted(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tflite.tf.lite.TFLiteConverter, "from_saved_model", lambda *_, **__: Unconvertible()
    )
    with pytest.raises(ExportError, match="cannot be converted to TFLite: no such op"):
        to_tflite(make_sampler(), tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


class Unconvertible:
    """A converter that fails."""

    target_spec = tf.lite.TargetSpec()

    def convert(self):
        raise RuntimeError("no such op")


def test_other_numbers_are_not_kept(tmp_path, monkeypatch):
    config = make_config()
    other = Sampler(config, make_generator(config, seed=9), make_sampler().modality)
    convert_right = tflite.convert
    monkeypatch.setattr(tflite, "convert", lambda _, batch_size: convert_right(other, batch_size))
    path = tmp_path / "m.tflite"
    path.write_text("the last good one")
    with pytest.raises(ExportError, match=r"signature 'generate' at batch 1 is .* from Keras"):
        to_tflite(make_sampler(), path)
    assert path.read_text() == "the last good one"
    assert list(tmp_path.iterdir()) == [path]


def test_impossible_batch(tmp_path):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        to_tflite(make_sampler(), tmp_path / "m.tflite", batch_size=0)


def test_of_a_run_with_its_discriminator(tmp_path):
    """Signatures for servers are not missed."""
    config = make_config(batch_size=4)
    (tmp_path / "run").mkdir()
    config.save(tmp_path / "run" / "config.json")
    Checkpoints(tmp_path / "run" / "checkpoints", TransformerGAN(config).trackables(), keep=1).save(
        3
    )
    sampler = load(tmp_path / "run")
    assert sampler.judges
    assert set(to_tflite(sampler, tmp_path / "m.tflite").errors) == {"generate", "sample"}
