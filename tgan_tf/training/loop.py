"""The loop: step, tick, measure, save, until done or told to stop."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.data.types import Source
from tgan_tf.gan import TransformerGAN
from tgan_tf.training.checkpoint import Checkpoints
from tgan_tf.training.clock import Clock
from tgan_tf.training.journal import Row
from tgan_tf.training.meter import Meter
from tgan_tf.training.progress import Console, TrainingBar
from tgan_tf.training.recorder import Recorder
from tgan_tf.training.signals import StopSignals
from tgan_tf.training.strategy import any_worker, distribute, is_multi_worker, reading

# Workers ask each other whether one was told to stop, once in so many steps.
_STEPS_BETWEEN_QUESTIONS = 16


class TrainingDiverged(RuntimeError):
    """Losses or logits that are not finite; the message says between which steps."""


@dataclass
class Training:
    """What the loop works with.

    Attributes:
        checkpoints: of ``gan.trackables()`` and ``meter``.
        evaluate: called with the step every ``eval_kimg``, but not at the end.
    """

    config: Config
    source: Source
    strategy: tf.distribute.Strategy
    gan: TransformerGAN
    meter: Meter
    checkpoints: Checkpoints
    recorder: Recorder
    console: Console
    signals: StopSignals
    evaluate: Callable[[int], None]


def run_steps(t: Training) -> bool:
    """Trains from where ``t.gan`` stands to the end.

    At one step the order is row, evaluation, checkpoint. So all rows up to a checkpoint's step are
    written when the checkpoint is, and what a killed process did after it is done again.

    Returns:
        Whether the end was reached; False when a signal asked to stop. Either way all is saved.

    Raises:
        TrainingDiverged: at the first tick or checkpoint after a number stopped being finite.
    """
    run, total, batch_size = t.config.run, t.config.total_steps, t.config.training.batch_size
    tick_every, snapshot_every = t.config.steps(run.tick_kimg), t.config.steps(run.snapshot_kimg)
    eval_kimg = t.config.evaluation.eval_kimg
    eval_every = t.config.steps(eval_kimg) if eval_kimg else total
    step = checked = int(t.gan.step.numpy())
    began = time.monotonic() - max(
        (row["seconds"] for row in t.recorder.journal.rows("tick")), default=0.0
    )
    batches = distribute(t.strategy, t.source.train, t.config, step)
    train_one, compiled = t.gan.make_step(), set()
    whole, tick = Clock(), Clock()
    bar = TrainingBar(total, step, batch_size, quiet=t.console.quiet)

    with t.signals.deferred(), bar, reading(batches) as next_batch:
        while step < total and not _told_to_stop(t, step):
            penalized = step % t.config.objective.penalty_every == 0
            if penalized in compiled:
                t.meter.update(train_one(next_batch()))
                whole.count()
                tick.count()
            else:  # the first step of its kind compiles
                with whole.pause(), tick.pause():
                    t.meter.update(train_one(next_batch()))
                    t.meter.read()
                compiled.add(penalized)
            step += 1
            bar.update(step, whole.seconds_per_step, t.meter.read)

            if step % tick_every == 0 or step == total:
                means = _read_finite(t.meter, checked, step)
                t.recorder.row(_tick(step, batch_size, means, tick, time.monotonic() - began))
                t.meter.reset()
                tick.restart()
                checked = step
            with whole.pause(), tick.pause():
                if step % eval_every == 0 and step < total:
                    t.evaluate(step)
                if step % snapshot_every == 0 or step == total:
                    _read_finite(t.meter, checked, step)
                    t.checkpoints.save(step)
                    t.recorder.pictures(step)
    if step < total:
        _read_finite(t.meter, checked, step)
        t.checkpoints.save(step)
    return step >= total


def _told_to_stop(t: Training, step: int) -> bool:
    asked = t.signals.requested is not None
    if not is_multi_worker(t.strategy):
        return asked
    # All must leave at the same step: the next one is a joint act.
    return step % _STEPS_BETWEEN_QUESTIONS == 0 and any_worker(t.strategy, asked)


def _read_finite(meter: Meter, checked: int, step: int) -> dict[str, float]:
    """The means since the last tick, which are not finite if any of their terms was not."""
    means = meter.read()
    # Under mixed_float16 a gradient overflows now and then and its step is left out.
    bad = [
        name
        for name, mean in means.items()
        if not math.isfinite(mean) and not name.endswith("grad_norm")
    ]
    if bad:
        raise TrainingDiverged(
            f"{', '.join(bad)}: not finite between steps {checked} and {step}; the checkpoints are"
            " of earlier steps. Try a smaller --g_lr and --d_lr, or a larger --r1_gamma and"
            " --r2_gamma"
        )
    return means


def _tick(step: int, batch_size: int, means: dict[str, float], clock: Clock, seconds: float) -> Row:
    pace = clock.seconds_per_step
    return {
        "kind": "tick",
        "step": step,
        "kimg": step * batch_size / 1000,
        **means,
        "images_per_second": batch_size / pace if pace else None,
        "memory_gib": memory_gib(),
        "seconds": seconds,
    }


def memory_gib() -> float:
    """The most memory that this process has held: of the first GPU if there is one, else RAM."""
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
