import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from benchmarks.tts_gan import features, partners, similarity


def test_features():
    series = np.array([1.0, 3.0, 8.0]).reshape(1, 3, 1)
    variance = np.var([1, 3, 8])
    expected = [3, 4, variance**0.5, variance, (74 / 3) ** 0.5, 8, 1]
    np.testing.assert_allclose(features(series)[0, 0], expected)


def test_as_scipy_has_it():
    one, other = np.random.default_rng(0).uniform(0, 1, (2, 4, 24, 2))
    a, b = features(one), features(other)
    cosine, js = similarity(one, other)
    assert js == pytest.approx(jensenshannon(a, b, axis=-1).mean())
    pairs = zip(a.reshape(-1, 7), b.reshape(-1, 7), strict=True)
    dots = [x @ y / np.sqrt(x @ x) / np.sqrt(y @ y) for x, y in pairs]
    assert cosine == pytest.approx(np.mean(dots))
    assert similarity(one, one) == pytest.approx((1, 0))
    with pytest.raises(ValueError, match="scale the series"):
        similarity(one - 1, other)


def test_partners_are_of_one_class():
    labels, known = np.array([1, 0, 1, 1]), np.array([0, 1, 1, 1, 0, 1])
    rows = partners(labels, known, len(known))
    np.testing.assert_array_equal(known[rows], labels)
    assert len(set(rows)) == 4
    np.testing.assert_array_equal(partners(np.zeros(3, int), np.array([1, 0]), 2), [1, 1, 1])
    np.testing.assert_array_equal(np.sort(partners(None, None, 5)), range(5))
