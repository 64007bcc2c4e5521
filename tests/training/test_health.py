"""Rules against what training really looks like (``sick_runs``), and at their edges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.training.sick_runs import RUNS, rows_of
from tgan_tf.training.health import diagnose, is_finite

HEALTHY = [name for name in RUNS if name.startswith("healthy")]
SICK = {
    "poisoned_batch": "non_finite",
    "rates_x100": "divergence",
    "saturated": "discriminator_saturation",
    "blind": "vanishing_signal",
    "few_images": "memorisation",
    "collapsed_classes": "class_collapse",
    "dropped_modes": "mode_collapse",
    "dropped_class": "class_collapse",
    "ignored_labels": "dead_conditioning",
    "taking_turns": "oscillation",
    "swinging": "mode_collapse",
    "unpenalised": "mode_collapse",
}


def found(rows: list[dict[str, Any]]) -> list[str]:
    """All diagnoses of a run, in the order in which they are made."""
    names = []
    for count in range(1, len(rows) + 1):
        names += [diagnosis.name for diagnosis in diagnose(rows[:count])]
    return list(dict.fromkeys(names))


def test_every_run_is_judged() -> None:
    assert {*SICK, *HEALTHY} == set(RUNS)


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_a_healthy_run(name: str) -> None:
    rows = rows_of(name)
    assert len(rows) == 50
    assert found(rows) == []


@pytest.mark.parametrize(("name", "diagnosis"), SICK.items())
def test_the_trouble_of_a_sick_run_is_named_first(name: str, diagnosis: str) -> None:
    assert found(rows_of(name))[0] == diagnosis


def test_oscillation_alone_and_with_a_collapse() -> None:
    assert found(rows_of("taking_turns")) == ["oscillation"]
    assert "oscillation" in found(rows_of("swinging"))


def test_only_what_was_dropped_is_named() -> None:
    (diagnosis,) = diagnose(rows_of("dropped_class"))
    assert diagnosis.evidence.rpartition(": ")[2].startswith("3 (0.0")
    assert diagnosis.title == "class collapse"


def test_samples_of_a_class_that_are_much_alike() -> None:
    # Of a training on chorales in 24 keys: one tune for each key, which varied by a few notes.
    shares = [3.3, 5.7, 6.2, 6.8, 6.8, 7.2]
    rows = [
        {"kind": "tick", "step": n, "kimg": n / 10, "conditioning": share, "diversity": 0.9}
        for n, share in enumerate(shares)
    ]
    assert diagnose(rows[:4]) == []
    (diagnosis,) = diagnose(rows)
    assert diagnosis.title == "class collapse"
    assert "6.5 times as much" in diagnosis.evidence
    assert diagnose([row | {"conditioning": 2.9} for row in rows]) == []


def test_a_diagnosis_says_from_when_to_when() -> None:
    rows = rows_of("poisoned_batch")
    (diagnosis,) = diagnose(rows)
    # The 180th batch is of the tick that ends at step 180.
    assert (diagnosis.since, diagnosis.step) == (rows[-2]["step"], rows[-1]["step"])
    assert "loss_d" in diagnosis.evidence
    row = diagnosis.row(1.5)
    assert json.loads(json.dumps(row)) == row
    assert row["advice"].startswith("lower --g_lr")


def test_null_in_a_journal_is_a_number_that_was_not_finite() -> None:
    good = {"kind": "tick", "step": 1, "kimg": 0.1, "loss_d": 0.5, "images_per_second": None}
    assert is_finite(good)
    for bad in (None, float("nan"), float("inf")):
        assert not is_finite(good | {"g_update_norm": bad})


def test_after_a_remedy_the_evidence_must_be_new() -> None:
    rows = rows_of("saturated")[:20]
    assert diagnose(rows)[0].since == rows[-6]["step"]
    remedy = {"kind": "remedy", "step": rows[-5]["step"]}
    assert diagnose([*rows[:-4], remedy, *rows[-4:]]) == []
    assert diagnose([*rows[:-5], remedy, *rows[-5:]])[0].since == 0


def test_nothing_is_said_of_nothing() -> None:
    assert diagnose([]) == []
    assert diagnose([{"kind": "evaluation", "step": 1, "kimg": 0.1, "metrics": {}}]) == []
