"""What tensorflow-addons computes, for its successors to be compared with.

    python3.11 -m venv /tmp/addons
    /tmp/addons/bin/pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0 'numpy<2'
    /tmp/addons/bin/python -m tests.oracles.addons tests/oracles/addons.npz

tensorflow-addons ended in 2023 and cannot be imported with a supported TensorFlow, hence an
environment of its own. `tests/test_addons.py` reads the file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

from tests.oracles import addons_inputs as given


def main(path: str) -> None:
    x = tf.constant(given.images())
    rows, columns = given.SHIFT
    np.savez_compressed(
        path,
        gelu=tfa.activations.gelu(given.numbers(), approximate=False),
        gelu_tanh=tfa.activations.gelu(given.numbers(), approximate=True),
        instance_norm=tfa.layers.InstanceNormalization(epsilon=given.EPSILON)(x),
        group_norm=tfa.layers.GroupNormalization(groups=given.GROUPS, epsilon=given.EPSILON)(x),
        translate=tfa.image.translate(x, [columns, rows]),
        cutout=tfa.image.cutout(x, given.HOLE, offset=given.CENTRE),
        rotate=tfa.image.rotate(x, given.ANGLE, interpolation="bilinear"),
        gaussian_filter=tfa.image.gaussian_filter2d(x, given.BLUR, given.SIGMA),
        spectral=_spectral(),
        lamb=_trained(lambda: tfa.optimizers.LAMB(given.RATE, epsilon=1e-6)),
        adamw=_trained(
            lambda: tfa.optimizers.AdamW(
                weight_decay=given.RATE * given.DECAY, learning_rate=given.RATE, epsilon=1e-7
            )
        ),
        moving_average=_averaged(),
    )


def _trained(make: Callable[[], tf.keras.optimizers.Optimizer]) -> np.ndarray:
    variable, optimizer = tf.Variable(given.kernel()), make()
    for gradient in given.gradients():
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
    return variable.numpy()


def _averaged() -> np.ndarray:
    """The average itself, after steps of plain gradient descent."""
    variable = tf.Variable(given.kernel())
    descent = tf.keras.optimizers.legacy.SGD(given.RATE)
    optimizer = tfa.optimizers.MovingAverage(descent, average_decay=given.AVERAGE)
    for gradient in given.gradients():
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
    optimizer.assign_average_vars([variable])
    return variable.numpy()


def _spectral() -> np.ndarray:
    """A kernel divided by its largest singular value."""
    layer = tf.keras.layers.Dense(5, use_bias=False)
    wrapped = tfa.layers.SpectralNormalization(layer, power_iterations=50)
    wrapped.build((None, 6))
    layer.kernel.assign(given.kernel())
    wrapped(tf.zeros((1, 6)), training=True)
    return layer.kernel.numpy()


if __name__ == "__main__":
    main(sys.argv[1])
