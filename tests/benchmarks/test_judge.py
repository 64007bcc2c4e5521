"""Tables and contestants, without a judgement, which takes minutes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.judge import Contestant, write_table
from tests.exporting.samplers import make_run, make_sampler
from tgan_tf.inference import load
from tgan_tf.training.journal import Journal


def test_table(tmp_path):
    rows = [
        {"name": "ours", "minutes": 12.345678, "images_shown": 240000},
        {"name": "real images", "minutes": None},
    ]
    text = write_table(rows, tmp_path / "new" / "table")
    assert text.splitlines() == [
        "|  | ours | real images |",
        "| --- | --- | --- |",
        "| minutes | 12.35 |  |",
        "| images_shown | 240,000 |  |",
    ]
    assert (tmp_path / "new" / "table.md").read_text("utf-8") == text
    assert json.loads((tmp_path / "new" / "table.json").read_text("utf-8")) == rows


def test_contestant_from_run(tmp_path):
    run = make_run(tmp_path / "run")
    journal = Journal(run / "metrics.jsonl")
    journal.append({"kind": "tick", "step": 8, "kimg": 0.5, "seconds": 10.0})
    journal.append({"kind": "tick", "step": 16, "kimg": 1.0, "seconds": 30.0})
    one = Contestant.from_run(load(run), run)
    assert one.about()["images_per_second"] == pytest.approx(1000 / 30)
    assert one.minutes == 0.5
    assert all(count > 0 for count in one.parameters)
    assert one.sample(range(3), np.array([0, 1, 2])).shape == (3, 8, 12, 3)


@pytest.mark.parametrize("num_classes", [3, 0])
def test_contestant_without_training_or_classes(tmp_path, num_classes):
    with pytest.raises(ValueError, match="trained run with classes"):
        Contestant.from_run(make_sampler(num_classes), tmp_path)
