from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from tgan_tf.training.best import Best, read


def row(step: int, **metrics: float) -> dict:
    return {"kind": "evaluation", "step": step, "kimg": step / 10, "metrics": metrics}


@pytest.mark.parametrize(
    ("metric", "values", "kept"),
    [("frechet", (5.0, 3.0, 4.0, 3.0), 1), ("recall", (0.1, 0.4, 0.2, 0.4), 1)],
)
def test_the_first_of_the_best_stays(
    metric: str, values: tuple[float, ...], kept: int, tmp_path: Path
) -> None:
    step = tf.Variable(0, dtype=tf.int64)
    for index, value in enumerate(values):
        # As after a resume each time.
        best = Best(tmp_path, metric, {"step": step})
        step.assign(index)
        measured = row(index, other_x=0.0, **{f"{metric}_classifier": value})
        if best.is_better(measured):
            best.save(measured, index)
    record = read(tmp_path)
    assert record is not None
    assert (record["metric"], record["value"]) == (metric, values[kept])
    assert record["row"]["step"] == kept
    step.assign(99)
    assert Best(tmp_path, metric, {"step": step})._checkpoints.restore_latest() == kept
    assert int(step) == kept


def test_another_metric_begins_anew(tmp_path: Path) -> None:
    parts = {"step": tf.Variable(0)}
    best = Best(tmp_path, "frechet", parts)
    assert read(tmp_path) is None
    best.save(row(1, frechet_x=1.0), 1)
    assert not best.is_better(row(2, frechet_x=2.0))
    assert Best(tmp_path, "recall", parts).is_better(row(2, recall_x=0.1))
    assert not best.is_better(row(2, recall_x=0.1))
