"""Remedies: what a run does about a diagnosis by itself, if it was told to; bounded and written.

A remedy is a row of ``metrics.jsonl`` that holds the options in force from its step on. Everything
that a resumed run needs to know is there, so it does what an unbroken one would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tgan_tf.config import Config
from tgan_tf.modalities import make_modality
from tgan_tf.training.health import Diagnosis
from tgan_tf.training.journal import Row

_RATE_FACTOR = 0.5
_PENALTY_FACTOR = 2.0
_FIRST_PENALTY = 0.05  # where there was none
# What helps against what; the first one that the user allows. Nothing helps against the rest.
_ACTIONS: dict[str, tuple[str, ...]] = {
    "non_finite": ("rollback",),
    "divergence": ("rollback",),
    "mode_collapse": ("rollback", "penalty"),
    "class_collapse": ("rollback", "penalty"),
    "oscillation": ("penalty", "rollback"),
    "discriminator_saturation": ("penalty", "augment"),
    "memorisation": ("augment", "penalty"),
}
_COLLAPSES = ("mode_collapse", "class_collapse")
# In this order: moving images changes them least. Others, such as flip, are for the user to know
# whether the data allow them.
_POLICIES = ("translation", "cutout", "color")

Options = dict[str, Any]


class TrainingDiverged(RuntimeError):
    """A training that cannot go on; the message says between which steps, and on what evidence."""


def options_in_force(rows: Sequence[Row]) -> Options:
    """The options that the remedies of a run have set, from its rows."""
    remedies = [row for row in rows if row["kind"] == "remedy"]
    return dict(remedies[-1]["options"]) if remedies else {}


def choose(
    diagnoses: Sequence[Diagnosis], config: Config, rows: Sequence[Row], checkpoints: Sequence[int]
) -> Row | None:
    """The remedy for the first of these diagnoses that there is one for, as a row.

    Args:
        diagnoses: at the last tick.
        config: with the options in force.
        rows: of the run so far.
        checkpoints: steps that the training can go back to, ascending.

    Returns:
        None when nothing is wrong that the user allowed a remedy for.

    Raises:
        TrainingDiverged: as many were tried as ``remedy_tries`` allows, or, for what cannot go
            on, none is allowed.
    """
    earlier = [row for row in rows if row["kind"] == "remedy"]
    for diagnosis in diagnoses:
        allowed = [
            action
            for action in _ACTIONS.get(diagnosis.name, ())
            if action in config.health.remedies and _change(action, diagnosis, config)
        ]
        if allowed and len(earlier) < config.health.remedy_tries:
            return _row(allowed[0], diagnosis, config, earlier, checkpoints)
        if allowed or diagnosis.name == "non_finite":
            raise TrainingDiverged(_given_up(diagnosis, earlier))
    return None


def _row(
    action: str,
    diagnosis: Diagnosis,
    config: Config,
    earlier: Sequence[Row],
    checkpoints: Sequence[int],
) -> Row:
    change = _change(action, diagnosis, config)
    before = {name: _value(config, name) for name in change}
    shown = ", ".join(f"{name} {_text(before[name])} -> {_text(change[name])}" for name in change)
    step, back_to = diagnosis.step, None
    if action == "rollback":
        step = back_to = _good(diagnosis, earlier, checkpoints)
        shown = f"back to step {back_to:,}; {shown}"
    return {
        "kind": "remedy",
        "step": step,
        "kimg": step * config.training.batch_size / 1000,
        "number": len(earlier) + 1,
        "of": config.health.remedy_tries,
        "diagnosis": diagnosis.name,
        "since_step": diagnosis.since,
        "found_at_step": diagnosis.step,
        "evidence": diagnosis.evidence,
        "back_to_step": back_to,
        "what": shown,
        "options": options_in_force(earlier) | change,
    }


def _good(diagnosis: Diagnosis, earlier: Sequence[Row], checkpoints: Sequence[int]) -> int:
    """The last checkpoint from before the evidence; the oldest one where none is."""
    good = [step for step in checkpoints if step <= diagnosis.since] or list(checkpoints[:1])
    # What went wrong from there before went wrong earlier.
    if earlier and len(good) > 1 and earlier[-1]["back_to_step"] == good[-1]:
        return good[-2]
    return good[-1]


def _change(action: str, diagnosis: Diagnosis, config: Config) -> Options:
    """Options with the values that the action gives them; empty: it can do no more."""
    if action == "rollback":
        # Against a collapse the generator must become slower than the discriminator.
        names = ["g_lr"] if diagnosis.name in _COLLAPSES else ["g_lr", "d_lr"]
        return {name: _value(config, name) * _RATE_FACTOR for name in names}
    if action == "penalty":
        if config.objective.rewards_tokens:
            return {}  # it has none
        return {
            name: max(_value(config, name) * _PENALTY_FACTOR, _FIRST_PENALTY)
            for name in ("r1_gamma", "r2_gamma")
        }
    suitable = make_modality(config).augmentations
    policies = [p for p in _POLICIES if p in suitable]
    missing = [p for p in policies if p not in config.objective.augment]
    return {"augment": [*config.objective.augment, missing[0]]} if missing else {}


def describe(row: Mapping[str, Any]) -> str:
    """One remedy for a person."""
    return (
        f"Remedy {row['number']} of {row['of']} at step {row['found_at_step']:,}, against"
        f" {row['diagnosis'].replace('_', ' ')}: {row['what']}"
    )


def _given_up(diagnosis: Diagnosis, earlier: Sequence[Row]) -> str:
    tried = "; ".join(
        f"{describe(row)} (steps {row['since_step']:,} to {row['found_at_step']:,}:"
        f" {row['evidence']})"
        for row in earlier
    )
    return (
        f"{diagnosis.title} between steps {diagnosis.since:,} and {diagnosis.step:,}:"
        f" {diagnosis.evidence}; usually {diagnosis.cause}. The checkpoints are of earlier steps."
        f" Try this: {diagnosis.advice}" + (f". Tried in vain: {tried}" if tried else "")
    )


def _value(config: Config, name: str) -> Any:
    section = config.optimizer if name.endswith("lr") else config.objective
    return getattr(section, name)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else ",".join(value) or "none"
