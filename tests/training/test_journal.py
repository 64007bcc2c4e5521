from __future__ import annotations

import json
from pathlib import Path

from tgan_tf.training.journal import Journal


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "metrics.jsonl")
    assert journal.rows() == []
    rows = [
        {"kind": "tick", "step": 3, "kimg": 0.3, "loss_d": 1.5},
        {"kind": "evaluation", "step": 3, "kimg": 0.3, "metrics": {"frechet_x": 2.0}},
    ]
    for row in rows:
        journal.append(row)
    assert journal.rows() == rows
    assert journal.rows("evaluation") == rows[1:]


def test_numbers_that_are_not_finite_are_legal_json(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.append({"kind": "tick", "step": 1, "a": float("nan"), "b": [float("inf"), 1.0]})

    def refuse(text: str) -> None:
        raise AssertionError(text)

    row = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=refuse)
    assert row == {"kind": "tick", "step": 1, "a": None, "b": [None, 1.0]}


def test_rewind_drops_later_rows_and_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    journal = Journal(path)
    journal.rewind(5)  # of nothing
    for step in (4, 8, 8, 12):
        journal.append({"kind": "tick", "step": step})
    expected = "".join(path.read_text().splitlines(keepends=True)[:3])
    with path.open("a") as file:
        file.write('{"kind": "tick", "st')
    assert [row["step"] for row in journal.rows()] == [4, 8, 8, 12]
    journal.rewind(8)
    assert path.read_text() == expected
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_going_back_keeps_remedies_and_drops_what_came_of_them(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "metrics.jsonl")
    journal.append({"kind": "tick", "step": 4, "kimg": 0.4})
    journal.append({"kind": "tick", "step": 8, "kimg": 0.8})
    in_place = {"kind": "remedy", "step": 8, "kimg": 0.8, "number": 1}
    journal.roll_back(in_place)
    assert journal.rows()[1:] == [{"kind": "tick", "step": 8, "kimg": 0.8}, in_place]
    journal.append({"kind": "diagnosis", "step": 12, "kimg": 1.2})
    back = {"kind": "remedy", "step": 4, "kimg": 0.4, "number": 2, "options": {"g_lr": 0.1}}
    journal.roll_back(back)
    assert journal.rows() == [
        {"kind": "tick", "step": 4, "kimg": 0.4},
        {"kind": "remedy", "step": 4, "kimg": 0.4, "number": 1},
        back,
    ]


def test_other_workers_write_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "metrics.jsonl", writable=False)
    journal.append({"kind": "tick", "step": 1})
    journal.rewind(0)
    journal.roll_back({"kind": "remedy", "step": 1, "kimg": 0.1})
    assert not list(tmp_path.iterdir())
