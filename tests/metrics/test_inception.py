"""The Inception graph of 2015 with seeded weights: torch-fidelity's numbers, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.metrics.golden import golden
from tests.oracles import seeded
from tgan_tf.metrics import inception_weights as layout
from tgan_tf.metrics.extractors import load_extractor
from tgan_tf.metrics.inception import Inception2015, resized


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return seeded.inception_parameters()


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory, weights: dict) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception.npz"
    np.savez(path, **weights)
    return path


def test_the_network_is_torch_fidelitys(npz: Path) -> None:
    network = load_extractor(f"inception:{npz}")
    assert network.name == "inception_legacy"
    assert "legacy-299px/no-bias/sha256-" in network.identity
    assert len(network.identity.rpartition("-")[2]) == 64
    features, logits = network.features_and_logits(seeded.inception_images())
    assert features.shape == (2, 2048)
    assert logits.shape == (2, 1008)
    expected = golden("inception")
    for name, values in (("pool_3", features), ("logits_without_bias", logits)):
        reference = np.array(expected[name])
        np.testing.assert_allclose(
            values[:, ::97].ravel(), reference, atol=2e-4 * np.abs(reference).max()
        )
    biased = np.array(expected["logits"]).reshape(2, -1)
    bias = seeded.inception_parameters()["softmax/biases"][::97]
    np.testing.assert_allclose(
        biased - bias, np.array(expected["logits_without_bias"]).reshape(2, -1), atol=1e-4
    )


def test_every_format_gives_the_same_weights(tmp_path: Path, weights: dict) -> None:
    from tensorflow.core.framework import graph_pb2
    from tensorflow.python.framework import tensor_util

    graph = graph_pb2.GraphDef()
    for name, value in weights.items():
        node = graph.node.add(name=name, op="Const")
        node.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(value))
    graph.node.add(name="conv/batchnorm", op="BatchNormWithGlobalNormalization")
    path = tmp_path / "classify_image_graph_def.pb"
    path.write_bytes(graph.SerializeToString())
    read, sha256 = layout.read_weights(path)
    assert len(sha256) == 64
    assert read.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(read[name], value)


def test_a_saved_model_is_the_network_too(tmp_path: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, 299, 299, 3), tf.float32)])
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        mean = tf.reduce_mean(images, axis=(1, 2))
        return {"pool_3": tf.repeat(mean, 683, axis=1)[:, None, None, :2048], "logits": mean}

    tf.saved_model.save(module, str(tmp_path / "model"), signatures=serve)
    network = Inception2015(tmp_path / "model", resize="clean")
    features, logits = network.features_and_logits(np.full((1, 8, 8, 1), 192, np.uint8))
    np.testing.assert_allclose(logits, [[0.5, 0.5, 0.5]], atol=1e-5)
    assert features.shape == (1, 2048)
    assert network.name == "inception_clean"


def test_resizings_are_the_published_ones() -> None:
    """Legacy: corners at pixel 0, so source = 32 / 299 * target; clean: Pillow's bicubic."""
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 1)).astype(np.float32)
    places = np.arange(299) * (32 / 299)
    low = places.astype(int)
    share = places - low
    weights = np.zeros((299, 32))
    weights[np.arange(299), low] += 1 - share
    weights[np.arange(299), np.minimum(low + 1, 31)] += share
    expected = weights @ images[0, ..., 0] @ weights.T
    legacy = resized(tf.constant(images), "legacy")[0, ..., 0]
    np.testing.assert_allclose(legacy, expected, atol=1e-3)
    picture = Image.fromarray(images[0, ..., 0]).resize((299, 299), Image.Resampling.BICUBIC)
    clean = resized(tf.constant(images), "clean")[0, ..., 0]
    np.testing.assert_allclose(clean, np.clip(picture, 0, 255), atol=0.01)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"classify_image_graph_def\.pb"):
        Inception2015(tmp_path / "none.pb")
    with pytest.raises(ValueError, match="resize='area'"):
        Inception2015(tmp_path, resize="area")
    (tmp_path / "weights.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"\.pb, \.npz or \.pth"):
        Inception2015(tmp_path / "weights.h5")
    (tmp_path / "damaged.pb").write_bytes(b"\xff" * 9)
    with pytest.raises(ValueError, match="cannot be read"):
        Inception2015(tmp_path / "damaged.pb")
    np.savez(tmp_path / "other.npz", **{"conv/conv2d_params": np.zeros((3, 3, 3, 8))})
    with pytest.raises(
        ValueError, match=r"must have the shape \[3, 3, 3, 32\], not \[3, 3, 3, 8\]"
    ):
        Inception2015(tmp_path / "other.npz")
