"""Fixed positions, against what they are defined by."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.layers import rotate, sincos_table

GRID = (3, 5)


def test_table():
    """Formula by formula, token by token."""
    table = sincos_table(GRID, 8)
    assert table.shape == (15, 8)
    for row in range(3):
        for column in range(5):
            wanted = [
                f(place * frequency)
                for place in (row, column)
                for f in (np.sin, np.cos)
                for frequency in (1.0, 0.01)
            ]
            np.testing.assert_allclose(table[row * 5 + column], wanted, atol=1e-12)


def test_a_product_depends_on_the_offset_alone():
    random = np.random.default_rng(0)
    q, k = random.normal(size=(2, 8))
    places = np.tile(np.stack([q, k])[:, None], (1, 15, 1))  # the same token everywhere
    rotated_q, rotated_k = rotate(tf.constant(places), GRID).numpy().reshape(2, 3, 5, 8)
    reference = {}
    for i, j, m, n in np.ndindex(3, 5, 3, 5):
        product = rotated_q[i, j] @ rotated_k[m, n]
        expected = reference.setdefault((i - m, j - n), product)
        np.testing.assert_allclose(product, expected, atol=1e-10)
    assert np.std(list(reference.values())) > 0.1
    np.testing.assert_allclose(reference[0, 0], q @ k, atol=1e-12)


def test_lengths_stay_and_the_prefix_too():
    x = np.random.default_rng(0).normal(size=(2, 16, 4))
    rotated = rotate(tf.constant(x), GRID, prefix=1).numpy()
    np.testing.assert_allclose(
        np.linalg.norm(rotated, axis=-1), np.linalg.norm(x, axis=-1), atol=1e-12
    )
    np.testing.assert_array_equal(rotated[:, 0], x[:, 0])
    np.testing.assert_allclose(
        rotated[:, 1:], rotate(tf.constant(x[:, 1:]), GRID).numpy(), atol=1e-12
    )


def test_width():
    with pytest.raises(ValueError, match="a multiple of 4"):
        sincos_table(GRID, 6)
    with pytest.raises(ValueError, match="a multiple of 4"):
        rotate(tf.zeros((1, 15, 6)), GRID)
