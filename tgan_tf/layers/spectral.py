"""Spectral normalisation of a network's matrices, as a function of its weights.

`keras.layers.SpectralNormalization` overwrites the kernel in its forward pass, so that what the
optimizer moves is not what the network computes with. Here the weights stay as they are and the
network runs with each matrix divided by its greatest singular value; derivatives of any order are
right.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Matrices and filters; positions and tokens are no linear maps.
_NAMES = ("kernel", "embedding")
_FIRST_ITERATIONS = 30
_SEED = 0


class SpectralNorm:
    """Greatest singular values of a network's kernels and embeddings, by power iteration.

    ``W / sigma(W)`` (Miyato et al. 2018, eq. 8), or ``W * sigma(W_init) / sigma(W)``, which keeps a
    transformer's first scale (Lee et al. 2022, sec. 3.1). With the unit vector u that power
    iteration has found, ``sigma(W) = |W u|``; u is a weight that is not trained, part of every
    checkpoint, and `iterate` improves it.

    Args:
        network: with its weights made; gets those of this object.
        improved: multiply by the values at the start.
        names: of the weights that are normalised.

    Attributes:
        weights: of this object.
    """

    def __init__(
        self, network: keras.Model, improved: bool = False, names: tuple[str, ...] = _NAMES
    ) -> None:
        self._network = network
        self._kernels = [w for w in network.trainable_variables if w.name in names]
        self._directions = [
            network.add_weight(
                shape=(kernel.shape[-1],),
                initializer=functools.partial(_first_direction, kernel),
                trainable=False,
                autocast=False,
                # Every replica would find the same, from the same kernel.
                aggregation="only_first_replica",
                name=f"singular_{index}",
            )
            for index, kernel in enumerate(self._kernels)
        ]
        self._starts = [
            network.add_weight(
                shape=(),
                initializer=functools.partial(_first_sigma, kernel, direction),
                trainable=False,
                autocast=False,
                name=f"first_sigma_{index}",
            )
            for index, (kernel, direction) in enumerate(
                zip(self._kernels, self._directions, strict=True)
            )
            if improved
        ]
        self.weights: list[Any] = [*self._directions, *self._starts]

    def iterate(self) -> None:
        """One step of power iteration: u becomes the unit vector along W' W u."""
        for kernel, direction in zip(self._kernels, self._directions, strict=True):
            direction.assign(_step(kernel, direction.value))

    def scope(self) -> keras.StatelessScope:
        """Within it, the network's kernels are normalised."""
        # All weights: an outer scope, which may have values of them, is hidden by this one.
        values = {id(w): (w, tf.convert_to_tensor(w.value)) for w in self._network.weights}
        for index, (kernel, direction) in enumerate(
            zip(self._kernels, self._directions, strict=True)
        ):
            value, u = (values[id(weight)][1] for weight in (kernel, direction))
            scale = 1 / tf.norm(tf.linalg.matvec(_matrix(value), u))
            if self._starts:
                scale *= values[id(self._starts[index])][1]
            values[id(kernel)] = (kernel, value * scale)
        return keras.StatelessScope(state_mapping=list(values.values()))


def _first_direction(kernel: keras.Variable, shape: Any, dtype: str) -> tf.Tensor:
    """The greatest singular value's right vector, from any start."""
    u = tf.constant(np.random.default_rng(_SEED).standard_normal(shape), dtype)
    for _ in range(_FIRST_ITERATIONS):
        u = _step(kernel, u)
    return u


def _first_sigma(
    kernel: keras.Variable, direction: keras.Variable, shape: Any, dtype: str
) -> tf.Tensor:
    return tf.norm(tf.linalg.matvec(_matrix(kernel.value), direction.value))


def _step(kernel: keras.Variable, u: tf.Tensor) -> tf.Tensor:
    matrix = _matrix(kernel.value)
    left = tf.linalg.matvec(matrix, u)  # [N]
    u = tf.linalg.matvec(matrix, left, transpose_a=True)  # [outputs]
    return u / (tf.norm(u) + 1e-12)


def _matrix(kernel: tf.Tensor) -> tf.Tensor:
    """``[N, outputs]``; of a convolution, N counts its taps too (Miyato et al. 2018, sec. 3)."""
    return tf.reshape(kernel, (math.prod(kernel.shape[:-1]), kernel.shape[-1]))
