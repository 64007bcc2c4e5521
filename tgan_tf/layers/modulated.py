"""The convolution of StyleGAN2."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers.convolution import Linear, LinearBase, convolve
from tgan_tf.layers.low_pass import blur


@keras.saving.register_keras_serializable(package="tgan_tf")
class ModulatedConvolution(LinearBase):
    """A convolution whose kernel a latent scales for each example (Karras et al. 2020, sec. 2.2).

    A linear map of ``w`` scales the channels that come in (eq. 1). Demodulation divides those that
    go out by the norm of their scaled kernel (eq. 3). Both are done to the channels, not to the
    kernel, which is the same and leaves one convolution for the whole batch.

    Args:
        outputs: channels that come out.
        size: of the kernel.
        doubles: to twice the side: a transposed convolution, then a low-pass filter.
        demodulate: whether to.
        noise: whether to add noise, one number a pixel, by a learned strength.
        **kwargs: of a linear layer.
    """

    def __init__(
        self,
        outputs: int,
        size: int = 3,
        *,
        doubles: bool = False,
        demodulate: bool = True,
        noise: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(outputs, **{"equalized": 1.0, **kwargs})
        self.size, self.doubles = size, doubles
        self.demodulate, self.noise = demodulate, noise

    def build(self, input_shape: Any, w_shape: Any) -> None:
        channels = input_shape[-1]
        self.to_style = Linear(
            channels, equalized=1.0, bias_start=1.0, dtype=self.dtype_policy, name="style"
        )
        self.to_style.build(w_shape)
        self._add_weights((self.size, self.size, channels, self.outputs))
        if self.noise:
            self.noise_strength = self.add_weight(
                shape=(), initializer="zeros", name="noise_strength"
            )

    def call(self, x: tf.Tensor, w: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """One convolution.

        Args:
            x: ``[B, H, W, C]``.
            w: ``[B, D]``.
            noise: ``[B, H'*W']``, standard normal, of the side that comes out.

        Returns:
            ``[B, H', W', outputs]``.
        """
        kernel = self.scaled_kernel(x.dtype)  # [k, k, C, C']
        style = self.to_style(w)  # [B, C]
        x = x * style[:, None, None]
        if self.doubles:
            shape = (tf.shape(x)[0], 2 * x.shape[1] + 1, 2 * x.shape[2] + 1, self.outputs)
            swapped = tf.transpose(kernel, (0, 1, 3, 2))
            x = tf.nn.conv2d_transpose(x, swapped, shape, 2, "VALID")  # [B, 2H+1, 2W+1, C']
            x = 4 * blur(x, 1)  # makes up for the zeros between the pixels
        else:
            x = convolve(x, kernel)
        if self.demodulate:
            wide = self.variable_dtype  # squares of half precision overflow
            power = tf.reduce_sum(tf.square(tf.cast(kernel, wide)), axis=(0, 1))  # [C, C']
            norm = tf.math.rsqrt(tf.matmul(tf.square(tf.cast(style, wide)), power) + 1e-8)
            x = x * tf.cast(norm, x.dtype)[:, None, None]  # [B, C'] for all pixels
        if self.noise:
            grid = tf.reshape(noise, (-1, x.shape[1], x.shape[2], 1))
            x = x + tf.cast(self.noise_strength, x.dtype) * grid
        return self._add_bias(x)

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        batch, height, width, _ = input_shape
        factor = 2 if self.doubles else 1
        return (batch, factor * height, factor * width, self.outputs)

    def get_config(self) -> dict[str, Any]:
        names = ("size", "doubles", "demodulate", "noise")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
