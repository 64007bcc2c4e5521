from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from tests.training.runs import resolved
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import summary
from tgan_tf.training.summary import measure


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


def test_activations_are_what_is_kept() -> None:
    # A product and its activation; the reshape is a view.
    cost = measure(lambda a, b: tf.reshape(tf.nn.relu(a @ b), (-1,)), spec(3, 5), spec(5, 7))
    assert cost.activation_bytes == 2 * 3 * 7 * 4


def test_state_is_weights_average_and_two_moments() -> None:
    gan = TransformerGAN(resolved())
    g, d = summary.parameters(gan.generator), summary.parameters(gan.discriminator)
    numbers = 4 * (4 * g + 3 * d)
    # Besides, each optimizer counts its steps.
    assert numbers < summary.state_bytes(gan) < numbers + 100
    state, working = summary.training_bytes(gan, gan.config, replicas=1)
    assert state == summary.state_bytes(gan)
    assert working == 2 * summary.training_bytes(gan, gan.config, replicas=2)[1]


def test_the_parameter_table_adds_up() -> None:
    network = keras.Sequential([keras.layers.Dense(3), keras.layers.LayerNormalization()])
    network.build((None, 5))
    rows = summary.parameter_table(network)
    assert [row[1:] for row in rows] == [("5x3 3", 18), ("3 3", 6)]
    assert summary.parameters(network) == 24


def test_tables_are_aligned() -> None:
    text = summary.table([("part", "count"), ("a", "1,000")], right=(1,))
    assert text == "part  count\na     1,000"
    assert summary.table([("a", "n"), ("bcd", "10")], right=(1,)) == "a     n\nbcd  10"
