"""One normalisation layer, with a second derivative that is right.

``keras.layers.LayerNormalization`` stops the gradient of the mean inside ``tf.nn.moments``: its
first derivative is exact, its second is not, and R1 trains on the second.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

KINDS = ("layer", "rms", "pixel", "instance")


def normalize(x: tf.Tensor, kind: str, epsilon: float) -> tf.Tensor:
    """Normalises the last axis, or the tokens.

    Args:
        x: ``[..., C]``, or ``[..., N, C]``.
        kind: ``layer`` subtracts the mean and divides by the standard deviation (Ba et al. 2016,
            eq. 4); ``rms`` and ``pixel`` divide by the root mean square alone (Zhang & Sennrich
            2019, eq. 4; Karras et al. 2018, sec. 4.2); ``instance`` does as ``layer``, for each
            channel over the tokens (Ulyanov et al. 2016).
        epsilon: added to the variance or the mean square.

    Returns:
        A tensor like ``x``.
    """
    dtype = x.dtype
    if dtype in (tf.float16, tf.bfloat16):
        x = tf.cast(x, tf.float32)  # The square of 256 is infinite in float16.
    axis = -2 if kind == "instance" else -1
    if kind in ("layer", "instance"):
        x = x - tf.reduce_mean(x, axis=axis, keepdims=True)
    x = x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=axis, keepdims=True) + epsilon)
    return tf.cast(x, dtype)


@keras.saving.register_keras_serializable(package="tgan_tf")
class Normalization(keras.layers.Layer):
    """Normalises tokens over their channels (or the other way round), and scales and shifts them.

    The gain and offset are learned (``affine``), or come from outside as ``scale`` and ``shift``
    (self-modulation: Chen et al. 2019, eq. 3; Lee et al. 2022, eq. 8): ``(1 + scale) * n(x) +
    shift``.

    Args:
        kind: ``layer``, ``instance``, ``rms`` (with learned weights) or ``pixel`` (without any).
        epsilon: added to the variance or the mean square.
        affine: whether to learn a gain (and, of those that subtract a mean, an offset).
    """

    def __init__(
        self, kind: str = "layer", epsilon: float = 1e-6, affine: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
        self.kind = kind
        self.epsilon = epsilon
        self.affine = affine and kind != "pixel"

    def build(self, input_shape: Any) -> None:
        if self.affine:
            self.gain = self.add_weight(shape=input_shape[-1:], initializer="ones", name="gain")
            if self.kind in ("layer", "instance"):
                self.offset = self.add_weight(
                    shape=input_shape[-1:], initializer="zeros", name="offset"
                )

    def call(
        self, x: tf.Tensor, scale: tf.Tensor | None = None, shift: tf.Tensor | None = None
    ) -> tf.Tensor:
        """``[B, N, C]`` -> ``[B, N, C]``; ``scale`` and ``shift`` are ``[B, C]``."""
        x = normalize(x, self.kind, self.epsilon)
        if self.affine:
            x = x * tf.cast(self.gain, x.dtype)
            if self.kind in ("layer", "instance"):
                x = x + tf.cast(self.offset, x.dtype)
        if scale is not None:
            x = x * (1 + scale[:, None])
        if shift is not None:
            x = x + shift[:, None]
        return x

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kind": self.kind,
            "epsilon": self.epsilon,
            "affine": self.affine,
        }
