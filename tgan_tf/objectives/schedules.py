"""What changes with the number of images seen."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf


def ema_decay(
    images_seen: tf.Tensor,
    batch_size: int,
    half_life: float,
    ramp: float,
    factor: tf.Tensor | float = 1.0,
) -> tf.Tensor:
    """Decay of the generator's moving average for one step (Karras et al. 2020).

    ``0.5 ** (batch / min(half_life, ramp * images_seen))``: early weights are forgotten fast.

    Args:
        images_seen: images shown before this step, scalar.
        batch_size: images of this step.
        half_life: in images; 0: no average, the decay is 0.
        ramp: half-life is at most this share of ``images_seen``; 0: no ramp.
        factor: to the half-life, from a schedule.

    Returns:
        float32 scalar in [0, 1).
    """
    if not half_life:
        return tf.constant(0.0)
    half_life_now = half_life * tf.cast(factor, tf.float32)
    if ramp:
        seen = tf.cast(images_seen, tf.float32)
        half_life_now = tf.minimum(half_life_now, ramp * seen)
    return tf.pow(0.5, batch_size / tf.maximum(half_life_now, 1e-8))


def cosine(step: Any, total_steps: int, start: float, end: float) -> tf.Tensor:
    """From ``start`` at step 0 to ``end`` at ``total_steps`` and after (R3GAN 2024, app. B).

    Returns:
        float32 scalar.
    """
    share = tf.minimum(tf.cast(step, tf.float32) / max(1, total_steps), 1.0)
    return end + (start - end) * 0.5 * (1 + tf.cos(math.pi * share))


@keras.saving.register_keras_serializable(package="tgan_tf")
class ScheduledAdam(keras.optimizers.Adam):
    """Adam whose second decay goes from ``beta_2`` to ``beta_2_final`` by a cosine (R3GAN 2024).

    A weight is updated by one operation, TensorFlow's own; Keras makes 37 of it, two fifths of
    all in a step.

    Args:
        learning_rate: or a schedule of it.
        beta_2_final: at ``schedule_steps`` and after; 0: ``beta_2`` does not change.
        schedule_steps: length of the cosine.
        **kwargs: of Keras' Adam.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_2_final: float = 0.0,
        schedule_steps: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_2_final, self.schedule_steps = beta_2_final, schedule_steps

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        # What all weights have in common, once a step.
        dtype, iterations = grads[0].dtype, self.iterations.value
        beta_1, beta_2 = (tf.constant(beta, dtype) for beta in (self.beta_1, self.beta_2))
        if self.beta_2_final:
            now = cosine(iterations, self.schedule_steps, self.beta_2, self.beta_2_final)
            beta_2 = tf.cast(now, dtype)
        step = tf.cast(iterations + 1, dtype)
        self._now = {
            "beta1": beta_1,
            "beta1_power": tf.pow(beta_1, step),
            "beta2": beta_2,
            "beta2_power": tf.pow(beta_2, step),
            "epsilon": tf.constant(self.epsilon, dtype),
        }
        return super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            lr=tf.cast(learning_rate, gradient.dtype),
            grad=gradient,
            **self._now,
        )

    def get_config(self) -> dict[str, Any]:
        names = ("beta_2_final", "schedule_steps")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


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


@keras.saving.register_keras_serializable(package="tgan_tf")
class InTurn(keras.optimizers.schedules.LearningRateSchedule):
    """One schedule for so many steps, then another from its own beginning.

    Args:
        first: for the first ``steps``.
        steps: how many.
        then: for the rest, as if it began at 0.
    """

    def __init__(self, first: Any, steps: int, then: Any) -> None:
        super().__init__()
        self.first, self.steps, self.then = first, steps, then

    def __call__(self, step: Any) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        return tf.where(step < self.steps, self.first(step), self.then(step - self.steps))

    def get_config(self) -> dict[str, Any]:
        return {"first": self.first, "steps": self.steps, "then": self.then}
