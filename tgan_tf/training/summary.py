"""What networks cost before they are trained: parameters, operations, memory."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state

from tgan_tf.conditions import condition_of
from tgan_tf.config import Config
from tgan_tf.networks import build_discriminator, build_encoder, build_generator

# Part of an operation's name inside of a transformer block.
_BLOCK = re.compile(r"(?:stage_\d+_)?block_\d+")

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
        remat_bytes: the same, if transformer blocks keep their results only, and one its inside.
    """

    flops: int
    activation_bytes: int
    remat_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a configuration comes to, known without any of its weights.

    Args:
        networks: of ``networks_without_values``.
        costs: of each.
    """

    config: Config
    networks: Mapping[str, keras.Model]
    costs: Mapping[str, Cost]

    @property
    def state_bytes(self) -> int:
        """Weights, the generator's moving average and two moments of each, of one replica."""
        size = tf.as_dtype(self.networks["generator"].variable_dtype).size
        counts = {name: parameters(network) for name, network in self.networks.items()}
        return size * (3 * sum(counts.values()) + counts["generator"])

    @property
    def _passes(self) -> int:
        """What the discriminator sees in its step for one real sample, ways back included.

        It and a fake one; for a penalty both once more, moved (finite difference) or in the
        gradient that is differentiated (exact); of WGAN-GP the point between them, there and back;
        and what else is seen only to be compared.
        """
        o = self.config.objective
        once = (o.r1_gamma, o.r2_gamma, o.cr_real, o.cr_fake, o.zcr_d, o.mismatch_share)
        return 2 + sum(map(bool, (*once, o.align_weight))) + 2 * bool(o.gp_weight)

    @property
    def working_bytes(self) -> int:
        """Activations and gradients of one sample of a part of the batch, at their greatest.

        They are so in the discriminator's step with all its penalties; the generator's activations
        wait meanwhile for its own step. The path length differentiates a gradient of the generator.
        """
        o, t = self.config.objective, self.config.training
        costs = (self.costs[name] for name in ("generator", "discriminator"))
        g, d = (cost.remat_bytes if t.remat else cost.activation_bytes for cost in costs)
        made = (t.g_batch_factor if t.micro_batches == 1 else 1) * (1 + o.disturbs)
        return max(made * g + self._passes * d, 2 * g * bool(o.path_length_weight))

    @property
    def step_flops(self) -> int:
        """Of a whole step for one sample, about: a way back costs twice the way there.

        The generator's; the discriminator's for all that it sees, and for the generator's sake
        (once to the image and back). In parts, the generator goes there once more; so do both if
        blocks are rematerialised. An encoder's, and the generator's for it.
        """
        t = self.config.training
        g, d = (self.costs[name].flops for name in ("generator", "discriminator"))
        ways = 3 + t.remat
        g_ways = ways + (t.micro_batches > 1)
        autoencoder = self.costs["encoder"].flops + g if "encoder" in self.costs else 0
        game = t.g_batch_factor * (g_ways * g + ways * d) + ways * self._passes * d
        return game + ways * autoencoder

    def largest_batch(self, memory_bytes: float) -> int:
        """Samples a replica for which the memory is enough; 0: not even for one."""
        part = max(0, int((memory_bytes - self.state_bytes) // self.working_bytes))
        return part * self.config.training.micro_batches


def plan(config: Config) -> Plan:
    """Builds the networks of a resolved configuration without allocating weights or activations."""
    networks, data = networks_without_values(config), config.data
    inputs = {
        "generator": tf.TensorSpec((1, config.generator.latent_dim), tf.float32),
        "discriminator": tf.TensorSpec((1, *data.signal_shape), tf.float32),
        "encoder": tf.TensorSpec((1, *data.signal_shape), tf.float32),
    }
    condition = condition_of(config)
    label = [condition.spec(1)] if condition.name else []
    costs = {
        name: _network_cost(network, inputs[name], *label) for name, network in networks.items()
    }
    return Plan(config, networks, costs)


def networks_without_values(config: Config) -> dict[str, keras.Model]:
    """``generator``, ``discriminator`` and, if there is one, ``encoder``, whose weights have shapes
    and no values."""
    # Weights that are made in this scope wait for their values, and get none: Keras would give
    # them to all that wait at the end of its next scope.
    waiting = global_state.get_global_attribute("uninitialized_variables", [], set_to_default=True)
    before = len(waiting)
    with keras.StatelessScope(initialize_variables=False):
        networks = {
            "generator": build_generator(config),
            "discriminator": build_discriminator(config),
        }
        if config.has_encoder:
            networks["encoder"] = build_encoder(config)
    del waiting[before:]
    return networks


def _network_cost(network: keras.Model, *specs: tf.TensorSpec) -> Cost:
    """Of a network whose weights need no values: they are inputs of the graph."""
    weights = list(network.weights)

    def call(values: list[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        mapping = list(zip(weights, values, strict=True))
        with keras.StatelessScope(mapping, initialize_variables=False):
            return network(*inputs)

    return measure(call, [tf.TensorSpec(w.shape, w.dtype) for w in weights], *specs)


def measure(function: Callable[..., tf.Tensor], *specs: Any) -> Cost:
    """The cost of a function, counted in its graph.

    Args:
        function: of tensors.
        *specs: of its arguments (or lists of them), with static shapes.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    flops = activations = 0
    inside: dict[str, int] = {}  # of blocks
    result: dict[str, int] = {}
    for operation in graph.get_operations():
        flops += _flops(operation)
        if operation.type in _FREE:
            continue
        size = sum(
            math.prod(output.shape) * output.dtype.size
            for output in operation.outputs
            if output.dtype.is_floating and output.shape.is_fully_defined()
        )
        activations += size
        if block := _BLOCK.search(operation.name):
            inside[block[0]] = inside.get(block[0], 0) + size
            result[block[0]] = size
    kept = activations - sum(inside.values()) + sum(result.values())
    return Cost(flops, activations, kept + max(inside.values(), default=0))


def parameter_table(network: keras.Model) -> list[tuple[str, str, int]]:
    """(part, shapes of its weights, parameters) for each top-level part, in order."""
    parts: dict[str, list[keras.Variable]] = {}
    for weight in _counted(network):
        parts.setdefault(weight.path.split("/")[1], []).append(weight)
    rows = []
    for name, weights in parts.items():
        # A block has a dozen; the shape says something only for the parts that have one or two.
        shapes = " ".join("x".join(map(str, weight.shape)) or "1" for weight in weights[:2])
        more = f" +{len(weights) - 2}" if len(weights) > 2 else ""
        rows.append((name, shapes + more, sum(math.prod(weight.shape) for weight in weights)))
    return rows


def parameters(network: keras.Model) -> int:
    """Number of numbers that the network is made of."""
    return sum(math.prod(weight.shape) for weight in _counted(network))


def _counted(network: keras.Model) -> list[keras.Variable]:
    """Its weights but for what normalisation, spectral or by batches, remembers."""
    spectral = getattr(network, "spectral", None)
    memory = {id(weight) for weight in spectral.weights} if spectral else set()
    return [
        weight
        for weight in network.weights
        if id(weight) not in memory and not weight.name.startswith("moving_")
    ]


def table(rows: Sequence[tuple[str, ...]], *, right: tuple[int, ...] = ()) -> str:
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
