"""What changes with the number of images seen."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


def ema_decay(images_seen: tf.Tensor, batch_size: int, half_life: float, ramp: float) -> tf.Tensor:
    """Decay of the generator's moving average for one step (Karras et al. 2020).

    ``0.5 ** (batch / min(half_life, ramp * images_seen))``: early weights are forgotten fast.

    Args:
        images_seen: images shown before this step, scalar.
        batch_size: images of this step.
        half_life: in images; 0: no average, the decay is 0.
        ramp: half-life is at most this share of ``images_seen``; 0: no ramp.

    Returns:
        float32 scalar in [0, 1).
    """
    if not half_life:
        return tf.constant(0.0)
    half_life_now = tf.constant(half_life, tf.float32)
    if ramp:
        seen = tf.cast(images_seen, tf.float32)
        half_life_now = tf.minimum(half_life_now, ramp * seen)
    return tf.pow(0.5, batch_size / tf.maximum(half_life_now, 1e-8))


@keras.saving.register_keras_serializable(package="tgan_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to ``peak``, then a cosine to ``final_ratio * peak`` (Loshchilov 2017, eq. 5).

    Args:
        peak: greatest learning rate.
        warmup_steps: steps of the linear part.
        total_steps: steps of the whole run.
        final_ratio: last learning rate / ``peak``; 1: constant after the warm-up.
    """

    def __init__(
        self, peak: float, warmup_steps: int, total_steps: int, final_ratio: float
    ) -> None:
        super().__init__()
        self.peak, self.warmup_steps = peak, warmup_steps
        self.total_steps, self.final_ratio = total_steps, final_ratio

    def __call__(self, step: Any) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        warm = (step + 1) / max(1, self.warmup_steps)
        span = max(1, self.total_steps - self.warmup_steps)
        share = tf.clip_by_value((step - self.warmup_steps) / span, 0.0, 1.0)
        cosine = 0.5 * (1 + tf.cos(math.pi * share))
        falling = self.final_ratio + (1 - self.final_ratio) * cosine
        return self.peak * tf.where(step < self.warmup_steps, warm, falling)

    def get_config(self) -> dict[str, Any]:
        names = ("peak", "warmup_steps", "total_steps", "final_ratio")
        return {name: getattr(self, name) for name in names}
