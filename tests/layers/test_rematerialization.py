"""Rematerialised layers against themselves: derivatives of the first and the second order."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.layers import TransformerBlock, rematerialized


def test_derivatives_are_those_of_the_layer():
    attention = {"grid": (2, 2), "relative_bias": True, "noise": True}
    block = TransformerBlock(4, 2, 1, modulation="shift", attention=attention, dtype="float64")
    block.build((None, 4, 4), (None, 3))
    random = np.random.default_rng(0)
    for weight in block.weights:
        weight.assign(random.normal(0, 0.3, weight.shape))
    x, w, noise = (tf.constant(random.normal(size=s)) for s in ((2, 4, 4), (2, 3), (2, 4)))
    weights = [weight.value for weight in block.trainable_variables]

    def derivatives(again: bool) -> list[tf.Tensor]:
        call = rematerialized(block) if again else block
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as outer:
            outer.watch(weights)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch([x, w])
                total = tf.reduce_sum(tf.square(call(x, w, None, noise)))
            first = inner.gradient(total, [x, w])
            penalty = sum(tf.reduce_sum(tf.square(gradient)) for gradient in first)
        both = [outer.gradient(y, weights) for y in (total, penalty)]
        return [total, *first, *(tf.convert_to_tensor(g) for gs in both for g in gs)]

    for given, expected in zip(derivatives(True), derivatives(False), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-10, atol=1e-10)


def test_half_precision():
    """The layer's own: weights and their gradients are float32, what comes out is not."""
    block = TransformerBlock(4, 2, dtype="mixed_bfloat16")
    block.build((None, 3, 4))
    x = tf.ones((2, 3, 4), tf.bfloat16)
    with tf.GradientTape() as tape:
        y = rematerialized(block)(x)
    np.testing.assert_array_equal(y, block(x))
    gradients = tape.gradient(y, [weight.value for weight in block.trainable_variables])
    assert {gradient.dtype for gradient in gradients} == {tf.float32}
    assert all(np.isfinite(gradient).all() for gradient in gradients)
