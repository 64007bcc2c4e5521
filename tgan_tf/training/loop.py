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
from tgan_tf.training import health
from tgan_tf.training.checkpoint import Checkpoints
from tgan_tf.training.clock import Clock
from tgan_tf.training.doctor import RETUNED, WENT_BACK, Doctor
from tgan_tf.training.journal import Journal, Row
from tgan_tf.training.meter import Meter
from tgan_tf.training.monitor import Monitor
from tgan_tf.training.progress import Console, TrainingBar
from tgan_tf.training.recorder import Recorder
from tgan_tf.training.signals import StopSignals
from tgan_tf.training.strategy import any_worker, distribute, is_multi_worker, reading

# Workers ask each other whether one was told to stop, once in so many steps.
_STEPS_BETWEEN_QUESTIONS = 16


@dataclass
class Training:
    """What the loop works with.

    Attributes:
        checkpoints: of ``gan.trackables()`` and ``meter``.
        keep_likelihood: called with the step at which likelihood alone ends.
        evaluate: called with the step every ``eval_kimg``, but not at the end.
    """

    config: Config
    source: Source
    strategy: tf.distribute.Strategy
    gan: TransformerGAN
    meter: Meter
    monitor: Monitor
    doctor: Doctor
    checkpoints: Checkpoints
    recorder: Recorder
    console: Console
    signals: StopSignals
    keep_likelihood: Callable[[int], None]
    evaluate: Callable[[int], None]


def run_steps(t: Training) -> bool:
    """Trains from where ``t.gan`` stands to the end, and back where a remedy says so.

    At one step the order is row, diagnosis, remedy, evaluation, checkpoint. So all rows up to a
    checkpoint's step are written when the checkpoint is, and what a killed process did after it is
    done again.

    Returns:
        Whether the end was reached; False when a signal asked to stop. Either way all is saved.

    Raises:
        TrainingDiverged: at the first tick after a number stopped being finite, or when no remedy
            is left.
    """
    while (reached_end := _run_steps(t)) is None:
        pass
    return reached_end


def _run_steps(t: Training) -> bool | None:
    """As ``run_steps``; None when a remedy went back to an earlier step."""
    run, total, batch_size = t.config.run, t.config.total_steps, t.config.training.batch_size
    tick_every, snapshot_every = t.config.steps(run.tick_kimg), t.config.steps(run.snapshot_kimg)
    eval_kimg = t.config.evaluation.eval_kimg
    eval_every = t.config.steps(eval_kimg) if eval_kimg else total
    step = int(t.gan.step.numpy())
    began = time.monotonic() - _seconds_before(t.recorder.journal)
    batches = distribute(t.strategy, t.source.signals or t.source.train, t.config, step)
    train_one, compiled = t.gan.make_step(), set()
    whole, tick = Clock(), Clock()
    bar = TrainingBar(total, step, batch_size, quiet=t.console.quiet)

    with t.signals.deferred(), bar, reading(batches) as next_batch:
        while step < total and not _told_to_stop(t, step):
            t.monitor.before_step(step)
            kind = t.config.kind_of_step(step)
            if kind in compiled:
                t.meter.update(train_one(next_batch()))
                whole.count()
                tick.count()
            else:  # the first step of its kind compiles
                with whole.pause(), tick.pause():
                    t.meter.update(train_one(next_batch()))
                    t.meter.read()
                compiled.add(kind)
            step += 1
            bar.update(step, whole.seconds_per_step, t.meter.read)

            if step % tick_every == 0 or step == total:
                row = _tick(t, step, tick, time.monotonic() - began)
                t.meter.reset()
                with whole.pause(), tick.pause():
                    done = t.doctor.tick(row | t.monitor.numbers(step))
                if done == WENT_BACK:
                    return None
                if done == RETUNED:
                    train_one, compiled = t.gan.make_step(), set()
                tick.restart()
            with whole.pause(), tick.pause():
                # What is not finite is neither measured nor saved; the next tick says so.
                # Likelihood alone is what the game has to beat.
                likelihood_ends = step == t.config.likelihood_steps
                if likelihood_ends and _is_sound(t):
                    t.keep_likelihood(step)
                due = step % eval_every == 0 or likelihood_ends
                if due and step < total and _is_sound(t):
                    t.evaluate(step)
                if (step % snapshot_every == 0 or step == total) and _is_sound(t):
                    t.checkpoints.save(step)
                    t.recorder.pictures(step)
    if step < total and _is_sound(t):
        t.checkpoints.save(step)
    return step >= total


def _seconds_before(journal: Journal) -> float:
    """Those that the training took so far, what was gone back on included."""
    rows = journal.rows("tick") + journal.rows("remedy")
    return max((row["seconds"] for row in rows), default=0.0)


def _is_sound(t: Training) -> bool:
    """Whether losses and weights are finite: losses are of the weights before the step."""
    return health.is_finite(_means(t)) and t.monitor.weights_are_finite()


def _means(t: Training) -> dict[str, float]:
    """Of the steps since the last tick."""
    means = t.meter.read()
    if t.config.training.precision != "mixed_float16":
        return means
    # A gradient overflows now and then, and its step is left out.
    return {
        name: mean
        for name, mean in means.items()
        if math.isfinite(mean) or not name.endswith("grad_norm")
    }


def _told_to_stop(t: Training, step: int) -> bool:
    asked = t.signals.requested is not None
    if not is_multi_worker(t.strategy):
        return asked
    # All must leave at the same step: the next one is a joint act.
    return step % _STEPS_BETWEEN_QUESTIONS == 0 and any_worker(t.strategy, asked)


def _tick(t: Training, step: int, clock: Clock, seconds: float) -> Row:
    batch_size, pace = t.config.training.batch_size, clock.seconds_per_step
    return {
        "kind": "tick",
        "step": step,
        "kimg": step * batch_size / 1000,
        **_means(t),
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
