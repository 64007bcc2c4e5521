"""Looks at each tick, says what is wrong, and does what the user allowed against it."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf

from tgan_tf.gan import TransformerGAN
from tgan_tf.training.checkpoint import Checkpoints
from tgan_tf.training.health import diagnose
from tgan_tf.training.journal import Row
from tgan_tf.training.recorder import Recorder
from tgan_tf.training.remedies import TrainingDiverged, choose, options_in_force
from tgan_tf.training.strategy import any_worker, from_chief, is_chief

# What was done at a tick.
NOTHING, RETUNED, WENT_BACK = range(3)


class Doctor:
    """Writes the ticks of a run, with diagnoses and remedies.

    Make it when the last checkpoint is restored: it puts the options of earlier remedies in force.

    Args:
        strategy: of the training; only the chief decides.
        gan: what is trained.
        checkpoints: to go back to.
        recorder: of the run.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        gan: TransformerGAN,
        checkpoints: Checkpoints,
        recorder: Recorder,
    ) -> None:
        self._strategy, self._gan = strategy, gan
        self._checkpoints, self._recorder = checkpoints, recorder
        self._chief = is_chief(strategy)
        self._rows = recorder.journal.rows()
        options = self._agree({"options": options_in_force(self._rows)})["options"]
        if options:
            gan.retune(**options)

    def tick(self, row: Row) -> int:
        """Writes a tick and what follows from it.

        Returns:
            NOTHING; RETUNED: call ``gan.make_step`` again; WENT_BACK: an earlier checkpoint is
            restored besides.

        Raises:
            TrainingDiverged: it cannot go on.
        """
        decision: dict[str, Any] = {}
        remedy = self._decide(row, decision) if self._chief else None
        decision = self._agree(decision)
        if "failure" in decision:
            raise TrainingDiverged(decision["failure"])
        if not decision:
            return NOTHING
        back_to = decision["back_to"]
        if back_to is not None:
            # Before the remedy is written: killed in between, the training goes wrong once more
            # and comes back here.
            self._checkpoints.drop_after(back_to)
        if remedy is not None:
            self._recorder.remedy(remedy)
            self._rows = self._recorder.journal.rows()
        self._gan.retune(**decision["options"])
        if back_to is None:
            return RETUNED
        any_worker(self._strategy, False)  # none restores before the chief has dropped
        self._checkpoints.restore_latest()
        return WENT_BACK

    def _decide(self, row: Row, decision: dict[str, Any]) -> Row | None:
        """Writes the tick; fills in what all workers must know; gives the remedy's row."""
        before = next((old for old in reversed(self._rows) if old["kind"] != "evaluation"), {})
        found = diagnose([*self._rows, row])
        row["diagnoses"] = [diagnosis.name for diagnosis in found]
        self._recorder.row(row)
        self._rows.append(row)
        for diagnosis in found:
            if diagnosis.name not in before.get("diagnoses", ()):
                self._recorder.diagnosis(diagnosis, row["kimg"])
        try:
            remedy = choose(found, self._gan.config, self._rows, self._checkpoints.usual_steps)
        except TrainingDiverged as error:
            decision["failure"] = str(error)
            return None
        if remedy is not None:
            remedy["seconds"] = row["seconds"]
            decision |= {"back_to": remedy["back_to_step"], "options": remedy["options"]}
        return remedy

    def _agree(self, decision: dict[str, Any]) -> dict[str, Any]:
        """The chief's, on all workers."""
        return json.loads(from_chief(self._strategy, json.dumps(decision), size=2**14))
