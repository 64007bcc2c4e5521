"""``train``: from a configuration to a finished run directory."""

from __future__ import annotations

import os
import shlex
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tgan_tf import conditions, evaluation
from tgan_tf.config import Config, ConfigError
from tgan_tf.exporting import ExportError
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import likelihood, summary
from tgan_tf.training.best import Best
from tgan_tf.training.checkpoint import CheckpointError, Checkpoints
from tgan_tf.training.doctor import Doctor
from tgan_tf.training.finish import finish
from tgan_tf.training.loop import Training, run_steps
from tgan_tf.training.meter import Meter
from tgan_tf.training.monitor import Monitor
from tgan_tf.training.prepare import Prepared, describe_source, prepare
from tgan_tf.training.progress import Console
from tgan_tf.training.recorder import Recorder
from tgan_tf.training.remedies import TrainingDiverged
from tgan_tf.training.resume import check_resumable, find_unfinished, open_run
from tgan_tf.training.rundir import RunDirectory, environment, write_flags
from tgan_tf.training.signals import StopSignals
from tgan_tf.training.strategy import any_worker, from_chief

# What can go wrong after the configuration was found good; the message says what to do.
FAILURES = (CheckpointError, TrainingDiverged, ExportError, evaluation.EvaluationError)


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; the message says how to go on.

    Attributes:
        exit_code: 128 + the signal's number, as shells have it.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def train(
    config: Config | None = None,
    *,
    resume: str | os.PathLike[str] | None = None,
    console: Console | None = None,
) -> Path:
    """Trains, measures and exports; a run that was killed at any moment can go on.

    Args:
        config: the experiment; None (with ``resume`` a directory): as the run was started.
        resume: a run directory to go on with; "auto": the last unfinished run of the same
            configuration in ``out_dir``, or a new one if there is none; None: a new run.
        console: where lines and bars go; None: stdout and stderr.

    Returns:
        The run directory.

    Raises:
        ConfigError: the configuration cannot work; no run directory was made.
        CheckpointError: the run's last checkpoint cannot be read.
        TrainingDiverged: numbers are no longer finite, or no remedy is left.
        EvaluationError: the samples cannot be measured.
        ExportError: an exported file does not compute what Keras computes.
        Stopped: a signal came; everything is saved.

    Example:
        run = tgan_tf.train(tgan_tf.Config.from_flagfile("configs/quickstart.flags"))
        images = tgan_tf.load(run).sample(seeds=range(64))
    """
    console = console or Console()
    if config is None:
        if resume in (None, "auto"):
            raise ConfigError("give a configuration, or the run directory to go on with")
        config = open_run(os.fspath(resume))
    with StopSignals() as signals:
        prepared = prepare(config, console)
        run = _choose_run(prepared, resume)
        try:
            with _logged(run, prepared, console, signals):
                _train(run, prepared, console, signals)
        finally:
            run.unlock()
    return run.path


