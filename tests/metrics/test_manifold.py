"""Precision, recall, density and coverage against brute force and cases with known answers."""

import numpy as np
import pytest

from tgan_tf.metrics import manifold as module
from tgan_tf.metrics.manifold import manifold, neighbour_distances


def brute_force(real, fake, k, closed):
    """The four definitions, sample by sample (Kynkaanniemi 2019, eq. 1-2; Naeem 2020, eq. 4-5)."""

    def radius(set_, i):
        return sorted(np.linalg.norm(x - set_[i]) for j, x in enumerate(set_) if j != i)[k - 1]

    def inside(point, centre, radius):
        distance = np.linalg.norm(point - centre)
        return distance <= radius if closed else distance < radius

    real_radii = [radius(real, i) for i in range(len(real))]
    fake_radii = [radius(fake, i) for i in range(len(fake))]
    real_balls = list(zip(real, real_radii, strict=True))
    fake_balls = list(zip(fake, fake_radii, strict=True))
    precision = np.mean([any(inside(f, *ball) for ball in real_balls) for f in fake])
    recall = np.mean([any(inside(r, *ball) for ball in fake_balls) for r in real])
    density = np.mean([sum(inside(f, *ball) for ball in real_balls) / k for f in fake])
    nearest = [min(np.linalg.norm(r - f) for f in fake) for r in real]
    coverage = np.mean([d < r for d, r in zip(nearest, real_radii, strict=True)])
    return precision, recall, density, coverage


def four(m):
    return m.precision, m.recall, m.density, m.coverage


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_brute_force(k, closed, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_ELEMENTS", 100)  # several blocks, the last one short
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(40, 3)), rng.normal(size=(33, 3)) * 0.7 + 0.4
    np.testing.assert_allclose(
        four(manifold(real, fake, k=k, closed=closed)), brute_force(real, fake, k, closed)
    )


@pytest.mark.parametrize("closed", [True, False])
def test_ties_on_the_sphere(closed):
    """On integer points many samples lie exactly on spheres: `<` and `<=` differ."""
    points = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2).astype(float)
    real, fake = points, points[::2] + np.array([1, 0])
    expected = brute_force(real, fake, 3, closed)
    np.testing.assert_allclose(four(manifold(real, fake, k=3, closed=closed)), expected)
    assert brute_force(real, fake, 3, True) != brute_force(real, fake, 3, False)


def test_identical_sets():
    features = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32) + 100
    m = manifold(features, features)
    assert (m.precision, m.recall, m.coverage) == (1, 1, 1)
    # Each sample is in the balls of those that have it among their k - 1 nearest (open balls),
    # and in its own: k balls on average.
    assert m.density == pytest.approx(1)


def test_collapsed_set_is_precise_and_poor():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(500, 8)).astype(np.float32)
    collapsed = np.repeat(real[np.linalg.norm(real, axis=1).argmin()][None], 300, axis=0)
    for fake in (collapsed, collapsed + 1e-4 * rng.normal(size=(300, 8)).astype(np.float32)):
        m = manifold(real, fake)
        assert m.precision == 1
        assert m.recall <= 1 / 500
        assert m.coverage < 0.2


def test_which_is_which():
    """A tight cluster inside a wide one: precise, without recall. And the other way round."""
    rng = np.random.default_rng(2)
    wide, tight = rng.normal(size=(400, 4)), rng.normal(size=(400, 4)) * 0.2
    m = manifold(wide, tight)
    assert m.precision > 0.95
    assert m.recall < 0.3
    assert m.density > 1
    swapped = manifold(tight, wide)
    assert swapped.precision == m.recall
    assert swapped.recall == m.precision


def test_outlier_fools_recall_not_coverage():
    """Few far-flung fakes have huge balls that hold everything (Naeem 2020, figure 1)."""
    rng = np.random.default_rng(3)
    real, far = rng.normal(size=(300, 4)), rng.normal(size=(300, 4)) * 30
    m = manifold(real, far)
    assert m.recall > 0.9
    assert m.coverage < 0.2


def test_refusals():
    features = np.ones((5, 2))
    with pytest.raises(ValueError, match="there are 5 real"):
        manifold(features, np.ones((9, 2)), k=5)
    with pytest.raises(ValueError, match="there are 5 generated"):
        manifold(np.ones((9, 2)), features, k=5)
    with pytest.raises(ValueError, match="k=0"):
        manifold(features, features, k=0)
    with pytest.raises(ValueError, match=r"\[N, 2\]"):
        manifold(features, np.ones((5, 3)), k=2)
    with pytest.raises(ValueError, match="NaN"):
        manifold(features, np.full((5, 2), np.inf), k=2)


def test_distances_to_neighbours():
    line = np.array([[0.0], [1.0], [3.0], [7.0]]) + 100
    np.testing.assert_allclose(neighbour_distances(line, 1), [1, 1, 2, 4])
    np.testing.assert_allclose(neighbour_distances(line, 2), [3, 2, 3, 6])
