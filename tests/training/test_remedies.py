"""What is done against what, how often, and what it goes back to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tokens import text_config
from tests.training.runs import resolved
from tgan_tf.training.health import Diagnosis
from tgan_tf.training.remedies import TrainingDiverged, choose, describe, options_in_force

ALL = ("rollback", "penalty", "augment")


def sick(name: str, since: int = 12, step: int = 20) -> Diagnosis:
    return Diagnosis(name, since, step, "what was seen", "what it comes from", "what to change")


def chosen(name: str, checkpoints=(5, 10, 15), rows=(), since: int = 12, **changes: Any) -> dict:
    config = resolved(**{"remedies": ALL, "g_lr": 1e-3, "d_lr": 2e-3, **changes})
    row = choose([sick(name, since)], config, rows, checkpoints)
    assert row is not None
    assert json.loads(json.dumps(row)) == row
    return row


@pytest.mark.parametrize("name", ["non_finite", "divergence"])
def test_what_explodes_goes_back_with_half_the_rates(name: str) -> None:
    row = chosen(name)
    assert row["options"] == {"g_lr": 5e-4, "d_lr": 1e-3}
    # 15 is of within the evidence.
    assert (row["step"], row["back_to_step"], row["found_at_step"]) == (10, 10, 20)
    assert row["kimg"] == 0.04
    assert describe(row) == (
        f"Remedy 1 of 3 at step 20, against {name.replace('_', ' ')}: back to step 10; "
        "g_lr 0.001 -> 0.0005, d_lr 0.002 -> 0.001"
    )


@pytest.mark.parametrize("name", ["mode_collapse", "class_collapse"])
def test_after_a_collapse_the_generator_is_slower(name: str) -> None:
    assert chosen(name)["options"] == {"g_lr": 5e-4}


def test_penalties_double_and_the_training_goes_on() -> None:
    row = chosen("oscillation", r1_gamma=0.3, r2_gamma=0.0)
    assert row["options"] == {"r1_gamma": 0.6, "r2_gamma": 0.05}
    assert (row["step"], row["back_to_step"]) == (20, None)


def test_what_takes_no_penalty_gets_none() -> None:
    rewards = {"token_gradient": "score", "r1_gamma": 0, "r2_gamma": 0}
    config = text_config(**rewards, remedies=("penalty",))
    assert choose([sick("oscillation")], config, (), (0,)) is None


def test_policies_of_augmentation_are_added_one_by_one() -> None:
    assert chosen("memorisation")["options"] == {"augment": ["translation"]}
    row = chosen("memorisation", augment=("translation",))
    assert row["options"] == {"augment": ["translation", "cutout"]}
    # Grey images have no more; the next best is a penalty.
    row = chosen("memorisation", augment=("translation", "cutout"))
    assert set(row["options"]) == {"r1_gamma", "r2_gamma"}


def test_only_what_is_allowed_is_done() -> None:
    assert "g_lr" in chosen("oscillation", remedies=("rollback",))["options"]
    config = resolved(remedies=("augment",))
    for name in ("oscillation", "vanishing_signal", "dead_conditioning"):
        assert choose([sick(name)], config, (), (0,)) is None
    row = choose([sick("dead_conditioning"), sick("memorisation")], config, (), (0,))
    assert row is not None
    assert row["diagnosis"] == "memorisation"
    assert choose([sick("divergence")], resolved(), (), (0,)) is None


def test_what_cannot_go_on_is_an_error_without_a_remedy() -> None:
    with pytest.raises(
        TrainingDiverged, match=r"^non finite between steps 12 and 20: what was seen; usually"
    ):
        choose([sick("non_finite")], resolved(), (), (0,))


def test_it_ends_when_as_many_were_tried() -> None:
    first = chosen("divergence")
    second = chosen("divergence", rows=[first], remedy_tries=2)
    assert (second["number"], second["of"]) == (2, 2)
    with pytest.raises(TrainingDiverged) as error:
        chosen("divergence", rows=[first, second], remedy_tries=2)
    message = str(error.value)
    for part in (
        "divergence between steps 12 and 20: what was seen",
        "Tried in vain: Remedy 1 of 3",
        "Remedy 2 of 2",
        "(steps 12 to 20: what was seen)",
        "Try this: what to change",
    ):
        assert part in message


def test_options_add_up() -> None:
    first = chosen("oscillation", r1_gamma=0.1, r2_gamma=0.1)
    second = chosen("divergence", rows=[first])
    assert options_in_force([first, second]) == second["options"]
    assert set(second["options"]) == {"r1_gamma", "r2_gamma", "g_lr", "d_lr"}
    assert options_in_force([{"kind": "tick"}]) == {}


def test_what_goes_wrong_from_one_checkpoint_goes_back_further() -> None:
    first = chosen("divergence")
    assert chosen("divergence", rows=[first])["back_to_step"] == 5
    assert chosen("divergence", rows=[first], checkpoints=(10,))["back_to_step"] == 10
    # A checkpoint from before the evidence is wanted; without one, the oldest.
    assert chosen("divergence", since=3)["back_to_step"] == 5
