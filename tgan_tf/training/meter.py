"""Running means on the device, read only when a row is written."""

from __future__ import annotations

import tensorflow as tf

NAMES = (
    "loss_d",
    "loss_g",
    "real_logit",
    "fake_logit",
    "real_sign",
    "mismatch_logit",
    "penalty",
    "regularizer",
    "class_loss",
    "overfit_sign",
    "augment_p",
    "d_grad_norm",
    "g_grad_norm",
    "likelihood",
    "divergence",
    "reconstruction",
)

_ROOM = 32  # so that a name more, at the end, does not change what checkpoints hold


class Meter(tf.Module):
    """Means of a step's logs since the last reset.

    Its variables are part of a checkpoint, so a run that was stopped between two ticks writes the
    same rows as one that was not. Reading waits for the device; updating does not.
    """

    def __init__(self) -> None:
        super().__init__(name="meter")
        shape = (_ROOM,)
        self.sums = tf.Variable(tf.zeros(shape, tf.float64), trainable=False, name="sums")
        self.counts = tf.Variable(tf.zeros(shape, tf.int64), trainable=False, name="counts")

    def update(self, logs: dict[str, tf.Tensor]) -> None:
        """Adds one step's logs; a lazy penalty is not in all of them.

        Raises:
            KeyError: for a name that is not in ``NAMES``.
        """
        for name in logs:
            if name not in NAMES:
                raise KeyError(f"{name}: not a name that the meter knows: {', '.join(NAMES)}")
        self._add(logs)

    @tf.function(autograph=False)
    def _add(self, logs: dict[str, tf.Tensor]) -> None:
        values = [tf.cast(logs.get(name, 0.0), tf.float64) for name in NAMES]
        there = [int(name in logs) for name in NAMES]
        room = ((0, _ROOM - len(NAMES)),)
        self.sums.assign_add(tf.pad(tf.stack(values), room))
        self.counts.assign_add(tf.pad(tf.constant(there, tf.int64), room))

    def read(self) -> dict[str, float]:
        """The means so far, without those that had no value yet."""
        sums, counts = self.sums.numpy(), self.counts.numpy()
        return {
            name: float(total / count)
            for name, total, count in zip(NAMES, sums, counts, strict=False)
            if count
        }

    def reset(self) -> None:
        """Starts anew."""
        self.sums.assign(tf.zeros_like(self.sums))
        self.counts.assign(tf.zeros_like(self.counts))
