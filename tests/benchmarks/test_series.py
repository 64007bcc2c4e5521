import numpy as np
import pytest

from benchmarks.series import neighbour_accuracy, normal


def test_a_normal_distribution_for_each_class():
    rng = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    series = rng.normal(size=(4000, 3, 2)).cumsum(axis=1) + 10 * labels[:, None, None]
    wanted = np.repeat([0, 1], 3000)
    drawn = normal(series, labels, wanted)
    for label in (0, 1):
        a, b = series[labels == label], drawn[wanted == label]
        np.testing.assert_allclose(a.mean(axis=0), b.mean(axis=0), atol=0.15)
        covariances = [np.cov(x.reshape(len(x), -1).T) for x in (a, b)]
        np.testing.assert_allclose(*covariances, atol=0.3)
    assert normal(series, None, np.zeros(5, int)).std() > 3  # one for both classes


def test_nearest_neighbours():
    rng = np.random.default_rng(0)
    real, same = rng.normal(size=(2, 500, 4, 2))
    assert neighbour_accuracy(real, same) == pytest.approx(0.5, abs=0.07)
    assert neighbour_accuracy(real, same + 9) == 1
    assert neighbour_accuracy(real, real) == 0  # each one's twin is of the other kind
