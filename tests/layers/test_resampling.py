"""Resampling of tokens, against loops over the kernel's definition."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.layers import bicubic_matrix, linear_matrix, pool_tokens, to_grid, to_tokens, upsample

RANDOM = np.random.default_rng(0)


def cubic(d: float) -> float:
    """Keys 1981, eq. 15, with a = -0.75."""
    a, d = -0.75, abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize(("size", "factor"), [(4, 2), (7, 2), (1, 2), (5, 4), (2, 4)])
def test_bicubic_matrix(size, factor):
    expected = np.zeros((factor * size, size))
    for row in range(factor * size):
        center = (row + 0.5) / factor - 0.5
        for place in range(-4, size + 4):
            expected[row, min(max(place, 0), size - 1)] += cubic(center - place)
    np.testing.assert_allclose(bicubic_matrix(size, factor), expected, atol=1e-12)


def test_known_rows():
    rows = [[1.10547, -0.10547, 0, 0], [0.77344, 0.26172, -0.03516, 0]]
    rows += [[0.22656, 0.87891, -0.10547, 0], [-0.10547, 0.87891, 0.26172, -0.03516]]
    mirrored = [row[::-1] for row in rows[::-1]]
    np.testing.assert_allclose(bicubic_matrix(4, 2), rows + mirrored, atol=5e-6)


def test_upsample_linear():
    x = RANDOM.normal(size=(2, 15, 4))
    y = to_grid(upsample(x, (3, 5), "linear"), (6, 10))
    expected = tf.image.resize(x.reshape(2, 3, 5, 4), (6, 10))
    np.testing.assert_allclose(y, expected, atol=1e-6)
    np.testing.assert_allclose(linear_matrix(2, 2)[:2], [[1, 0], [0.75, 0.25]])


def test_upsample_bicubic():
    x = RANDOM.normal(size=(2, 3, 5, 4))
    y = to_grid(upsample(tf.constant(x).numpy().reshape(2, 15, 4), (3, 5), "bicubic"), (6, 10))
    rows, columns = bicubic_matrix(3, 2), bicubic_matrix(5, 2)
    np.testing.assert_allclose(y, np.einsum("ih,jw,bhwc->bijc", rows, columns, x), atol=1e-12)


def test_upsample_shuffle():
    x = RANDOM.normal(size=(2, 3, 5, 8))
    y = to_grid(upsample(to_tokens(tf.constant(x)), (3, 5), "shuffle"), (6, 10)).numpy()
    for i, j in np.ndindex(2, 2):
        np.testing.assert_array_equal(y[:, i::2, j::2], x[..., 2 * (2 * i + j) :][..., :2])


def test_upsample_smooth_shuffle():
    """Four times the side by bicubic, the means of 4x4, then a shuffle."""
    x = RANDOM.normal(size=(2, 3, 5, 8))
    large = np.einsum("ih,jw,bhwc->bijc", bicubic_matrix(3, 4), bicubic_matrix(5, 4), x)
    smooth = large.reshape(2, 3, 4, 5, 4, 8).mean(axis=(2, 4))
    np.testing.assert_allclose(
        upsample(to_tokens(tf.constant(x)), (3, 5), "smooth_shuffle"),
        upsample(to_tokens(tf.constant(smooth)), (3, 5), "shuffle"),
        atol=1e-12,
    )


def test_unknown_kind():
    with pytest.raises(ValueError, match="kind='nearest'"):
        upsample(tf.zeros((1, 4, 4)), (2, 2), "nearest")


def test_pool():
    x = RANDOM.normal(size=(2, 4, 6, 3))
    expected = x.reshape(2, 2, 2, 3, 2, 3).mean(axis=(2, 4)).reshape(2, 6, 3)
    np.testing.assert_allclose(pool_tokens(to_tokens(tf.constant(x)), (4, 6)), expected)
