"""What one operation of TensorFlow costs: what it computes, and what its derivative wants."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

# Operations whose result is a view of, or as good as free beside, their input.
FREE = {
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


def bytes_of(tensor: tf.Tensor) -> int:
    """Of a tensor that has a derivative; else 0."""
    if not (tensor.dtype.is_floating and tensor.shape.is_fully_defined()):
        return 0
    return math.prod(tensor.shape) * tensor.dtype.size


def wants_result(operation: tf.Operation) -> bool:
    """Whether its derivative is made of what it gave."""
    return operation.type in _OF_RESULT


def wants_inputs(operation: tf.Operation, fixed: Sequence[bool]) -> list[bool]:
    """Of which of its inputs its derivative is made; of an unknown operation's, all.

    Args:
        operation: any.
        fixed: whether an input is a constant: nobody asks for the derivative with respect to it.
    """
    if operation.type in _PRODUCTS:
        return [not all([*fixed[:i], *fixed[i + 1 :]]) for i in range(len(fixed))]
    return [operation.type not in FREE | _LINEAR | _OF_RESULT] * len(fixed)


def flops_of(operation: tf.Operation) -> int:
    """2 for each multiplication with its addition; 0 for all but products and convolutions."""
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
