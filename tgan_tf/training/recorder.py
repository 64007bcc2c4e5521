"""What a run leaves for people: rows, log lines, pictures, the report, TensorBoard's events."""

from __future__ import annotations

import json
import time

from tgan_tf import conditions
from tgan_tf.config import Config
from tgan_tf.data.types import Source
from tgan_tf.files import replacing
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import report, summary
from tgan_tf.training.health import Diagnosis
from tgan_tf.training.journal import Journal, Row
from tgan_tf.training.preview import Preview
from tgan_tf.training.progress import Console, duration
from tgan_tf.training.remedies import describe
from tgan_tf.training.rundir import RunDirectory
from tgan_tf.training.tensorboard import Events

_SECONDS_BETWEEN_REPORTS = 30.0  # each takes one


class Recorder:
    """Writes all of it; does nothing on workers other than the chief.

    Args:
        run: where to.
        config: resolved.
        gan: whose averaged generator draws.
        console: whose log gets a line for each tick.
        chief: whether this process writes.
    """

    def __init__(
        self, run: RunDirectory, config: Config, gan: TransformerGAN, console: Console, chief: bool
    ) -> None:
        self.journal = Journal(run.metrics, writable=chief)
        self.preview = Preview(gan, run.samples, conditions.load(run.path, config))
        self._run, self._config, self._console, self._chief = run, config, console, chief
        self._networks = {
            "generator": summary.parameter_table(gan.generator),
            "discriminator": summary.parameter_table(gan.discriminator),
        }
        if gan.encoder is not None:
            self._networks["encoder"] = summary.parameter_table(gan.encoder)
        self._reported = float("-inf")
        self._events = Events(run.events) if chief and config.run.tensorboard else None

    def row(self, row: Row) -> None:
        """One row of ``metrics.jsonl``; a tick's also as a line of the log."""
        self.journal.append(row)
        if row["kind"] == "tick":
            self._console.note(_line(row))
        if self._events:
            self._events.row(row)

    def diagnosis(self, diagnosis: Diagnosis, kimg: float) -> None:
        """What begins to be wrong: a row, and lines for the person."""
        self.row(diagnosis.row(kimg))
        self._console.say(
            f"Warning   {diagnosis.title}, steps {diagnosis.since:,} to {diagnosis.step:,}:"
            f" {diagnosis.evidence}.\n{'':10}Usually: {diagnosis.cause}."
            f"\n{'':10}Try this: {diagnosis.advice}"
        )

    def remedy(self, row: Row) -> None:
        """What is done about it; rows after its step go, as the training goes back there."""
        self.journal.roll_back(row)
        self._console.say(describe(row))
        if self._events:
            self._events.row(row)

    def reals(self, source: Source) -> None:
        """What is learned from: the grid of training samples, and data.json."""
        if not self._chief:
            return
        data = {
            "name": source.name,
            "licence": source.licence,
            "training_images": len(source.train),
            "held_out_images": len(source.val),
            "left_out_or_incomplete": len(source.skipped),
        }
        with replacing(self._run.data) as beside:
            beside.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        grid = self.preview.reals(source.train)
        if self._events:
            self._events.image("reals", grid, 0)

    def pictures(self, step: int) -> None:
        """The grids of this step; the report too, unless there is a recent one."""
        if not self._chief:
            return
        grids = {
            "fakes": self.preview.fakes(step * self._config.training.batch_size / 1000),
            "classes": self.preview.classes(),
        }
        for name, grid in grids.items():
            if self._events and grid is not None:
                self._events.image(name, grid, step)
        if time.monotonic() - self._reported > _SECONDS_BETWEEN_REPORTS:
            self.report()

    def report(self) -> None:
        """``report.html`` and the curves, from all that is there by now."""
        if self._chief:
            report.write(self._run, self._networks)
            self._reported = time.monotonic()

    def close(self) -> None:
        """Flushes the events."""
        if self._events:
            self._events.close()


def _line(row: Row) -> str:
    numbers = [
        f"{name} {value:.4g}"
        for name, value in row.items()
        if isinstance(value, float) and name not in ("kimg", "seconds")
    ]
    return f"{row['kimg']:.1f} kimg  {duration(row['seconds'])}  " + "  ".join(numbers)
