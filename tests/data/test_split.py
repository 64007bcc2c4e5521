import numpy as np
import pytest

from tgan_tf.data.split import (
    held_out_count,
    held_out_rows,
    is_held_out,
    joined,
    stratified_order,
)


def test_order_is_a_permutation_and_depends_on_the_seed():
    labels = np.arange(50) % 3
    orders = [stratified_order(labels, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(np.sort(orders[0]), np.arange(50))
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()


def test_every_prefix_holds_each_class_in_proportion():
    sizes = np.array([100, 50, 10])
    labels = np.repeat([0, 1, 2], sizes)
    ordered = labels[stratified_order(labels, seed=3)]
    for prefix in range(1, 161):
        expected = prefix * sizes / 160
        counts = np.bincount(ordered[:prefix], minlength=3)
        assert np.abs(counts - expected).max() < 2


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(100, 0.1, 10), (3, 0.1, 1), (2, 0.5, 1), (1, 0.5, 0)]
)
def test_held_out_count_leaves_both_splits_something(count, fraction, expected):
    assert held_out_count(count, fraction) == expected


@pytest.mark.parametrize("fraction", [0.01, 0.1, 1 / 3, 0.5])
def test_systematic_sampling_is_even_and_has_the_share(fraction):
    held_out = np.flatnonzero([is_held_out(i, fraction) for i in range(10_000)])
    assert held_out[0] == 0
    assert abs(len(held_out) - 10_000 * fraction) <= 1
    assert np.ptp(np.diff(held_out)) <= 1
    assert not is_held_out(1, fraction)


def test_equal_captions_are_held_out_together():
    labels = np.arange(40) % 2
    different = [str(i) for i in range(40)]
    expected = set(stratified_order(labels, 3)[:4].tolist())
    assert held_out_rows(labels, [], 0.1, 3) == held_out_rows(labels, different, 0.1, 3) == expected
    captions = [str(i // 3) for i in range(40)]
    chosen = held_out_rows(labels, captions, 0.1, 3)
    assert 4 <= len(chosen) < 7
    others = set(range(40)) - chosen
    assert not {captions[row] for row in chosen} & {captions[row] for row in others}


def test_groups_that_share_a_caption_are_one():
    assert joined("dcbae", "vwxyz") == list("dcbae")
    assert joined("dcbaea", "vwwyzv") == list("abbaea")
    assert joined("abc", "xxx") == list("aaa")
