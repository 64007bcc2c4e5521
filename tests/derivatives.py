"""Derivatives by finite differences, to check those of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


def assert_gradients(
    function: Callable[[], tf.Tensor],
    variables: Sequence[tf.Variable],
    *,
    step: float = 1e-5,
    rtol: float = 1e-6,
) -> None:
    """Compares the gradient of a scalar with central differences, in float64.

    All variables move together along a few random directions: an error in any of them shows. If
    one does, each moves alone, so that the message can name it.

    Args:
        function: of no arguments; reads the variables.
        variables: float64.
        step: length of the step / length of the direction, for each variable.
        rtol: greatest error / greatest slope.
    """
    with tf.GradientTape() as tape:
        value = function()
    gradients = tape.gradient(value, variables)
    assert all(gradient is not None for gradient in gradients)
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]
    starts = [variable.numpy() for variable in variables]
    assert all(start.dtype == np.float64 for start in starts)
    random = np.random.default_rng(0)

    def slopes(moving: Sequence[int]) -> tuple[float, float]:
        """Along one direction of these variables: by the gradient, and measured."""
        directions = {i: random.normal(size=starts[i].shape) for i in moving}
        ends = []
        for sign in (1, -1):
            for i, direction in directions.items():
                variables[i].assign(starts[i] + sign * step * direction)
            ends.append(float(function()))
        for i in moving:
            variables[i].assign(starts[i])
        exact = sum(np.sum(gradients[i] * direction) for i, direction in directions.items())
        return float(exact), (ends[0] - ends[1]) / (2 * step)

    everything = range(len(variables))
    given, measured = np.transpose([slopes(everything) for _ in range(3)])
    if not np.allclose(given, measured, rtol=rtol, atol=rtol * np.abs(measured).max()):
        alone = {f"{i} {getattr(v, 'path', v.name)}": slopes([i]) for i, v in enumerate(variables)}
        raise AssertionError(f"(gradient, measured): together {given}, {measured}; alone {alone}")
