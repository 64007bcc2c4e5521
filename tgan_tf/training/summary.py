"""What networks cost before they are trained: parameters, operations, memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf
from keras.src.backend.common import global_state

from tgan_tf.conditions import condition_of
from tgan_tf.config import Config
from tgan_tf.networks import build_discriminator, build_encoder, build_generator
from tgan_tf.training.cost import Cost, measure
from tgan_tf.training.turns import Turn, turns_of

# Of each sample of the whole batch: real or fake, augmented, its gradient, random numbers like it.
_COPIES = 4

# Share of a device's memory: the rest is the runtime's own, or in pieces that are too small.
_USABLE = 0.9


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
        counts = {name: parameters(network) for name, network in self.networks.items()}
        return self._number_bytes * (3 * sum(counts.values()) + counts["generator"])

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Of a step: both estimates, of memory and of operations, are made of them."""
        return turns_of(self.config)

    @property
    def fixed_bytes(self) -> int:
        """What a step holds whatever the batch: ``state_bytes``, gradients, and what each pass
        makes of weights alone."""
        gradients = self._number_bytes * sum(map(parameters, self.networks.values()))
        made = sum(turn.weight_bytes_of(self.costs[turn.network]) for turn in self.turns)
        return self.state_bytes + gradients + made

    @property
    def working_bytes(self) -> int:
        """Activations and gradients of one sample of a part of the batch, at their greatest.

        The turns of the discriminator are apart, as it is updated between them. Those of the other
        networks may come at any time, as the step is one graph, and what the generator made waits
        for its way back; that of parts was measured to be no less.
        """
        t = self.config.training
        of_network: dict[str, list[int]] = {name: [] for name in self.networks}
        for turn in self.turns:
            need = turn.bytes_of(self.costs[turn.network], t.remat)
            of_network[turn.network].append(need * (turn.times if t.micro_batches == 1 else 1))
        of_discriminator = max(of_network.pop("discriminator"))
        samples = t.micro_batches * (1 + t.g_batch_factor) * _COPIES
        sample = self._number_bytes * math.prod(self.config.data.signal_shape)
        return of_discriminator + sum(map(sum, of_network.values())) + samples * sample

    @property
    def step_flops(self) -> int:
        """Of a whole step for one sample, about."""
        remat = self.config.training.remat
        return sum(
            turn.forward_passes(remat) * self.costs[turn.network].flops for turn in self.turns
        )

    @property
    def _number_bytes(self) -> int:
        """Of weights, and of samples outside of the networks."""
        return tf.as_dtype(self.networks["generator"].variable_dtype).size

    def largest_batch(self, memory_bytes: float) -> int:
        """Samples a replica for which the memory is enough; 0: not even for one."""
        room = _USABLE * memory_bytes - self.fixed_bytes
        part = max(0, int(room // self.working_bytes))
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
    # The one sample that was given filled a pack.
    costs["discriminator"] = costs["discriminator"].of_each(config.discriminator.d_pack)
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

    return measure(call, *specs, weights=[tf.TensorSpec(w.shape, w.dtype) for w in weights])


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
