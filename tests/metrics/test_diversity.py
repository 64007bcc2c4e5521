"""Distances within and between captions: by hand, and of a generator that is told captions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tgan_tf import caption_metrics
from tgan_tf.config import ConfigError
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.metrics.diversity import diversity


def test_by_hand():
    """A pair 2 apart and a triple on a line, 10 to the right."""
    features = np.array([[0, 0], [10, 0], [0, 2], [10, 3], [10, 9]], np.float32)
    found = diversity(features, np.array([0, 1, 0, 1, 1]))
    np.testing.assert_allclose(found.within, [2, (3 + 6 + 9) / 3])
    across = [np.hypot(10, there - here) for here in (0, 2) for there in (0, 3, 9)]
    assert found.between == pytest.approx(np.mean(across))
    np.testing.assert_allclose(found.shares, found.within / found.between)


def test_groups_that_mean_nothing_come_near_one():
    rng = np.random.default_rng(0)
    features = rng.normal(100, 1, (300, 6)).astype(np.float32)
    assert diversity(features, np.arange(300) % 60).shares.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("groups", [[0, 0, 0, 0], [0, 0, 0, 1]])
def test_too_few(groups):
    with pytest.raises(ValueError, match="two groups or more"):
        diversity(np.eye(4), np.array(groups))


def test_equal_images():
    with pytest.raises(ValueError, match="all images are equal"):
        diversity(np.ones((4, 2)), np.array([0, 0, 1, 1]))


class Mean:
    """A network that sees how light an image is."""

    name, identity, dim = "mean", "mean", 1

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return images.mean(axis=(1, 2, 3))[:, None].astype(np.float32)


def shades(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2)


def source_of(train: dict[int, str], val: dict[int, str]) -> Source:
    def split(captions: dict[int, str]) -> SampleSet:
        vectors = np.array([[len(text)] for text in captions.values()], np.float32)
        return SampleSet(shades(*captions), vectors, tuple(captions.values()))

    return Source("shades", split(train), split(val))


def test_of_a_generator_beside_real_images(monkeypatch):
    """A caption's images are 0, 8, 16 and 24 above a hundred for each of its letters."""
    monkeypatch.setattr(caption_metrics, "_FEWEST_SHARED", 2)
    real = {0: "a", 100: "bb", 8: "a", 120: "bb", 50: "ccc"}
    source, progress = source_of(real, {1: "d", 101: "ee"}), []

    def sample(seeds, vectors):
        return shades(*(100 * vectors[:, 0] + 8 * (np.array(seeds) % 4)).astype(int))

    outcome = caption_metrics.caption_diversity(
        sample, source, Mean(), lambda *at: progress.append(at)
    )
    within = np.mean([8 * (b - a) for a, b in combinations(range(4), 2)])
    assert outcome.details["within"] == pytest.approx(within)
    assert outcome.details["between"] == pytest.approx(100)
    assert outcome.value == pytest.approx(within / 100)
    across = np.mean([abs(a - b) for a in (0, 8) for b in (100, 120)])
    assert outcome.details["real"] == pytest.approx((8 + 20) / 2 / across)
    assert (outcome.details["real_captions"], outcome.real, outcome.fake) == (2, 4, 8)
    assert progress[-1] == (12, 12)
    assert outcome.interval.low == pytest.approx(outcome.value)  # of two equal captions


def test_captions_that_few_share_have_no_figure_of_real_images():
    source = source_of({0: "a", 1: "a", 2: "bb", 3: "bb"}, {9: "d", 90: "ee"})
    outcome = caption_metrics.caption_diversity(
        lambda seeds, vectors: shades(*seeds), source, Mean(), lambda *at: None
    )
    assert "real" not in outcome.details


def test_what_cannot_be_measured_is_said_before():
    alike = source_of({0: "a"}, {1: "d", 2: "d"})
    with pytest.raises(ConfigError, match="all held-out captions are equal"):
        caption_metrics.check(["caption_diversity"], alike)
    with pytest.raises(ConfigError, match=r"--metrics=retrieval: of 2 held-out captions"):
        caption_metrics.check(["retrieval"], alike)
    without = Source("shades", SampleSet(shades(0)), SampleSet(shades(1)))
    with pytest.raises(ConfigError, match="--metrics=caption_diversity: shades has no captions"):
        caption_metrics.check(["frechet", "caption_diversity"], without)
    caption_metrics.check(["frechet"], without)
