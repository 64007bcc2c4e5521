"""Intervals against the bootstrap, and against how the numbers really scatter."""

from __future__ import annotations

import numpy as np
import pytest

from tgan_tf.metrics import influence
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.inception_score import inception_score
from tgan_tf.metrics.suite import Definitions, compute_metrics


def moments(features: np.ndarray) -> Moments:
    found = Moments()
    found.update(features)
    return found


def test_frechet_error_is_the_bootstraps() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    real = moments(rng.normal(size=(4000, 6)) @ mixing)
    fake = 1.2 * rng.normal(size=(2000, 6)) @ mixing + 0.3
    error = influence.frechet_error(real, moments(fake), fake)
    again = [
        frechet_distance(real, moments(fake[rng.integers(0, len(fake), len(fake))]))
        for _ in range(300)
    ]
    assert error == pytest.approx(np.std(again), rel=0.15)  # of 300 draws: 4 %


def test_score_error_is_the_bootstraps() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2000, 10))
    score = inception_score(logits, splits=1)
    again = [
        inception_score(logits[rng.integers(0, 2000, 2000)], splits=1).mean for _ in range(200)
    ]
    assert score.error == pytest.approx(np.std(again), rel=0.2)


class _Named:
    name, identity, dim = "plain", "plain/1", 5


def test_every_number_has_an_interval_that_holds_it() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(2, 600, 5)).astype(np.float32)
    extractor: FeatureExtractor = _Named()  # type: ignore[assignment]
    results = compute_metrics(
        [real], [fake], extractor=extractor, definitions=Definitions(kernel_subset_size=0)
    )
    assert len(results) == 6
    for name, result in results.items():
        assert result.interval is not None, name
        assert result.interval.low <= result.value <= result.interval.high, name
    # Of one distribution: the kernel distance's holds its true value.
    assert results["kernel_plain"].interval.low < 0 < results["kernel_plain"].interval.high


def test_sets_without_spread_have_an_error_too() -> None:
    spread = np.random.default_rng(0).normal(size=(50, 3))
    flat = np.ones((50, 3))
    assert influence.frechet_error(moments(flat), moments(flat), flat) == 0
    assert influence.frechet_error(moments(spread), moments(flat), flat) == 0
    assert influence.frechet_error(moments(flat), moments(spread), spread) > 0
