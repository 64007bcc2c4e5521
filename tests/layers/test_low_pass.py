"""Resampling against matrices, and what its second derivative is used for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.layers.low_pass import blur, double, halve, repeat

RANDOM = np.random.default_rng(0)
TAPS = np.array([1, 3, 3, 1]) / 8


def filtered(x: np.ndarray, padding: int) -> np.ndarray:
    """By the definition of a convolution, axis after axis."""
    x = np.pad(x, [(0, 0), (padding,) * 2, (padding,) * 2, (0, 0)])
    for axis in (1, 2):
        x = np.apply_along_axis(lambda line: np.convolve(line, TAPS, "valid"), axis, x)
    return x


def with_zeros_between(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((x.shape[0], 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    wide[:, ::2, ::2] = x
    return wide


X = RANDOM.normal(size=(2, 4, 6, 3))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: blur(x, 1), filtered(X, 1)),
        (lambda x: blur(x, 2), filtered(X, 2)),
        # Zeros between the pixels; the filter makes up for them.
        (double, 4 * filtered(np.pad(with_zeros_between(X), [(0, 0), (1, 0), (1, 0), (0, 0)]), 1)),
        (halve, filtered(X, 1)[:, ::2, ::2]),
        (repeat, X.repeat(2, axis=1).repeat(2, axis=2)),
    ],
    ids=["blur_1", "blur_2", "double", "halve", "repeat"],
)
def test_reference(function, expected):
    np.testing.assert_allclose(function(tf.constant(X)), expected, atol=1e-14)
    compiled = tf.function(function, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(X)), expected, atol=1e-14)


def test_a_slope_stays_one():
    """Away from the borders, linear images are resampled without error."""
    slope = tf.constant(np.arange(8.0)[None, :, None, None] * np.ones((1, 8, 8, 1)))
    np.testing.assert_allclose(double(slope)[0, 2:-2, 8, 0], np.arange(2, 14) / 2 - 0.25)
    np.testing.assert_allclose(halve(slope)[0, 1:-1, 2, 0], [2.5, 4.5])
