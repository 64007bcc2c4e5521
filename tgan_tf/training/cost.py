"""What one forward pass of a network costs, counted in its graph: nothing of it is computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from tgan_tf.training.operations import FREE, bytes_of, flops_of, wants_inputs, wants_result

# Part of an operation's name inside of a transformer block.
_BLOCK = re.compile(r"(?:stage_\d+_)?block_\d+")


@dataclass(frozen=True)
class Cost:
    """Of one forward pass of one sample.

    Args:
        flops: of matrix products and convolutions; a multiplication with its addition counts as 2.
        activation_bytes: of the results that a way back wants.
        remat_bytes: the same, if transformer blocks keep their results only, and one its inside.
        passing_bytes: that are alive at once where nothing is kept, at most. A way back has about
            as many beside what it was left.
        weight_bytes: of what is made of weights alone and a way back wants (kernels that are
            scaled or normalised): once for a pass, however many samples it has.
    """

    flops: int
    activation_bytes: int
    remat_bytes: int
    passing_bytes: int
    weight_bytes: int = 0

    def of_each(self, count: int) -> Cost:
        """Where so many samples are seen as one."""
        shared = ("flops", "activation_bytes", "remat_bytes", "passing_bytes")
        return replace(self, **{name: -(-getattr(self, name) // count) for name in shared})


def measure(
    function: Callable[..., tf.Tensor],
    *specs: tf.TensorSpec,
    weights: Sequence[tf.TensorSpec] = (),
) -> Cost:
    """The cost of a function, counted in its graph.

    Args:
        function: of tensors, of which the first is a list where there are ``weights``.
        *specs: of samples, with static shapes.
        weights: of all else.
    """
    arguments: list[Any] = [list(weights)] if weights else []
    traced = tf.function(function, autograph=False).get_concrete_function(*arguments, *specs)
    samples = traced.inputs[len(weights) : len(weights) + len(specs)]
    results = _results(traced.graph.get_operations(), samples)
    flops = kept = made_of_weights = 0
    inside: dict[str, int] = {}  # of blocks
    last: dict[str, int] = {}
    for result in results:
        flops += flops_of(result.operation)
        size = result.size * result.is_wanted
        if not result.of_samples:
            made_of_weights += size
            continue
        kept += size
        if result.size and (block := _BLOCK.search(result.operation.name)):
            inside[block[0]] = inside.get(block[0], 0) + size
            last[block[0]] = result.size
    outside = kept - sum(inside.values()) + sum(last.values())
    remat = outside + max(inside.values(), default=0)
    return Cost(flops, kept, remat, _most_alive(results), made_of_weights)


@dataclass
class _Result:
    """Of an operation.

    Args:
        size: bytes, without views and what has no derivative.
        of_samples: whether it depends on them.
        last_use: number of the last operation that takes it.
        is_wanted: whether a way back takes it too.
    """

    operation: tf.Operation
    size: int
    of_samples: bool
    last_use: int
    is_wanted: bool = False


def _results(operations: Sequence[tf.Operation], samples: Sequence[tf.Tensor]) -> list[_Result]:
    """Of each operation, in order."""
    of_samples = {sample.ref() for sample in samples}
    constant: set[Any] = set()  # tensors without a derivative
    owner: dict[Any, _Result] = {}  # of a tensor, or of what it is a view of
    results = []
    for number, operation in enumerate(operations):
        taken = [x.ref() for x in operation.inputs]
        given = [x.ref() for x in operation.outputs]
        is_constant = bool(taken) and constant.issuperset(taken)
        if is_constant or operation.type in ("Const", "StopGradient"):
            constant.update(given)
        if depends := not of_samples.isdisjoint(taken):
            of_samples.update(given)
        for x, is_wanted in zip(
            taken, wants_inputs(operation, [x in constant for x in taken]), strict=True
        ):
            owner[x].last_use = number
            owner[x].is_wanted |= is_wanted
        is_free = operation.type in FREE
        is_counted = not is_free and (depends or not is_constant)
        size = sum(map(bytes_of, operation.outputs)) if is_counted else 0
        result = _Result(operation, size, depends, number, wants_result(operation))
        results.append(result)
        if is_free and taken:
            owner |= {view: owner[x] for view, x in zip(given, taken, strict=False)}
        else:
            owner |= dict.fromkeys(given, result)
    return results


def _most_alive(results: Sequence[_Result]) -> int:
    """Bytes of results that are alive at once, if each goes after its last use."""
    alive = most = 0
    going: dict[int, int] = {}
    for number, result in enumerate(results):
        size = result.size if result.of_samples else 0
        going[result.last_use] = going.get(result.last_use, 0) + size
        alive += size
        most = max(most, alive)
        alive -= going.pop(number, 0)
    return most
