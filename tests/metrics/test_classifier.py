"""The data set's own classifier, on scikit-learn's digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tgan_tf.metrics.classifier import Classifier, train_classifier
from tgan_tf.metrics.features import ClassifyingExtractor


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)[..., None]  # [1797, 8, 8, 1]
    return images, data.target


@pytest.fixture(scope="module")
def classifier(digits):
    images, labels = digits
    calls = []
    held_out = images[1400:], labels[1400:]
    trained = train_classifier(
        images[:1400],
        labels[:1400],
        10,
        held_out=held_out,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1][0] == calls[-1][1]
    return trained


def test_digits_are_recognised(classifier, digits):
    assert classifier.accuracy >= 0.96  # the last 397 are other writers: harder than a random tenth
    images, labels = digits
    predicted = classifier.predict(images[1400:])
    assert predicted.dtype == np.int32
    assert (predicted == labels[1400:]).mean() == classifier.accuracy


def test_is_a_feature_extractor(classifier, digits):
    assert isinstance(classifier, ClassifyingExtractor)
    features, logits = classifier.features_and_logits(digits[0][:7])
    assert (features.shape, logits.shape) == ((7, classifier.dim), (7, 10))
    assert features.dtype == np.float32
    assert features.std(axis=0).mean() > 0
    # An image's features do not depend on the others in the batch
    np.testing.assert_allclose(classifier(digits[0][3:4])[0], features[3], atol=1e-5)


def test_saved_classifier_is_the_same(classifier, digits, tmp_path):
    path = tmp_path / "classifier.npz"
    classifier.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["classifier.npz"]
    loaded = Classifier.load(path)
    assert loaded.accuracy == classifier.accuracy
    assert loaded.identity == classifier.identity
    np.testing.assert_array_equal(loaded(digits[0][:50]), classifier(digits[0][:50]))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"classifier\.npz.*delete the file"):
        Classifier.load(path)
    with pytest.raises(FileNotFoundError):
        Classifier.load(tmp_path / "absent.npz")


def test_seed_decides_everything(digits):
    images, labels = digits[0][:50, :3, :3], digits[1][:50]
    first, again = (
        train_classifier(images, labels, 10, seed=1, budget=90).identity for _ in range(2)
    )
    assert first == again
    fresh = [Classifier(10, (3, 3, 1), seed=seed).identity for seed in (1, 2)]
    assert len({first, *fresh}) == 3


@pytest.mark.parametrize("shape", [(5, 9, 1), (48, 40, 3)])
def test_any_image_shape(shape):
    images = np.random.default_rng(0).integers(0, 256, (20, *shape), dtype=np.uint8)
    classifier = train_classifier(images, np.arange(20) % 2, 2, budget=1)
    assert classifier(images).shape == (20, classifier.dim)


def test_refusals(classifier, digits):
    images, labels = digits
    with pytest.raises(ValueError, match=r"shape \[8, 8, 1\], these have \[9, 8, 1\]"):
        classifier.predict(np.zeros((1, 9, 8, 1), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        classifier.predict(np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="one integer for each of 1797"):
        train_classifier(images, labels[:5], 10)
    with pytest.raises(ValueError, match="labels 0 to 4"):
        train_classifier(images, labels, 5)
    with pytest.raises(ValueError, match="at least 2 classes"):
        train_classifier(images, labels, 1)
