"""Minibatch standard deviation against NumPy, and what its groups promise."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.layers import MinibatchStddev

RANDOM = np.random.default_rng(0)


def reference(x: np.ndarray, group: int) -> np.ndarray:
    """One group after another; the last may have fewer."""
    parts = [x[start : start + group] for start in range(0, len(x), group)]
    return np.concatenate(
        [np.full((len(p), 1), np.sqrt(p.var(axis=0) + 1e-8).mean()) for p in parts]
    )


@pytest.mark.parametrize("batch", [1, 3, 4, 8, 9])
@pytest.mark.parametrize("shape", [(5,), (6, 4), (3, 2, 4)])
def test_reference(batch, shape):
    x = RANDOM.normal(2, 1, (batch, *shape))
    layer = MinibatchStddev(4, dtype="float64")
    y = layer(tf.constant(x))
    np.testing.assert_allclose(y, reference(x, 4), rtol=1e-12)
    assert layer.compute_output_shape(x.shape) == y.shape
    unknown = tf.function(
        layer, input_signature=[tf.TensorSpec((None, *shape), tf.float64)], autograph=False
    )
    np.testing.assert_allclose(unknown(x), y, rtol=1e-12)
    compiled = tf.function(layer, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(x)), y, rtol=1e-12)


def test_of_a_known_spread():
    """-1 and 1: a deviation of 1 in every feature; without a difference, none."""
    x = np.array([-1.0, 1.0, 5.0, 5.0])[:, None, None] * np.ones((1, 3, 2))
    np.testing.assert_allclose(
        MinibatchStddev(2, dtype="float64")(x), [[1.0], [1.0], [1e-4], [1e-4]], rtol=1e-7
    )


def test_joined_batches_stay_apart():
    """As the two halves of a finite difference, and the shares of replicas."""
    a, b = RANDOM.normal(size=(2, 6, 5, 2))
    layer = MinibatchStddev(3, dtype="float64")
    np.testing.assert_array_equal(
        layer(np.concatenate([a, b])), np.concatenate([layer(a), layer(b)])
    )


def test_second_derivative():
    x = tf.Variable(RANDOM.normal(size=(5, 3, 2)))
    weights = RANDOM.normal(size=(5, 1))
    layer = MinibatchStddev(2, dtype="float64")

    def penalty() -> tf.Tensor:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(x) * weights)
        return tf.reduce_sum(tf.square(tape.gradient(total, x)))

    # Where a group is one example, its variance is 0 whatever it is.
    assert_gradients(penalty, [x])


def test_the_gradient_of_equal_examples_is_finite():
    x = tf.ones((4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(MinibatchStddev(4)(x))
    np.testing.assert_array_equal(tape.gradient(total, x), np.zeros((4, 3)))


def test_round_trip():
    layer = MinibatchStddev(3, 1e-6)
    stored = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(stored).get_config() == layer.get_config()


def test_a_group_of_one():
    with pytest.raises(ValueError, match="group=1"):
        MinibatchStddev(1)


def test_equal_examples_have_a_derivative_in_float16():
    """Whose least positive number is above epsilon."""
    layer = MinibatchStddev(2, dtype="mixed_float16")
    x = tf.ones((2, 3), tf.float16)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    assert y.dtype == tf.float16
    np.testing.assert_array_equal(tape.gradient(y, x), np.zeros((2, 3)))
