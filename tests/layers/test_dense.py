"""What Keras' layer computes, in a few operations."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.layers import Dense

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 4), (2, 3, 5, 4)])
@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "silu"}])
def test_as_keras(shape, options):
    ours, theirs = (kind(6, dtype="float64", **options) for kind in (Dense, keras.layers.Dense))
    x = RANDOM.normal(size=shape)
    for layer in (ours, theirs):
        layer.build(shape)
    ours.set_weights([RANDOM.normal(size=w.shape) for w in ours.weights])
    theirs.set_weights(ours.get_weights())
    expected = theirs(x)
    np.testing.assert_allclose(ours(x), expected, rtol=1e-12)
    assert ours.compute_output_shape(shape) == expected.shape
    # Whatever is not known of the shape.
    for unknown in range(len(shape)):
        spec = tf.TensorSpec([None] * unknown + list(shape[unknown:]), tf.float64)
        graph = tf.function(ours, input_signature=[spec], autograph=False)
        np.testing.assert_allclose(graph(x), expected, rtol=1e-12)
        known = graph.get_concrete_function().structured_outputs.shape
        assert known.as_list() == [None] * unknown + list(expected.shape[unknown:])


def test_derivatives():
    layer = Dense(3, activation="tanh", dtype="float64")
    x = tf.Variable(RANDOM.normal(size=(2, 3, 4)))
    layer.build(x.shape)
    assert_gradients(
        lambda: tf.reduce_sum(layer(x) ** 2), [x, layer.kernel.value, layer.bias.value]
    )


def test_half_precision_and_few_operations():
    layer = Dense(3, dtype="mixed_bfloat16")
    spec = tf.TensorSpec((None, 5, 4), tf.bfloat16)
    layer.build((None, 5, 4))
    graph = tf.function(layer, input_signature=[spec], autograph=False).get_concrete_function()
    assert graph.structured_outputs.dtype == tf.bfloat16
    kinds = [op.type for op in graph.graph.get_operations() if op.type not in ("Const", "Cast")]
    assert kinds.count("MatMul") == 1
    assert kinds.count("Reshape") == 2
    assert not {"GatherV2", "Prod", "ConcatV2", "Transpose"} & set(kinds)
