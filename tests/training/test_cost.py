from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
import tensorflow as tf

from tests.networks.test_contract import configure
from tgan_tf.conditions import condition_of
from tgan_tf.training import operations, summary
from tgan_tf.training.cost import measure


def spec(*shape: int) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


@pytest.mark.parametrize(
    ("function", "specs", "flops"),
    [
        (lambda a, b: a @ b, [spec(3, 5), spec(5, 7)], 2 * 3 * 5 * 7),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), [spec(5, 3), spec(5, 7)], 2 * 3 * 5 * 7),
        (lambda a, b: tf.matmul(a, b, transpose_b=True), [spec(2, 3, 5), spec(2, 7, 5)], 420),
        (lambda a, b: tf.einsum("bij,bkj->bik", a, b), [spec(2, 3, 5), spec(2, 7, 5)], 420),
        (
            lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"),
            [spec(1, 8, 8, 3), spec(5, 5, 3, 4)],
            2 * (4 * 4 * 4) * (5 * 5 * 3),
        ),
        (
            lambda x, k: tf.nn.depthwise_conv2d(x, k, (1, 1, 1, 1), "SAME"),
            [spec(1, 8, 8, 3), spec(5, 5, 3, 1)],
            2 * (8 * 8 * 3) * (5 * 5),
        ),
        (
            # Each input pixel is multiplied with the whole kernel.
            lambda x, k: tf.nn.conv2d_transpose(x, k, (1, 8, 8, 4), 2),
            [spec(1, 4, 4, 3), spec(5, 5, 4, 3)],
            2 * (4 * 4 * 3) * (5 * 5 * 4),
        ),
        (lambda a: tf.nn.relu(a) + 1.0, [spec(9, 9)], 0),
    ],
)
def test_operations_are_counted_as_by_hand(function, specs, flops: int) -> None:
    assert measure(function, *specs).flops == flops


@pytest.mark.parametrize(
    ("function", "specs", "count"),
    [
        # The result of the one is wanted by its own derivative, that of the other is not.
        (lambda a, b: tf.reshape(tf.nn.relu(a @ b), (-1,)), [spec(3, 5), spec(5, 7)], 21),
        (lambda a, b: tf.nn.leaky_relu(a @ b), [spec(3, 5), spec(5, 7)], 21),
        (lambda a: tf.exp(a) + 1.0, [spec(4)], 4),
        (lambda a: tf.transpose(2.0 * a + a), [spec(2, 2)], 0),
        # Both factors: of each the other's derivative is made; none of a constant's.
        (lambda a: (a + 1.0) * (a + 2.0), [spec(4)], 8),
        (lambda a: (a + 1.0) * 2.0, [spec(4)], 0),
        (lambda a: tf.square(a + 1.0), [spec(4)], 4),
        # A view is wanted as what it is a view of.
        (lambda a: tf.square(tf.reshape(a + 1.0, (2, 2))), [spec(4)], 4),
    ],
)
def test_activations_are_what_a_way_back_wants(function, specs, count: int) -> None:
    assert measure(function, *specs).activation_bytes == 4 * count


def wanted_by_gradients(function: Callable[..., tf.Tensor], *specs: Any, weights: Any) -> int:
    """Bytes of what the graph of a function's gradients takes from that of the function."""
    there: set[tf.Operation] = set()

    def gradients(*given: Any) -> Any:
        inputs = [x for x in tf.nest.flatten(given) if x.dtype.is_floating]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            result = function(*given)
        there.update(result.graph.get_operations())
        return tape.gradient(result, inputs)

    graph = tf.function(gradients, autograph=False).get_concrete_function(weights, *specs).graph
    wanted: dict[Any, tf.Tensor] = {}
    seen, waiting = set(there), [x.op for x in graph.outputs]
    while waiting:
        if (operation := waiting.pop()) in seen:
            continue
        seen.add(operation)
        for x in () if operation.type in ("Shape", "ShapeN") else operation.inputs:
            waiting.append(x.op)
            while x.op in there and x.op.type in operations.FREE and x.op.inputs:
                x = x.op.inputs[x.value_index]
            if x.op in there and x.op.type not in operations.FREE:
                wanted[x.ref()] = x
    return sum(map(operations.bytes_of, wanted.values()))


@pytest.mark.parametrize(
    "network",
    [
        *[("generator", name) for name in ("lada", "stylegan2")],
        *[("discriminator", name) for name in ("vitgan", "gat", "biggan", "r3gan")],
    ],
    ids="-".join,
)
def test_what_is_wanted_is_what_gradients_take(network: tuple[str, str], monkeypatch) -> None:
    """But for constants; and the gradient of swish computes again what it could take."""
    kind, name = network
    config = configure(kind, name)
    model, data = summary.networks_without_values(config)[kind], config.data
    shape = data.signal_shape if kind == "discriminator" else (config.generator.latent_dim,)
    specs = [spec(1, *shape), *([condition_of(config).spec(1)] if data.condition else [])]
    cost = summary._network_cost(model, *specs)
    monkeypatch.setattr(summary, "measure", wanted_by_gradients)
    wanted = summary._network_cost(model, *specs)
    assert 0.95 * wanted < cost.activation_bytes + cost.weight_bytes < 1.1 * wanted


def test_what_is_made_of_weights_is_there_once() -> None:
    """A normalised kernel does not grow with the batch."""
    kernel = spec(5, 7)

    def call(weights: list[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        return tf.exp(x @ (weights[0] * tf.norm(weights[0])))

    costs = [measure(call, spec(count, 5), weights=[kernel]) for count in (1, 3)]
    assert [cost.activation_bytes for cost in costs] == [4 * 7, 3 * 4 * 7]
    assert costs[0].weight_bytes == costs[1].weight_bytes > 4 * 35


def test_what_is_alive_at_once() -> None:
    """Each result goes after its last use: two of the chain at a time, beside what is added."""

    def call(x: tf.Tensor) -> tf.Tensor:
        y = first = tf.tanh(x)
        for _ in range(5):
            y = tf.tanh(y)
        return y + first

    cost = measure(call, spec(8))
    assert cost.activation_bytes == 6 * 32
    assert cost.passing_bytes == 3 * 32


def test_blocks_are_found_by_their_names() -> None:
    x = y = keras.Input((8,))
    for name in ("block_0", "block_1"):
        inside = [keras.layers.Dense(8, activation="tanh") for _ in range(3)]
        y = keras.Sequential([keras.Input((8,)), *inside], name=name)(y)
    cost = measure(keras.Model(x, y), spec(1, 8))
    assert cost.activation_bytes == 6 * 32
    assert cost.remat_bytes == (2 + 3) * 32
