"""Kernel distance against its definition, written out."""

import numpy as np
import pytest

from tgan_tf.metrics import kernel
from tgan_tf.metrics.kernel import kernel_distance


def definition(a, b, *, subsets, subset_size, seed=2020):
    """Eq. 4 of the paper with explicit sums over pairs, and torch-fidelity's draws."""
    rng = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        x = a[rng.choice(len(a), subset_size, replace=False)]
        y = b[rng.choice(len(b), subset_size, replace=False)]
        k = lambda u, v: (u @ v.T / a.shape[1] + 1) ** 3  # noqa: E731
        other = ~np.eye(subset_size, dtype=bool)
        values.append(k(x, x)[other].mean() + k(y, y)[other].mean() - 2 * k(x, y).mean())
    return np.mean(values), np.std(values)


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(90, 6)), rng.normal(size=(70, 6)) * 1.3 + 0.2


@pytest.mark.parametrize("subsets", [1, 40])  # either side of the choice between the two forms
def test_equals_the_definition(features, subsets):
    distance = kernel_distance(*features, subsets=subsets, subset_size=25)
    expected = definition(*features, subsets=subsets, subset_size=25)
    np.testing.assert_allclose(distance, expected, rtol=1e-12, atol=1e-15)


def test_two_forms_agree(features, monkeypatch):
    a, b = features
    k = kernel._Kernel(3, 1 / 6, 1.0)
    rows_a, rows_b = np.arange(70)[None], np.arange(70)[None]
    for block in (100, 8_000_000):
        monkeypatch.setattr(kernel, "_BLOCK_ELEMENTS", block)
        within = k.pair_sums(a, a, rows_a, rows_a) + k.pair_sums(b, b, rows_b, rows_b)
        within -= k.diagonal(a)[rows_a].sum(1) + k.diagonal(b)[rows_b].sum(1)
        summed = kernel._unbiased(within, k.pair_sums(a, b, rows_a, rows_b), 70)
        assert summed[0] == pytest.approx(k.distance(a[:70], b), rel=1e-13)


def test_float32_is_close(features):
    a, b = features
    exact = kernel_distance(a, b, subset_size=50)
    fast = kernel_distance(a.astype("f4"), b.astype("f4"), subset_size=50)
    np.testing.assert_allclose(fast, exact, atol=1e-6)


def test_unbiased():
    """Two sets from one distribution: positive and negative estimates, 0 on average."""
    rng = np.random.default_rng(1)
    values = [
        kernel_distance(*rng.normal(size=(2, 50, 8)), subsets=1, subset_size=50).mean
        for _ in range(200)
    ]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_seed_decides_the_subsets(features):
    first, again = (kernel_distance(*features, subset_size=20, seed=1) for _ in range(2))
    assert first == again
    assert first != kernel_distance(*features, subset_size=20, seed=2)


def test_refusals(features):
    with pytest.raises(ValueError, match=r"subsets of 1000 samples and there are 70.*2\.\.70"):
        kernel_distance(*features)
    with pytest.raises(ValueError, match=r"\[N, 6\]"):
        kernel_distance(features[0], np.ones((80, 7)), subset_size=10)
    with pytest.raises(ValueError, match="NaN"):
        kernel_distance(features[0], np.full((80, 6), np.nan), subset_size=10)
