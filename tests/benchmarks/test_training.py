"""Whose time is whose."""

from __future__ import annotations

import pytest
import tensorflow as tf

from benchmarks.training import part_of_step, print_profile, profile


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("generator_1/stage_0_block_0_1/mlp_in_1/MatMul", "generator, forward"),
        ("gradient_tape/generator/head/Conv2DBackpropInput", "generator, backward"),
        ("discriminator_3/stem/Conv2D", "discriminator, forward"),
        ("gradient_tape/discriminator_12/stem/Conv2D", "discriminator, backward"),
        ("generator_adam/add_3", "losses, optimizers, average, data"),
    ],
)
def test_part_of_step(name, part):
    assert part_of_step(name) == part


def test_profile_of_a_product(capsys):
    x = tf.ones((300, 300))
    multiply = tf.function(lambda: tf.matmul(x, x, name="generator/product"))
    multiply()
    operations = profile(lambda: multiply().numpy())
    products = [duration for _, kind, duration in operations if kind == "MatMul"]
    assert len(products) == 1
    assert 0 < products[0] < 1e4
    print_profile([("generator/a", "MatMul", 3.0), ("generator/b", "Add", 1.0)])
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert ["MatMul", "3.0", "75.0%", "1"] in shown
    assert ["generator,", "forward", "4.0", "100.0%", "2"] in shown
