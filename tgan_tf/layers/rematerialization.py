"""Layers that keep their inputs for the way back, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

Function = Callable[..., Sequence[tf.Tensor]]


def rematerialized(layer: keras.layers.Layer) -> Callable[..., tf.Tensor]:
    """A layer's call, which is computed once more on the way back (Chen et al. 2016).

    Memory holds the inputs of all such layers and the inside of one; each forward pass costs twice.
    Derivatives of any order are those of the layer: the way back itself is computed once more where
    it is differentiated, as a gradient penalty does. ``tf.recompute_grad`` has the first only.

    Args:
        layer: built; without random numbers or a state that its call changes.

    Returns:
        A function of the layer's arguments, tensors or None, by position.
    """
    weights = layer.weights

    def call(*inputs: tf.Tensor | None) -> tf.Tensor:
        places = [i for i, x in enumerate(inputs) if x is not None]

        def function(*tensors: tf.Tensor) -> Sequence[tf.Tensor]:
            given: list[Any] = [None] * len(inputs)
            for place, tensor in zip(places, tensors, strict=False):
                given[place] = tensor
            values = zip(weights, tensors[len(places) :], strict=True)
            with keras.StatelessScope(list(values)):
                return (layer(*given),)

        tensors = [inputs[i] for i in places]
        tensors += [tf.convert_to_tensor(weight.value) for weight in weights]
        return _rematerialized(function)(*tensors)[0]

    return call


def _rematerialized(function: Function) -> Function:
    """The same of a function of tensors alone, floating ones, to a sequence of them."""

    def pullback(*tensors: tf.Tensor, count: int) -> Sequence[tf.Tensor]:
        """The gradient with respect to the first ``count``, for those of the results."""
        inputs, upstream = list(tensors[:count]), list(tensors[count:])
        # A dependence on the upstream gradient, or the graph would find that all this has been
        # computed before, and keep it.
        first = tf.reshape(upstream[0], (-1,))[0]
        zero = tf.where(tf.math.is_nan(first), first, tf.zeros_like(first))
        zero = tf.stop_gradient(zero)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            inputs = [x + tf.cast(zero, x.dtype) for x in inputs]
            tape.watch(inputs)
            results = function(*inputs)
        gradients = tape.gradient(
            results,
            inputs,
            output_gradients=upstream,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return tuple(tf.convert_to_tensor(gradient) for gradient in gradients)

    @tf.custom_gradient
    def run(*tensors: tf.Tensor) -> Any:
        def gradient(*upstream: tf.Tensor) -> Sequence[tf.Tensor]:
            def back(*both: tf.Tensor) -> Sequence[tf.Tensor]:
                return pullback(*both, count=len(tensors))

            return _rematerialized(back)(*tensors, *upstream)

        return tuple(function(*tensors)), gradient

    return run
