"""Counting modes, where the count is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import modes
from benchmarks.modes import CENTRES, coverage, grid_coverage, grid_points, mode_of, stacks


def test_the_grid_covers_itself() -> None:
    points = grid_points(50_000, np.random.default_rng(0))
    found = grid_coverage(points)
    assert (found.modes, found.of, found.samples) == (25, 25, 50_000)
    # A normal distribution in the plane holds 1 - exp(-9 / 2) within three standard deviations.
    assert found.high_quality == pytest.approx(1 - np.exp(-4.5), abs=3e-3)
    assert found.kl == pytest.approx(0, abs=2e-3)


def test_what_lies_between_is_of_no_mode() -> None:
    found = grid_coverage(np.array([[0.0, 0.0], [0.0, 0.1], [4.0, -4.1], [1.0, 1.0], [0.0, 0.2]]))
    assert found.modes == 2
    assert found.high_quality == pytest.approx(0.6)
    # Two thirds and one third, of 25 equal ones.
    assert found.kl == pytest.approx(2 / 3 * np.log(50 / 3) + 1 / 3 * np.log(25 / 3))


def test_one_mode_of_many_is_the_farthest_from_all() -> None:
    found = coverage(np.zeros(100, int), np.full(1000, 1e-3))
    assert (found.modes, found.high_quality) == (1, None)
    assert found.kl == pytest.approx(np.log(1000))


def test_nothing_near_any_mode() -> None:
    found = grid_coverage(CENTRES + 1)
    assert (found.modes, found.high_quality, found.kl) == (0, 0.0, float("inf"))


def test_stacks_are_three_digits() -> None:
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 1), np.uint8)
    stacked, numbers = stacks(images, np.arange(10), 5000, np.random.default_rng(0))
    assert stacked.shape == (5000, 8, 8, 3)
    np.testing.assert_array_equal(mode_of(stacked[:, 0, 0].astype(int)), numbers)
    assert len(np.unique(numbers)) > 980
    shares = modes._shares(np.array([0, 0, 1, *range(2, 10)]))
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx((2 / 11) ** 3)


def test_the_table_has_the_published_beside_ours() -> None:
    text = modes.table(
        "grid", {"here": coverage(np.arange(25), np.full(25, 0.04), np.ones(25, bool))}
    )
    assert "| here | 25 | 100.0% | 0.000 |" in text
    assert "| PacGAN2 (published) | 23.8 | 91.3% | 0.130 |" in text
    assert "| DCGAN (published) | 99 |  | 3.400 |" in modes.table("digits", {})
