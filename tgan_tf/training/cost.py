"""What one forward pass of a network costs, counted in its graph: nothing of it is computed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

# Part of an operation's name inside of a transformer block.
_BLOCK = re.compile(r"(?:stage_\d+_)?block_\d+")

# Operations whose result is a view of, or as good as free beside, their input.
_FREE = {
    "Const",
    "ExpandDims",
    "Identity",
    "IdentityN",
    "NoOp",
    "Placeholder",
    "ReadVariableOp",
    "Reshape",
    "Squeeze",
    "StopGradient",
}

# Whose derivative needs no more than the shapes.
_LINEAR = {
    "Add",
    "AddN",
    "AddV2",
    "AvgPool",
    "BiasAdd",
    "BroadcastTo",
    "Cast",
    "ConcatV2",
    "DepthToSpace",
    "ExtractImagePatches",
    "Fill",
    "GatherV2",
    "Mean",
    "MirrorPad",
    "Neg",
    "Pack",
    "Pad",
    "PadV2",
    "ReverseV2",
    "Roll",
    "SelectV2",
    "Shape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "SplitV",
    "StridedSlice",
    "Sub",
    "Sum",
    "Tile",
    "Transpose",
    "Unpack",
}

# Whose derivative is a function of the result.
_OF_RESULT = {"Elu", "Exp", "LogSoftmax", "Relu", "Rsqrt", "Sigmoid", "Softmax", "Sqrt", "Tanh"}

# Linear in each factor: the derivative with respect to one needs the others.
_PRODUCTS = {
    "BatchMatMul",
    "BatchMatMulV2",
    "BatchMatMulV3",
    "Conv2D",
    "Conv2DBackpropInput",
    "Conv3D",
    "DepthwiseConv2dNative",
    "Einsum",
    "MatMul",
    "Mul",
}

# Whose derivative is a function of the arguments.
_OF_ARGUMENTS = {
    "Abs",
    "Cos",
    "Erf",
    "Erfc",
    "LeakyRelu",
    "Log",
    "Maximum",
    "Minimum",
    "Pow",
    "RealDiv",
    "Sin",
    "Softplus",
    "Square",
    "SquaredDifference",
}


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
    fixed: set[Any] = set()  # tensors without a derivative
    owner: dict[Any, _Result] = {}  # of a tensor, or of what it is a view of
    results = []
    for number, operation in enumerate(operations):
        taken = [x.ref() for x in operation.inputs]
        given = [x.ref() for x in operation.outputs]
        is_fixed = bool(taken) and fixed.issuperset(taken)
        if is_fixed or operation.type in ("Const", "StopGradient"):
            fixed.update(given)
        if depends := not of_samples.isdisjoint(taken):
            of_samples.update(given)
        is_free, is_constant = operation.type in _FREE, is_fixed and not depends
        size = 0 if is_free or is_constant else sum(map(_bytes, operation.outputs))
        result = _Result(operation, size, depends, number)
        results.append(result)
        if is_free and taken:
            owner |= {view: owner[x] for view, x in zip(given, taken, strict=False)}
        else:
            owner |= dict.fromkeys(given, result)
        if operation.type in _PRODUCTS:
            # Nobody asks for the derivative with respect to what is fixed.
            others = (taken[:i] + taken[i + 1 :] for i in range(len(taken)))
            wants_taken = [not fixed.issuperset(other) for other in others]
        else:
            wants_taken = [operation.type not in _FREE | _LINEAR | _OF_RESULT] * len(taken)
        for x, is_wanted in zip(taken, wants_taken, strict=True):
            owner[x].last_use = number
            owner[x].is_wanted |= is_wanted
        # Of an operation that is not listed, all.
        result.is_wanted |= operation.type not in _FREE | _LINEAR | _PRODUCTS | _OF_ARGUMENTS
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


def _bytes(tensor: tf.Tensor) -> int:
    """Of a tensor that has a derivative; else 0."""
    if not (tensor.dtype.is_floating and tensor.shape.is_fully_defined()):
        return 0
    return math.prod(tensor.shape) * tensor.dtype.size


def flops_of(operation: tf.Operation) -> int:
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
