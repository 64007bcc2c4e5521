"""Our numbers beside those of torch-fidelity, clean-fid and prdc, on the same features."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.golden import golden
from tests.oracles import seeded
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.inception_score import inception_score
from tgan_tf.metrics.kernel import kernel_distance
from tgan_tf.metrics.manifold import manifold
from tgan_tf.metrics.path_length import kept_distances


def moments(features: np.ndarray) -> Moments:
    found = Moments()
    for start in range(0, len(features), 100):
        found.update(features[start : start + 100])
    return found


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    return seeded.features()


def test_frechet(sets: tuple) -> None:
    distance = frechet_distance(*map(moments, sets))
    expected = golden("clean_fid")["frechet_distance"]
    assert distance == pytest.approx(expected, rel=1e-6)
    fidelity = golden("torch_fidelity")["frechet_inception_distance"]
    assert distance == pytest.approx(fidelity, rel=1e-5)


def test_kernel(sets: tuple) -> None:
    real, fake = sets
    expected = golden("torch_fidelity")
    distance = kernel_distance(fake, real)
    assert distance.mean == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    assert distance.std == pytest.approx(expected["kernel_inception_distance_std"], rel=1e-3)
    whole = kernel_distance(
        real[:500].astype(float), fake[:500].astype(float), subsets=1, subset_size=500
    )
    assert whole.mean == pytest.approx(golden("clean_fid")["kernel_distance_of_500"], rel=1e-9)


def test_inception_score() -> None:
    expected = golden("torch_fidelity")
    score = inception_score(seeded.logits())
    assert score.mean == pytest.approx(expected["inception_score_mean"], rel=1e-9)
    assert score.std == pytest.approx(expected["inception_score_std"], rel=1e-7)


def test_manifold(sets: tuple) -> None:
    real, fake = sets
    expected = golden("prdc")
    found = manifold(real, fake, k=5)
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-9), name
    closed = manifold(real, fake, k=3, closed=True)
    assert closed.precision == pytest.approx(golden("torch_fidelity")["precision"], abs=1e-6)
    assert closed.recall == pytest.approx(golden("torch_fidelity")["recall"], abs=1e-6)


def test_path_length() -> None:
    rng = np.random.RandomState(2020)
    first, second = rng.randn(2, seeded.PATH_PAIRS, seeded.LATENT).astype(np.float32)
    second = first + (second - first) * np.float32(seeded.EPSILON)
    a, b = seeded.generator_matrices()
    images = [np.tanh(z @ a) @ b for z in (first, second)]
    distances = np.square(images[0] - images[1]).sum(axis=1) / seeded.EPSILON**2
    kept = kept_distances(distances)
    expected = golden("path_length")
    assert kept.mean() == pytest.approx(expected["perceptual_path_length_mean"], rel=1e-3)
    assert kept.std() == pytest.approx(expected["perceptual_path_length_std"], rel=1e-3)
