"""Frozen vision models: against what transformers computes, and what discriminators make of them.

`tests/oracles/vision.py` made the directories and the numbers.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.games import configure
from tests.safetensors_files import write_safetensors
from tgan_tf.config import Config, ConfigError
from tgan_tf.layers import resize_tokens, to_tokens
from tgan_tf.networks import build_discriminator
from tgan_tf.networks.backbone import Backbone
from tgan_tf.networks.vision_transformer import VisionTransformer
from tgan_tf.objectives.game import Game
from tgan_tf.safetensors_file import read_safetensors

ORACLES = Path(__file__).parents[1] / "oracles/vision"
MEAN, DEVIATION = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])


@functools.cache
def numbers() -> dict[str, np.ndarray]:
    with np.load(ORACLES / "numbers.npz") as file:
        return dict(file)


@pytest.mark.parametrize("size", [8, 12])
@pytest.mark.parametrize("name", ["vit", "dinov2", "dinov2_swiglu"])
def test_as_transformers(name, size):
    """Also at a size that it was not trained with; before and after the last norm."""
    model = VisionTransformer(ORACLES / name, size, tf.float64)
    images = numbers()[f"images_{size}"].transpose(0, 2, 3, 1).astype(np.float64)
    if name != "vit":  # what is normalised there is in [-1, 1] here
        images = 2 * (images * DEVIATION + MEAN) - 1
    first, last = model(tf.constant(images))
    assert model.grid == (size // 4, size // 4)
    np.testing.assert_allclose(first, numbers()[f"{name}_{size}_first"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, numbers()[f"{name}_{size}_last"], rtol=1e-4, atol=1e-5)


def images(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, shape))


def test_images_of_other_sizes_and_colours():
    backbone = Backbone(str(ORACLES / "vit"), 8, (4, 16), tf.float64)
    assert backbone.widths == [8, 8]
    grey = images(2, 4, 16, 1)
    resized = resize_tokens(to_tokens(tf.repeat(grey, 3, axis=-1)), (4, 16), (8, 8))
    model = VisionTransformer(ORACLES / "vit", 0, tf.float64)
    expected = model(tf.reshape(resized, (2, 8, 8, 3)))
    for given, level in zip(backbone(grey), expected, strict=True):
        np.testing.assert_allclose(given, level, rtol=1e-10)
    # Without the class token, to another grid.
    tokens = backbone.grid_tokens(grey, (4, 4))
    np.testing.assert_allclose(
        tokens, resize_tokens(expected[-1][:, 1:], (2, 2), (4, 4)), rtol=1e-10
    )


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A map, tokens and one vector."""
    x = inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="tanh")(x)
    tokens = keras.layers.Dense(5)(keras.layers.Reshape((4, 4))(x))
    return keras.Model(inputs, [x, tokens, keras.layers.GlobalAveragePooling1D()(tokens)])


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_models_of_keras(network, kind, tmp_path):
    path = tmp_path / f"model.{kind}"
    network.save(path) if kind == "keras" else network.export(path, verbose=False)
    backbone = Backbone(str(path), 0, (6, 6))
    assert backbone.widths == [4, 5, 5]
    x = tf.cast(images(2, 6, 6, 3), tf.float32)
    expected = [y.numpy().reshape(2, -1, y.shape[-1]) for y in network(x)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        levels = backbone(x)
    for given, level in zip(levels, expected, strict=True):
        np.testing.assert_allclose(given, level, rtol=1e-5, atol=1e-6)
    assert np.abs(tape.gradient(levels[-1], x)[:, :5, :5]).min() > 0


@pytest.mark.parametrize("size", [8, 12])
def test_exact_penalties_need_a_second_derivative(size, tmp_path):
    class Resizing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def see(self, images):
            antialias = size != 8
            return {"map": tf.image.resize(images, (size, size), antialias=antialias)}

    model = Resizing()
    tf.saved_model.save(model, str(tmp_path), signatures={"serving_default": model.see})
    config = configure(0, d_kind="frozen", d_backbone=str(tmp_path), augment=(), d_width=8)
    config = config.replace(precision="float32", channels=3, image_size=(8, 8))
    build_discriminator(config.replace(penalty="finite_difference"))
    for exact in ({"penalty": "exact"}, {"r1_gamma": 0, "r2_gamma": 0, "gp_weight": 1}):
        if size == 8:
            build_discriminator(config.replace(**exact))
            continue
        with pytest.raises(ConfigError, match=r"--d_backbone=.*ScaleAndTranslateGrad.*--penalty"):
            build_discriminator(config.replace(**exact))


def aligned(**changes: object) -> Config:
    options = {"d_backbone": ORACLES / "dinov2", "align_weight": 0.5, "d_pool": "class_token"}
    options |= {"loss": "non_saturating"}
    config = configure(0, **{**options, "augment": (), "r1_gamma": 0, "r2_gamma": 0, **changes})
    return config.replace(channels=3)


def test_alignment_by_hand():
    config = aligned()
    network, real = build_discriminator(config), images(3, 8, 8, 3)
    tokens = network._tokens(real, None).numpy()[:, 1:]  # without the class token
    target = VisionTransformer(ORACLES / "dinov2", 0, tf.float64)(real)[-1].numpy()[:, 1:]
    hidden, out = network.alignment.hidden, network.alignment.out
    z = tokens @ hidden.kernel.numpy() + hidden.bias.numpy()
    guess = z / (1 + np.exp(-z)) @ out.kernel.numpy() + out.bias.numpy()
    lengths = np.linalg.norm(guess, axis=-1) * np.linalg.norm(target, axis=-1)
    expected = 1 - ((guess * target).sum(-1) / lengths).mean(axis=1)
    np.testing.assert_allclose(network(real, align=True), expected, rtol=1e-8)

    weights = [weight.value for weight in network.trainable_variables]
    none = {name: tf.zeros((3, 0), tf.float64) for name in ("u_real", "u_fake")}
    with tf.GradientTape() as tape:
        loss, logs = Game(config.objective, network).d_loss(
            real, -real, None, none, tf.reduce_mean, penalize=False
        )
    np.testing.assert_allclose(logs["regularizer"], 0.5 * expected, rtol=1e-8)
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.abs(gradient).max() > 0, weight.name


def test_the_frozen_model_is_no_part_of_the_network():
    for config in (aligned(), aligned(d_kind="frozen", align_weight=0.0)):
        network = build_discriminator(config)
        names = [weight.path for weight in network.weights]
        assert not [name for name in names if "encoder" in name]


class TestErrors:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(ConfigError, match=r"--d_backbone=.*no config.json and model.saf"):
            Backbone(str(tmp_path), 0, (8, 8))

    def test_patches(self):
        with pytest.raises(ConfigError, match=r"--d_backbone_size=10: patches .* multiple of 4"):
            VisionTransformer(ORACLES / "vit", 10)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"model_type": "swin"}, "model_type 'swin'.*vit and dinov2"),
            ({"hidden_act": "relu"}, "hidden_act 'relu'.*gelu"),
            ({"hidden_size": None}, "config.json has no number hidden_size"),
            ({"image_size": 16}, r"position_embeddings is \(1, 5, 8\), not \(1, 17, 8\)"),
            ({"intermediate_size": 13}, r"layer.0.intermediate.dense.weight is \(12, 8\), not"),
            (
                {"num_hidden_layers": 3},
                r"--d_backbone=.*model.safetensors is incomplete.*config.json:"
                r" encoder.layer.2.* is not there, .*, and 13 more; give both files of one model",
            ),
            (["no", "object"], r"--d_backbone=.*config.json: no JSON object"),
            # What Keras-hub's save_to_preset leaves there, for short.
            (
                {"registered_name": "keras_hub>ViTBackbone"},
                r"--d_backbone=.*: a preset of Keras-hub, .* SavedModel .* docs/presets.md",
            ),
        ],
    )
    def test_another_model(self, changes, message, tmp_path):
        shutil.copytree(ORACLES / "vit", tmp_path / "vit")
        path = tmp_path / "vit/config.json"
        known = json.loads(path.read_text())
        path.write_text(json.dumps(known | changes if isinstance(changes, dict) else changes))
        with pytest.raises(ConfigError, match=message):
            Backbone(str(tmp_path / "vit"), 0, (8, 8))

    @pytest.mark.parametrize("kind", ["vit", "dinov2", "dinov2_swiglu"])
    def test_every_weight_is_missed(self, kind, tmp_path):
        """All but those of training: it is named, and so are the flag and the file."""
        weights = read_safetensors(ORACLES / kind / "model.safetensors")
        shutil.copy(ORACLES / kind / "config.json", tmp_path)
        for name in weights.keys() - {"embeddings.mask_token"}:
            rest = {key: ("F32", value) for key, value in weights.items() if key != name}
            write_safetensors(tmp_path / "model.safetensors", rest)
            message = f"--d_backbone=.* model.safetensors is .*: {re.escape(name)} is not there; "
            with pytest.raises(ConfigError, match=message):
                VisionTransformer(tmp_path)

    def test_damaged_weights(self, tmp_path):
        shutil.copy(ORACLES / "vit/config.json", tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"no")
        with pytest.raises(ConfigError, match=r"give a directory .*no safetensors file"):
            VisionTransformer(tmp_path)
