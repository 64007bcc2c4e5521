"""SavedModels that servers can run, and nothing left of those they could not."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tests.exporting.samplers import make_config, make_generator, make_run, make_sampler
from tgan_tf.exporting import ExportError, saved_model, signatures, to_saved_model
from tgan_tf.exporting.card import write_card
from tgan_tf.exporting.portable_random import classes_numpy, normal_numpy
from tgan_tf.gan import TransformerGAN
from tgan_tf.inference import Sampler, load
from tgan_tf.training.checkpoint import Checkpoints

CLIENT = """
import sys
import numpy as np
import tensorflow as tf
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    meta = tf.compat.v1.saved_model.load(session, ["serve"], sys.argv[1])
    sample = meta.signature_def["sample"]
    feed = {
        "seed": np.arange(5, dtype=np.int32),
        "label": np.array([0, 1, 2, 1, 0], np.int32),
        "truncation": np.full(5, 0.7, np.float32),
    }
    image = session.run(
        sample.outputs["image"].name,
        {sample.inputs[name].name: value for name, value in feed.items()},
    )
np.save(sys.argv[2], image)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One export that the tests read."""
    return to_saved_model(make_sampler(), tmp_path_factory.mktemp("models") / "pets")


def signature_defs(path):
    message = saved_model_pb2.SavedModel()
    message.ParseFromString((path / "saved_model.pb").read_bytes())
    return message, message.meta_graphs[0].signature_def


def type_and_shape(info):
    return info.dtype, [dimension.size for dimension in info.tensor_shape.dim]


def test_client_without_this_package(exported, tmp_path):
    """The loader of TensorFlow Serving and the C API, in a process that knows only the folder."""
    command = [sys.executable, "-c", CLIENT, exported.path, tmp_path / "image.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    expected = make_sampler().sample(range(5), [0, 1, 2, 1, 0], 0.7)
    image = np.load(tmp_path / "image.npy")
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - expected.astype(int)).max() <= 1


def test_python_loader(exported):
    loaded = tf.saved_model.load(str(exported.path))
    z, label = normal_numpy([1, 2], 8), tf.constant([0, 2])
    for name in ("generate", "serving_default"):
        image = loaded.signatures[name](z=tf.constant(z), label=label)["image"]
        np.testing.assert_allclose(image, make_sampler().generator(z, label), atol=1e-5)


def test_every_input_and_output_is_batch_first(exported):
    _, signature_def = signature_defs(exported.path)
    inputs = {
        name: {key: type_and_shape(info) for key, info in definition.inputs.items()}
        for name, definition in signature_def.items()
        if not name.startswith("__")
    }
    generate = {"z": (tf.float32, [-1, 8]), "label": (tf.int32, [-1])}
    sample = {"seed": (tf.int32, [-1]), "label": (tf.int32, [-1]), "truncation": (tf.float32, [-1])}
    vectors = {"seed": tf.int32, "label": tf.int32}
    ends = {f"{name}_{end}": (t, [-1]) for name, t in vectors.items() for end in "ab"}
    interpolate = {**ends, "t": (tf.float32, [-1]), "truncation": (tf.float32, [-1])}
    assert inputs == {
        "generate": generate,
        "serving_default": generate,
        "sample": sample,
        "sample_png": sample,
        "interpolate": interpolate,
    }
    for name, dtype in (("generate", tf.float32), ("sample", tf.uint8), ("interpolate", tf.uint8)):
        (image,) = signature_def[name].outputs.values()
        assert type_and_shape(image) == (dtype, [-1, 8, 12, 3])
    # The name says to REST that these are bytes.
    outputs = signature_def["sample_png"].outputs
    assert {n: type_and_shape(o) for n, o in outputs.items()} == {"image_bytes": (tf.string, [-1])}


def test_pictures_as_files_and_between_samples(exported):
    loaded, sampler = tf.saved_model.load(str(exported.path)), make_sampler()
    seeds, label, psi = tf.constant([5, 6]), tf.constant([1, 2]), tf.constant([0.7, 0.7])
    files = loaded.signatures["sample_png"](seed=seeds, label=label, truncation=psi)["image_bytes"]
    made = np.stack([tf.io.decode_png(file) for file in files.numpy()]).astype(int)
    assert np.abs(made - sampler.sample([5, 6], [1, 2], 0.7)).max() <= 1
    between = loaded.signatures["interpolate"](
        seed_a=seeds,
        seed_b=seeds + 2,
        label_a=label,
        label_b=label - 1,
        t=tf.constant([0.25, 1.0]),
        truncation=psi,
    )["image"].numpy()
    expected = [sampler.interpolate(5, 7, 5, [1, 0], 0.7)[1], sampler.sample([8], 1, 0.7)[0]]
    assert np.abs(between.astype(int) - np.stack(expected)).max() <= 1


def test_variables_are_stored_once(exported):
    sampler = make_sampler()
    shapes = tf.train.load_checkpoint(
        str(exported.path / "variables" / "variables")
    ).get_variable_to_shape_map()
    stored = sum(
        np.prod(s, dtype=int) for n, s in shapes.items() if n != "_CHECKPOINTABLE_OBJECT_GRAPH"
    )
    assert stored == sampler.generator.count_params() + tf.size(sampler.w_mean).numpy()


def test_no_xla_attribute(exported):
    message, _ = signature_defs(exported.path)
    library = message.meta_graphs[0].graph_def.library
    assert library.function
    assert not any("_XlaMustCompile" in f.attr for f in library.function)
    assert not any("_XlaMustCompile" in n.attr for f in library.function for n in f.node_def)


def test_manifest(exported):
    manifest = json.loads((exported.path / "manifest.json").read_text())
    assert manifest["step"] == 70
    assert manifest["config"] == make_config().to_dict()
    assert manifest["class_names"] == ["cat", "dog", "T-shirt/top"]
    assert manifest["signatures"]["sample"]["inputs"]["seed"] == {"dtype": "int32", "shape": [None]}
    files = {p for p in exported.path.rglob("*") if p.is_file()}
    assert {exported.path / name for name in manifest["sha256"]} == files - {
        exported.path / "manifest.json"
    }
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((exported.path / name).read_bytes()).hexdigest() == digest


def test_report(exported):
    assert exported.path.name == "1"
    kinds = {"generate", "serving_default", "sample", "sample_png", "interpolate"}
    assert set(exported.errors) == kinds
    assert exported.errors["generate"] < 1e-5
    assert exported.errors["sample"] <= 1
    assert exported.size_bytes == sum(
        p.stat().st_size for p in exported.path.rglob("*") if p.is_file()
    )
    assert f"{exported.path} (" in exported.summary()


def test_next_version(tmp_path):
    for name in ("3", "10", "x11", ".12.tmp"):
        (tmp_path / name).mkdir()
    sampler = make_sampler(0)  # without classes, too
    path = to_saved_model(sampler, tmp_path).path
    assert path == tmp_path / "11"
    _, signature_def = signature_defs(path)
    assert set(signature_def["sample"].inputs) == {"seed", "truncation"}
    assert set(signature_def["generate"].inputs) == {"z"}


def test_impossible_versions(tmp_path):
    (tmp_path / "3").mkdir()
    with pytest.raises(FileExistsError, match="give another version"):
        to_saved_model(make_sampler(), tmp_path, version=3)
    with pytest.raises(ValueError, match="positive"):
        to_saved_model(make_sampler(), tmp_path, version=0)


def test_other_numbers_are_not_kept(tmp_path, monkeypatch):
    save = signatures.save

    def save_with_one_wrong_weight(functions, path, owner):
        variable = functions["generate"].graph.variables[0]
        before = variable.numpy()
        variable.assign(before + 0.05)
        save(functions, path, owner)
        variable.assign(before)

    monkeypatch.setattr(saved_model.signatures, "save", save_with_one_wrong_weight)
    with pytest.raises(ExportError, match=r"signature 'generate' at batch 1 is .* from Keras"):
        to_saved_model(make_sampler(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_variables_that_servers_do_not_find_are_not_kept(tmp_path, monkeypatch):
    """A module with the Keras model as an attribute: Python would load it, the Session fails."""

    def save_model_as_attribute(functions, path, owner):
        module = tf.Module()
        module.model = make_sampler().generator
        module.state = [make_sampler().w_mean]
        tf.saved_model.save(module, path, signatures=dict(functions))

    monkeypatch.setattr(saved_model.signatures, "save", save_model_as_attribute)
    with pytest.raises(ExportError):
        to_saved_model(make_sampler(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_diverged_generator(tmp_path):
    config = make_config()
    generator = make_generator(config)
    generator.weights[0].assign(generator.weights[0] * np.nan)
    sampler = Sampler(config, generator, make_sampler().modality, step=5)
    with pytest.raises(ExportError, match="at step 5 makes values that are not finite"):
        to_saved_model(sampler, tmp_path)
    assert not list(tmp_path.iterdir())


class TestDiscriminate:
    @pytest.fixture
    def run(self, tmp_path):
        """A trained step of both networks, saved as a run."""
        config = make_config(batch_size=4)
        gan = TransformerGAN(config)
        for weight in gan.discriminator.weights:
            weight.assign(make_noise(weight.shape))
        (tmp_path / "run").mkdir()
        config.save(tmp_path / "run" / "config.json")
        trackables = gan.trackables()
        Checkpoints(tmp_path / "run" / "checkpoints", trackables, keep=1).save(3)
        return tmp_path / "run", gan

    def test_probability(self, run, tmp_path):
        path, gan = run
        sampler = load(path)
        kept = to_saved_model(sampler, tmp_path / "model")
        assert kept.errors["discriminate"] < 1e-5
        images = np.random.default_rng(0).integers(0, 256, (5, 8, 12, 3), np.uint8)
        label = np.array([0, 1, 2, 0, 1], np.int32)
        signature = tf.saved_model.load(str(kept.path)).signatures["discriminate"]
        made = signature(image=tf.constant(images), label=tf.constant(label))["probability"]
        # The closed form: sigmoid of the logit, from the mean logit of generated images.
        encoded = images.astype(np.float32) / 127.5 - 1
        logits = gan.discriminator(encoded, label).numpy()
        fakes = sampler.sample(range(256)).astype(np.float32) / 127.5 - 1
        origin = gan.discriminator(fakes, np.array(classes_numpy(np.arange(256), 3))).numpy().mean()
        np.testing.assert_allclose(made, 1 / (1 + np.exp(origin - logits)), atol=1e-4)

    def test_one_that_compares_images_is_left_out(self):
        sampler = make_sampler(3, d_minibatch_std=2)
        assert not sampler.judges
        assert "discriminate" not in signatures.build_functions(sampler)

    def test_without_one(self):
        assert not make_sampler().judges
        with pytest.raises(ValueError, match="there is no discriminator"):
            make_sampler().discriminate(np.zeros((1, 8, 12, 3), np.uint8))


def make_noise(shape) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.2, shape)


class TestCard:
    def test_what_it_says(self, tmp_path):
        run = make_run(tmp_path / "00003-pets_<b>", num_classes=3)
        data = {"name": "pets", "licence": "CC0 | <x>", "training_images": 1234}
        (run / "data.json").write_text(json.dumps(data))
        row = {
            "kind": "evaluation",
            "step": 70,
            "metrics": {"frechet_x": 1.5},
            "details": {"frechet_x": {"interval": [1.25, 1.75]}},
            "generated_images": 2000,
            "real_images": 1234,
            "reference": "training images",
        }
        with (run / "metrics.jsonl").open("w") as file:
            for step in (60, 70):
                file.write(json.dumps({**row, "step": step}) + "\n")
        sampler, path = load(run), tmp_path
        described = signatures.describe(signatures.build_functions(sampler))
        write_card(sampler, path, described)
        saved_model._write_manifest(path, sampler, described)
        text = (path / "README.md").read_text()
        assert text.startswith("# 00003-pets&#95;&#60;b&#62;\n")
        assert "| Licence of the data | CC0 &#124; &#60;x&#62; |" in text
        assert "2,000 samples against 1,234 training images" in text
        assert "| frechet x | 1.5 | 1.250 to 1.750 |" in text
        assert "| Classes | cat, dog, T-shirt/top |" in text
        assert "It makes what 1,234 training images show" in text
        for name in ("generate", "sample", "sample_png", "interpolate"):
            assert f"| `{name}` |" in text
        assert json.loads((path / "manifest.json").read_text())["metrics"] == {"frechet_x": 1.5}
        picture = np.asarray(Image.open(path / "samples.png"))
        assert picture.std() > 10

    def test_of_a_run_that_was_not_measured(self, exported):
        text = (exported.path / "README.md").read_text()
        assert "Not measured at this step" in text
        assert "not recorded: ask whoever gave you the images" in text


def test_requests_to_warm_up_with(exported):
    """TensorFlow Serving's file, read by its own messages; each request can be answered."""
    path = exported.path / "assets.extra" / "tf_serving_warmup_requests"
    loaded = tf.saved_model.load(str(exported.path))
    asked = set()
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "pets"
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        loaded.signatures[request.model_spec.signature_name](**inputs)
        asked.add(request.model_spec.signature_name)
    assert asked == set(exported.errors)
