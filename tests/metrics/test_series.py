"""Distances of time series, on waves whose answers are known."""

import functools

import numpy as np
import pytest

from tgan_tf.config import Config
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.metrics import series
from tgan_tf.other_metrics import Reals


def waves(count: int = 600, length: int = 16, seed: int = 0) -> np.ndarray:
    """Sines of random phase in two channels, the second a quarter behind: [N, length, 2]."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1)) + np.array([0, np.pi / 2])
    return np.sin(2 * np.pi * 0.1 * np.arange(length)[:, None] + phase)


def shuffled(x: np.ndarray) -> np.ndarray:
    """The same values in random order of time: marginals stay."""
    rng = np.random.default_rng(1)
    return np.stack([row[rng.permutation(len(row))] for row in x])


def test_marginal_distance_of_a_shift_is_the_shift():
    x = waves()
    assert series.marginal_distance(x, x) == 0
    shift = series.marginal_distance(x, x + 0.5 * x.std(axis=(0, 1)))
    assert shift == pytest.approx(0.5, rel=1e-6)
    assert series.marginal_distance(x, shuffled(x)) < 1e-12


def test_autocorrelation_of_a_sine_is_a_cosine():
    values = series.autocorrelation(waves(5000), 8)
    expected = np.cos(2 * np.pi * 0.1 * np.arange(1, 9))
    np.testing.assert_allclose(values, np.stack([expected] * 2, axis=-1), atol=0.05)


def test_autocorrelation_distance_sees_order():
    x = waves()
    assert series.autocorrelation_distance(x, waves(seed=1)) < 0.05
    assert series.autocorrelation_distance(x, shuffled(x)) > 0.4


def test_correlation_distance_sees_channels_that_do_not_belong_together():
    x = waves()
    same = np.stack([x[..., 0], x[..., 0]], axis=-1)
    assert series.correlation_distance(x, waves(seed=1)) < 0.05
    assert series.correlation_distance(x, same) == pytest.approx(1, abs=0.05)
    assert series.correlation_distance(x[..., :1], same[..., :1]) == 0


def test_a_network_tells_other_waves_but_not_the_same():
    x = waves(length=6)
    assert series.discriminative_score(x, waves(length=6, seed=1), steps=150) < 0.1
    assert series.discriminative_score(x, shuffled(x), steps=150) > 0.35


def test_prediction_learned_from_noise_is_worse():
    x = waves(length=6)
    good = series.predictive_score(x, waves(length=6, seed=1), steps=150)
    bad = series.predictive_score(x, shuffled(x), steps=150)
    assert good < 0.12
    assert bad > 2 * good


def test_what_cannot_be_compared():
    x = waves(20)
    with pytest.raises(ValueError, match="one shape"):
        series.marginal_distance(x, x[:, :8])
    with pytest.raises(ValueError, match="diverged"):
        series.marginal_distance(x, x * np.nan)


def test_one_held_out_series_says_nothing_of_others(monkeypatch):
    """A short recording: it used to end with an empty test set."""
    for name in ("discriminative_score", "predictive_score"):
        score = functools.partial(getattr(series, name), steps=2)
        monkeypatch.setitem(series.METRICS, name, score)
    x = waves(20).astype(np.float32)
    source = Source("waves", SampleSet(x), SampleSet(x[:1]), modality="series")
    reference = Reals("training", x, None)
    found = series.measure(x[:2], None, reference, source, Config(), lambda done, count: None)
    assert found.keys() == series.METRICS.keys()
    assert all(outcome.details == {} for outcome in found.values())
    assert all(np.isfinite(outcome.value) for outcome in found.values())