def _train(run: RunDirectory, p: Prepared, console: Console, signals: StopSignals) -> None:
    config, source = p.config, p.source
    console.say(f"Data      {describe_source(source, config)}")
    for problem in source.skipped[1:]:  # the screen shows the first
        console.note(f"{'':10}left out or incomplete: {problem}")
    with p.strategy.scope():
        gan = TransformerGAN(config)
    encoder = ""
    if gan.encoder is not None:
        encoder = f", encoder {summary.parameters(gan.encoder):,}"
    console.say(
        f"Networks  generator {summary.parameters(gan.generator):,} parameters, discriminator"
        f" {summary.parameters(gan.discriminator):,}{encoder};"
        f" {p.strategy.num_replicas_in_sync} replica(s)"
    )
    console.say(
        f"Run       {run.path}: {config.total_steps:,} steps of {config.training.batch_size}"
    )
    kept = conditions.chosen(source.train) if config.data.condition else None
    if p.chief and kept is not None:
        conditions.save(kept, run.path)
    meter, recorder = Meter(), Recorder(run, config, gan, console, p.chief)
    trackables = {**gan.trackables(), "meter": meter}
    checkpoints = Checkpoints(
        run.checkpoints,
        trackables,
        keep=config.run.keep_checkpoints,
        every=config.steps(config.run.snapshot_kimg),
        writable=p.chief,
    )
    step = checkpoints.restore_latest()
    recorder.journal.rewind(step or 0)
    if step is not None:
        console.say(f"Going on  from step {step:,}")
    else:
        # To roll back to, and to look at: what the networks were before they learned anything.
        # Pictures first: a run that is killed between the two has none and begins again.
        recorder.reals(source)
        recorder.pictures(0)
        checkpoints.save(0)

    metric, best = config.health.best_metric, None
    if metric != "none":
        best = Best(run.best, metric, trackables, writable=p.chief)

    def measure(step: int) -> None:
        row = None
        if p.chief and config.evaluation.metrics:
            result = evaluation.measure(
                recorder.preview.sample,
                source,
                config,
                likelihood=likelihood.load_likelihood(run.path, step),
                counting=console.counting,
            )
            row = result.row(step, config)
            recorder.row(row)
        # Saving is a joint act of all workers.
        if best and any_worker(p.strategy, row is not None and best.is_better(row)):
            best.save(row, step)

    try:
        reached_end = run_steps(
            Training(
                config=config,
                source=source,
                strategy=p.strategy,
                gan=gan,
                meter=meter,
                monitor=Monitor(config, gan, source, recorder.preview.sample),
                doctor=Doctor(p.strategy, gan, checkpoints, recorder),
                checkpoints=checkpoints,
                console=console,
                signals=signals,
                recorder=recorder,
                keep_likelihood=lambda step: likelihood.keep(
                    run.likelihood, gan, step, writable=p.chief
                ),
                evaluate=measure,
            )
        )
        # A signal in the last step came too late for the loop, not for what follows.
        if not reached_end or any_worker(p.strategy, signals.requested is not None):
            recorder.report()
            raise KeyboardInterrupt
        if p.chief:
            finish(run, config, source, recorder, console)
        any_worker(p.strategy, False)  # a worker that leaves early looks like one that died
    finally:
        recorder.close()


def _choose_run(p: Prepared, resume: str | os.PathLike[str] | None) -> RunDirectory:
    """The run directory, new or old, locked; only the chief looks, makes and locks."""
    if not p.chief:
        return RunDirectory(from_chief(p.strategy, ""))
    path = None
    if resume == "auto":
        path = find_unfinished(p.config)
    elif resume is not None:
        path = Path(resume)
        check_resumable(open_run(path), p.config, path)
    if path is None:
        run = RunDirectory.create(p.config, p.flags, p.source.name)
    else:
        run = RunDirectory(path)
        run.lock()
        saved = Config.load(run.config)
        if saved != p.config:
            p.config.save(run.config)
            write_flags(p.flags, run.flags)
        if saved.total_steps != p.config.total_steps:
            run.result.unlink(missing_ok=True)
    from_chief(p.strategy, str(run.path))
    return run


@contextmanager
def _logged(
    run: RunDirectory, p: Prepared, console: Console, signals: StopSignals
) -> Iterator[None]:
    """``log.txt`` gets all lines, errors included; signals become ``Stopped``."""
    if p.chief:
        console.log_to(run.log)
        console.note(time.strftime("--- %Y-%m-%d %H:%M:%S ") + "; ".join(environment()))
    command = f"python train.py --resume={shlex.quote(str(run.path))}"
    try:
        yield
    except KeyboardInterrupt:
        console.say(f"Stopped; to go on: {command}")
        raise Stopped(f"to go on: {command}", 128 + (signals.requested or 2)) from None
    except Exception as error:
        console.note(traceback.format_exc())
        if isinstance(error, FAILURES):
            console.say(f"What was trained is kept; to go on from it: {command}")
        raise
    finally:
        console.close()
