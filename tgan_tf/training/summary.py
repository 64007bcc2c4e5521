"""What networks cost before they are trained: parameters, operations, memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from tgan_tf.config import Config

# Operations whose result is a view of, or as good as free beside, their input.
_FREE = {
    "BroadcastTo",
    "Const",
    "ExpandDims",
    "Identity",
    "NoOp",
    "Pack",
    "Placeholder",
    "ReadVariableOp",
    "Reshape",
    "Shape",
    "Squeeze",
    "StopGradient",
}


@dataclass(frozen=True)
class Cost:
    """Of one forward pass of one sample.

    Args:
        flops: of matrix products and convolutions; a multiplication with its addition counts as 2.
        activation_bytes: of all results that a backward pass may want.
    """

    flops: int
    activation_bytes: int


def measure(function: Callable[..., tf.Tensor], *specs: tf.TensorSpec) -> Cost:
    """The cost of a function, counted in its graph.

    Args:
        function: of tensors.
        *specs: of its arguments, with static shapes.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    flops = activations = 0
    for operation in graph.get_operations():
        flops += _flops(operation)
        if operation.type not in _FREE:
            activations += sum(
                math.prod(output.shape) * output.dtype.size
                for output in operation.outputs
                if output.dtype.is_floating and output.shape.is_fully_defined()
            )
    return Cost(flops, activations)


def generator_cost(generator: keras.Model, config: Config) -> Cost:
    """One sample, noise to image."""
    specs = [tf.TensorSpec((1, config.generator.latent_dim), tf.float32)]
    if config.data.num_classes:
        specs.append(tf.TensorSpec((1,), tf.int32))
    return measure(generator, *specs)


def discriminator_cost(discriminator: keras.Model, config: Config) -> Cost:
    """One sample, image to logit."""
    shape = (1, *config.data.image_size, config.data.channels)
    specs = [tf.TensorSpec(shape, tf.float32)]
    if config.data.num_classes:
        specs.append(tf.TensorSpec((1,), tf.int32))
    return measure(discriminator, *specs)


def state_bytes(gan: keras.Model) -> int:
    """Weights, moving average and optimizer slots, of one replica."""
    variables = [
        *gan.generator.variables,
        *gan.discriminator.variables,
        *gan.ema_generator.variables,
        *gan.g_optimizer.variables,
        *gan.d_optimizer.variables,
    ]
    return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)


def training_bytes(gan: keras.Model, config: Config, replicas: int) -> tuple[int, int]:
    """(state, working) memory of one replica, as estimated from the graphs.

    The working part is at its greatest in the discriminator's step with a penalty: its activations
    for real and fake samples, and for both once more, moved (finite difference) or on the way
    back (exact); those of the generator wait meanwhile for its own step.
    """
    batch = config.training.batch_size // replicas
    g, d = generator_cost(gan.generator, config), discriminator_cost(gan.discriminator, config)
    passes = 2 + 2 * bool(config.objective.r1_gamma or config.objective.r2_gamma)
    return state_bytes(gan), batch * (g.activation_bytes + passes * d.activation_bytes)


def parameter_table(network: keras.Model) -> list[tuple[str, str, int]]:
    """(part, shapes of its weights, parameters) for each top-level part, in order."""
    parts: dict[str, list[keras.Variable]] = {}
    for weight in network.weights:
        parts.setdefault(weight.path.split("/")[1], []).append(weight)
    rows = []
    for name, weights in parts.items():
        # A block has a dozen; the shape says something only for the parts that have one or two.
        shapes = " ".join("x".join(map(str, weight.shape)) or "1" for weight in weights[:2])
        more = f" +{len(weights) - 2}" if len(weights) > 2 else ""
        rows.append((name, shapes + more, sum(math.prod(weight.shape) for weight in weights)))
    return rows


def parameters(network: keras.Model) -> int:
    """Number of trained numbers."""
    return sum(math.prod(weight.shape) for weight in network.weights)


def table(rows: list[tuple[str, ...]], *, right: tuple[int, ...] = ()) -> str:
    """Plain text columns; those numbered in ``right`` are right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _flops(operation: tf.Operation) -> int:
    """Of one operation; 0 for all but products and convolutions."""
    if not operation.outputs or not operation.outputs[0].shape.is_fully_defined():
        return 0
    outputs = math.prod(operation.outputs[0].shape)
    if operation.type == "MatMul":
        inner = operation.inputs[0].shape[0 if operation.get_attr("transpose_a") else 1]
    elif operation.type in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
        inner = operation.inputs[0].shape[-2 if operation.get_attr("adj_x") else -1]
    elif operation.type in ("Conv2D", "Conv3D"):
        inner = math.prod(operation.inputs[1].shape[:-1])
    elif operation.type == "DepthwiseConv2dNative":
        inner = math.prod(operation.inputs[1].shape[:2])
    elif operation.type == "Conv2DBackpropInput":  # a transposed convolution
        outputs, inner = (
            math.prod(operation.inputs[2].shape),
            math.prod(operation.inputs[1].shape[:-1]),
        )
    elif operation.type == "Einsum":
        return _einsum_flops(operation)
    else:
        return 0
    return 2 * outputs * inner


def _einsum_flops(operation: tf.Operation) -> int:
    """2 x the product of the sizes of all letters."""
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        sizes |= dict(zip(term.replace("...", ""), tensor.shape, strict=False))
    return 2 * math.prod(sizes.values())
