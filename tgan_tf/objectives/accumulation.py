"""A batch in parts that take turns, so that memory holds the activations of one part at a time.

Functions here take one structure of tensors ``[b, ...]``, numbers for all examples (rank 0) and
None. Each part is a run of examples, as long as the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def joined(function: Callable[[Any], Any], parts: int, data: Any) -> Any:
    """What ``function`` gives for each example, part by part.

    Args:
        function: data of n examples -> a structure of tensors ``[n, ...]``.
        parts: how many; divides b.
        data: of b examples.

    Returns:
        Its results, ``[b, ...]`` each.
    """
    if parts == 1:
        return function(data)
    split, of_part = _split(function, parts, data)
    signature = tf.nest.map_structure(tf.TensorSpec.from_tensor, of_part.structured_outputs)
    results = tf.map_fn(
        of_part, split, parallel_iterations=1, fn_output_signature=signature
    )  # [parts, n, ...]
    return tf.nest.map_structure(lambda x: tf.reshape(x, (-1, *x.shape[2:])), results)


def summed(function: Callable[[Any], Any], parts: int, data: Any) -> Any:
    """The sum of what ``function`` gives for each part.

    Args:
        function: data of n examples -> a structure of tensors, whose shapes n does not change.
        parts: how many; divides b.
        data: of b examples.
    """
    if parts == 1:
        return function(data)
    split, of_part = _split(function, parts, data)
    zeros = tf.nest.map_structure(lambda x: tf.zeros(x.shape, x.dtype), of_part.structured_outputs)

    def add(part: tf.Tensor, total: Any) -> tuple[tf.Tensor, Any]:
        more = of_part([x[part] for x in split])
        return part + 1, tf.nest.map_structure(tf.add, total, more)

    return tf.while_loop(lambda part, _: part < parts, add, (0, zeros), parallel_iterations=1)[1]


def _split(function: Callable[[Any], Any], parts: int, data: Any) -> tuple[list[tf.Tensor], Any]:
    """The tensors that are split, ``[parts, n, ...]``; and ``function``, traced, of one part's."""
    flat = tf.nest.flatten(data)
    places = [i for i, x in enumerate(flat) if x is not None and x.shape.rank]
    split = [tf.reshape(flat[i], (parts, -1, *flat[i].shape[1:])) for i in places]

    def of_part(tensors: list[tf.Tensor]) -> Any:
        whole = list(flat)
        for place, tensor in zip(places, tensors, strict=True):
            whole[place] = tensor
        return function(tf.nest.pack_sequence_as(data, whole))

    # Traced once, which also tells what comes out of it.
    specs = [tf.TensorSpec(x.shape[1:], x.dtype) for x in split]
    traced = tf.function(of_part, autograph=False).get_concrete_function(specs)
    return split, traced
