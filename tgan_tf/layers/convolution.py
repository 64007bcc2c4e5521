"""Convolutions with groups, with an equalised learning rate, and modulated by a latent."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.layers.low_pass import blur, halve

# Of a leaky ReLU of slope 0.2: what it leaves of the variance of a centred normal number.
LEAKY_GAIN = (2 / (1 + 0.2**2)) ** 0.5


def he_normal(gain: float = LEAKY_GAIN) -> keras.initializers.Initializer:
    """Normal, of the standard deviation ``gain / sqrt(fan_in)`` (He et al. 2015, eq. 10)."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")


def convolve(x: tf.Tensor, kernel: tf.Tensor, stride: int = 1, padding: str = "SAME") -> tf.Tensor:
    """``[B, H, W, C]`` with ``[k, k, C/groups, C']``: groups are what the shapes say."""
    groups = x.shape[-1] // kernel.shape[2]
    if groups > 1 and x.dtype == tf.float16 and not tf.config.list_physical_devices("GPU"):
        # Its gradient in halves is there on CPUs with instructions for them (AVX512-FP16) alone.
        whole = convolve(tf.cast(x, tf.float32), tf.cast(kernel, tf.float32), stride, padding)
        return tf.cast(whole, x.dtype)
    if groups > 1 and x.dtype == tf.float64:
        # TensorFlow has no gradient of it on a CPU: the kernel of one group, zero between groups.
        each = kernel.shape[3] // groups
        mask = np.kron(np.eye(groups), np.ones((kernel.shape[2], each)))
        kernel = tf.tile(kernel, (1, 1, groups, 1)) * tf.constant(mask, kernel.dtype)
    return tf.nn.conv2d(x, kernel, stride, padding)


class LinearBase(keras.layers.Layer):
    """A kernel and a bias.

    Args:
        outputs: channels that come out.
        bias: whether to add one.
        initializer: of the kernel.
        equalized: the kernel starts with a spread of 1 and is scaled where it is used, to ``1 /
            sqrt(fan_in)`` times this number, and so is the bias, times this number, so that all
            layers learn at the same pace (Karras et al. 2018, sec. 4.1; the number: Karras et al.
            2019, app. C); 0: it is not.
        bias_start: first value of the bias.
    """

    def __init__(
        self,
        outputs: int,
        *,
        bias: bool = True,
        initializer: Any = "glorot_uniform",
        equalized: float = 0.0,
        bias_start: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs, self.bias_used, self.equalized = outputs, bias, equalized
        self.initializer, self.bias_start = initializer, bias_start

    def _add_weights(self, shape: tuple[int, ...]) -> None:
        initializer, self._scale = self.initializer, 1.0
        if self.equalized:
            initializer = keras.initializers.RandomNormal(stddev=1 / self.equalized)
            self._scale = self.equalized / float(np.prod(shape[:-1])) ** 0.5
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel")
        if self.bias_used:
            start = self.bias_start / (self.equalized or 1.0)
            constant = keras.initializers.Constant(start)
            self.bias = self.add_weight(shape=shape[-1:], initializer=constant, name="bias")

    def scaled_kernel(self, dtype: Any) -> tf.Tensor:
        """The kernel that the layer computes with."""
        kernel = tf.cast(self.kernel, dtype)
        return kernel * self._scale if self.equalized else kernel

    def _add_bias(self, x: tf.Tensor) -> tf.Tensor:
        if not self.bias_used:
            return x
        return x + tf.cast(self.bias, x.dtype) * (self.equalized or 1.0)

    def get_config(self) -> dict[str, Any]:
        names = ("outputs", "equalized", "bias_start")
        config = {name: getattr(self, name) for name in names}
        initializer = self.initializer
        if isinstance(initializer, keras.initializers.Initializer):
            initializer = keras.initializers.serialize(initializer)
        config |= {"bias": self.bias_used, "initializer": initializer}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="tgan_tf")
class Linear(LinearBase):
    """``[..., C]`` -> ``[..., outputs]``; arguments as above."""

    def build(self, input_shape: Any) -> None:
        self._add_weights((input_shape[-1], self.outputs))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self._add_bias(tf.matmul(x, self.scaled_kernel(x.dtype)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.outputs)


@keras.saving.register_keras_serializable(package="tgan_tf")
class Convolution(LinearBase):
    """``[B, H, W, C]`` -> ``[B, H, W, outputs]``, or half the side with ``halves``.

    Args:
        outputs: channels that come out.
        size: of the kernel.
        groups: of channels that do not see each other.
        halves: low-pass filter, then stride 2 (Zhang 2019; Karras et al. 2020).
        **kwargs: of a linear layer, see above.
    """

    def __init__(
        self, outputs: int, size: int = 3, *, groups: int = 1, halves: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(outputs, **kwargs)
        self.size, self.groups, self.halves = size, groups, halves

    def build(self, input_shape: Any) -> None:
        self._add_weights((self.size, self.size, input_shape[-1] // self.groups, self.outputs))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        kernel = self.scaled_kernel(x.dtype)
        if not self.halves:
            x = convolve(x, kernel)
        elif self.size == 1:
            x = convolve(halve(x), kernel)
        else:  # as many pixels more as the kernel then takes off
            x = convolve(blur(x, (self.size + 1) // 2), kernel, 2, "VALID")
        return self._add_bias(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        factor = 2 if self.halves else 1
        return (batch, height // factor, width // factor, self.outputs)

    def get_config(self) -> dict[str, Any]:
        names = ("size", "groups", "halves")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
