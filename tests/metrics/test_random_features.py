from __future__ import annotations

import numpy as np
import pytest

from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.random_features import RandomFeatures


def images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(5, 8, 8, 1), (3, 20, 12, 3), (2, 100, 64, 3), (1, 3, 3, 1)])
def test_images_of_any_size(shape: tuple[int, ...]) -> None:
    features = RandomFeatures(shape[-1])(images(shape))
    assert features.shape == (shape[0], RandomFeatures.dim)
    assert np.isfinite(features).all()


def test_an_image_has_the_same_features_in_any_company() -> None:
    batch = images((300, 8, 8, 1))
    features = RandomFeatures(1)(batch)
    np.testing.assert_allclose(RandomFeatures(1)(batch[290:]), features[290:], atol=1e-5)
    assert isinstance(RandomFeatures(1), FeatureExtractor)


def test_what_is_where_counts() -> None:
    corner = np.zeros((2, 8, 8, 1), np.uint8)
    corner[0, :3, :3], corner[1, 5:, 5:] = 255, 255
    one, other = RandomFeatures(1)(corner)
    assert np.linalg.norm(one - other) > 0.2 * np.linalg.norm(one)


def test_the_weights_never_change() -> None:
    """Rows of different runs are comparable: the first numbers of a fixed image."""
    features = RandomFeatures(1)(np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1))
    expected = [-0.59559, 0.1217, -0.6819, -0.12171]
    np.testing.assert_allclose(features[0, :4], expected, rtol=1e-4)
