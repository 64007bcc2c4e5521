"""Frechet distance against closed forms and scipy's matrix square root."""

import numpy as np
import pytest
import scipy.linalg

from tgan_tf.metrics.frechet import Moments, frechet_distance, gaussian_frechet_distance


def moments(features, *, batch=None):
    accumulated = Moments()
    for start in range(0, len(features), batch or len(features)):
        accumulated.update(features[start : start + (batch or len(features))])
    return accumulated


def random_covariance(rng, dim, rank=None):
    root = rng.normal(size=(dim, rank or dim))
    return root @ root.T


def test_closed_form_of_commuting_covariances():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    a, b = rng.uniform(0.1, 3, (2, 6))
    shift = rng.normal(size=6)
    distance = gaussian_frechet_distance(
        shift, basis * a @ basis.T, np.zeros(6), basis * b @ basis.T
    )
    assert distance == pytest.approx(shift @ shift + ((a**0.5 - b**0.5) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize("dim", [3, 40])
def test_trace_by_eigh_is_that_of_sqrtm(dim):
    rng = np.random.default_rng(dim)
    a, b = random_covariance(rng, dim), random_covariance(rng, dim)
    shift = rng.normal(size=dim)
    expected = shift @ shift + np.trace(a + b - 2 * scipy.linalg.sqrtm(a @ b).real)
    distance = gaussian_frechet_distance(shift, a, np.zeros(dim), b)
    assert distance == pytest.approx(expected, rel=1e-10)


def test_fewer_samples_than_features():
    rng = np.random.default_rng(1)
    a, b = random_covariance(rng, 50, rank=10), random_covariance(rng, 50, rank=12)
    expected = np.trace(a) + np.trace(b)
    # Tr sqrt(A A' B B') = sum of the singular values of A' B (nuclear norm)
    roots = [scipy.linalg.sqrtm(x + 1e-13 * np.eye(50)).real for x in (a, b)]
    expected -= 2 * np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    zero = np.zeros(50)
    assert gaussian_frechet_distance(zero, a, zero, b) == pytest.approx(expected, rel=1e-4)
    assert gaussian_frechet_distance(zero, a, zero, a) < 1e-10 * np.trace(a)
    assert gaussian_frechet_distance(zero, a, zero, b) == pytest.approx(
        gaussian_frechet_distance(zero, b, zero, a), rel=1e-7
    )


def test_two_sample_sets_of_known_gaussians():
    rng = np.random.default_rng(2)
    a = moments(rng.normal(size=(100_000, 4)))
    b = moments(rng.normal(size=(100_000, 4)) * 2 + 1)
    # 4 dimensions, each (1 - 0)^2 + (2 - 1)^2
    assert frechet_distance(a, b) == pytest.approx(8, rel=0.02)


def test_a_set_and_itself():
    features = np.random.default_rng(3).normal(size=(300, 20)).astype(np.float32)
    assert frechet_distance(moments(features), moments(features)) < 1e-12


def test_streamed_equals_batch_equals_merged():
    # A large mean would cost digits if raw squares were summed.
    features = np.random.default_rng(4).normal(size=(500, 8)) + 1e6
    streamed, shard_a, shard_b = moments(features, batch=7), Moments(), Moments(8)
    shard_a.update(features[:123])
    shard_b.update(features[123:])
    shard_a.merge(shard_b)
    shard_a.merge(Moments())
    for m in (moments(features), streamed, shard_a):
        assert m.count == 500
        np.testing.assert_allclose(m.mean, features.mean(0), rtol=1e-14)
        np.testing.assert_allclose(m.cov(), np.cov(features.T), rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(m.cov(0), np.cov(features.T, ddof=0), rtol=1e-7, atol=1e-9)


def test_state_survives_storage():
    before = moments(np.random.default_rng(5).normal(size=(9, 3)))
    after = Moments.from_arrays(before.to_arrays())
    after.update(np.ones((2, 3)))
    before.update(np.ones((2, 3)))
    np.testing.assert_array_equal(after.cov(), before.cov())
    assert after.count == before.count == 11


def test_refusals():
    m = Moments()
    m.update(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\[N, 3\], these have \[2, 4\]"):
        m.update(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"1 of 2 feature vectors.*number 1.*diverged"):
        m.update(np.array([[0, 0, 0], [0, np.nan, 0]]))
    with pytest.raises(ValueError, match="real numbers"):
        m.update(np.array([["a", "b", "c"]]))
    with pytest.raises(ValueError, match="at least 2 samples, there are 1"):
        moments(np.ones((1, 3))).cov()
    with pytest.raises(ValueError, match="cannot merge"):
        m.merge(moments(np.ones((2, 4))))
    with pytest.raises(ValueError, match="do not match"):
        frechet_distance(m, moments(np.ones((2, 4))))
