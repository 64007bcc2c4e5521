"""The table of conditions: what each kind takes of it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.layers import embed, without

TABLE = np.random.default_rng(0).normal(size=(4, 5))


def test_a_class_is_its_own_attribute():
    """And a condition with fewer columns than the table has rows has zeros in the others."""
    label = np.array([2, 0, 3])
    np.testing.assert_array_equal(embed(TABLE, label), TABLE[label])
    np.testing.assert_allclose(embed(TABLE, np.eye(4)[label]), TABLE[label], rtol=1e-15)
    some = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.5, -2.0, 0.25]])
    np.testing.assert_allclose(embed(TABLE, some), some @ TABLE[:3], rtol=1e-12)


def test_without():
    hidden = np.array([True, False, True])
    np.testing.assert_array_equal(without(tf.constant([2, 1, 0]), hidden, 4), [3, 1, 3])
    some = tf.constant(np.random.default_rng(1).normal(size=(3, 3)))
    given = without(some, tf.constant(hidden), 4)
    np.testing.assert_array_equal(given[1], [*some[1].numpy(), 0])
    np.testing.assert_allclose(embed(TABLE, given).numpy()[[0, 2]], TABLE[[3, 3]], rtol=1e-15)
