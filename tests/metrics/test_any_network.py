"""Feature networks that a user brings: of keras.applications, or any SavedModel."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.metrics.means import Means, save_extractor
from tgan_tf.metrics.extractors import load_extractor

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 10, 14, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """MobileNet with random weights, and a file of them."""
    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNet(weights=None, classifier_activation=None)
    for weight in model.weights:  # statistics as if it had been trained
        if "variance" in weight.path:
            weight.assign(np.random.default_rng(2).uniform(0.5, 1.5, weight.shape))
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    model.save_weights(path)
    return model, path


def _pooling(model: keras.Model) -> keras.layers.Layer:
    kind = keras.layers.GlobalAveragePooling2D
    return next(layer for layer in model.layers if isinstance(layer, kind))


class TestKeras:
    def test_is_the_application(self, application):
        """Its own preprocessing, at its own size, before the classifier."""
        model, path = application
        network = load_extractor(f"keras:MobileNet:{path}")
        assert network.name == "keras_mobilenet"
        assert network.identity.startswith("keras.applications.MobileNet/bilinear-224px/sha256-")
        features, logits = network.features_and_logits(IMAGES)
        x = tf.image.resize(tf.cast(IMAGES, tf.float32), (224, 224))
        x = keras.applications.mobilenet.preprocess_input(x.numpy())
        np.testing.assert_allclose(logits, model(x), rtol=1e-3, atol=1e-5)
        pooled = keras.Model(model.input, _pooling(model).output)
        expected = np.reshape(pooled(x), (3, -1))
        assert features.shape == (3, network.dim) == (3, 1024)
        np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-5)

    def test_refusals(self, tmp_path):
        with pytest.raises(ValueError, match="has no 'MobileNot'; it has"):
            load_extractor("keras:MobileNot")
        with pytest.raises(ValueError, match="keras: give a name"):
            load_extractor("keras:")
        missing = tmp_path / "none.weights.h5"
        with pytest.raises(ValueError, match="keras:MobileNet: the weights cannot be loaded"):
            load_extractor(f"keras:MobileNet:{missing}")


class TestSavedModel:
    @pytest.mark.parametrize(("dtype", "unit"), [(tf.float32, 1 / 255), (tf.uint8, 1.0)])
    def test_any_size(self, tmp_path, dtype, unit):
        network = load_extractor(save_extractor(tmp_path / "Means 1", Means(dtype)))
        assert network.name == "saved_model_means_1"
        features, logits = network.features_and_logits(IMAGES)
        np.testing.assert_allclose(features, 2 * unit * IMAGES.mean(axis=(1, 2)), rtol=1e-5)
        np.testing.assert_allclose(logits, 2 * unit * IMAGES.max(axis=(1, 2)), rtol=1e-5)
        # Grey images are shown in three channels.
        grey = network(IMAGES[..., :1])
        np.testing.assert_allclose(grey, np.repeat(features[:, :1], 3, axis=1), rtol=1e-5)

    def test_fixed_size(self, tmp_path):
        network = load_extractor(save_extractor(tmp_path / "means", Means(size=20)))
        resized = tf.image.resize(tf.cast(IMAGES, tf.float32), (20, 20), antialias=True)
        expected = 2 / 255 * tf.reduce_mean(resized, axis=(1, 2))
        np.testing.assert_allclose(network(IMAGES), expected, rtol=1e-4)

    def test_refusals(self, tmp_path):
        with pytest.raises(ValueError, match="no SavedModel with the signature serving_default"):
            load_extractor(f"saved_model:{tmp_path}")
        module = tf.Module()
        spec = [tf.TensorSpec([None, 3], tf.float32, "x")]
        vectors = tf.function(lambda x: {"y": x}, input_signature=spec)
        name = save_extractor(tmp_path / "vectors", module, vectors)
        with pytest.raises(ValueError, match="must take one tensor of images"):
            load_extractor(name)
