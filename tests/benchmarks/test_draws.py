"""How far draws differ."""

from __future__ import annotations

import json

import numpy as np
from absl import flags

from benchmarks import draws
from tests.exporting.samplers import make_run
from tgan_tf import evaluation
from tgan_tf.data import sources
from tgan_tf.metrics.suite import Result


def test_table():
    found = {
        "run": [{"frechet": 1.0}, {"frechet": 2.0}, {"frechet": 3.0}],
        "likelihood": [{"frechet": 0.5}, {"frechet": 2.5}, {"frechet": 6.0}],
    }
    assert draws.table(found).splitlines() == [
        "|  | run | likelihood alone | run greater, of 3 |",
        "|---|---|---|---|",
        "| frechet | 2 ± 1 | 3 ± 2.8 | 1 |",
    ]
    assert draws.table({"run": found["run"]}).splitlines()[-1] == "| frechet | 2 ± 1 |"


def test_each_draw_has_seeds_of_its_own(tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path / "00000-pets", eval_samples=100, seed=1)
    drawn = []

    def measure(sample, source, config, baselines):
        assert not baselines
        drawn.append(sample(range(config.evaluation.eval_samples), np.arange(100) % 3))
        results = {"mean": Result(drawn[-1].mean(), 0, 100)}
        return type("Evaluation", (), {"results": results})

    monkeypatch.setattr(evaluation, "measure", measure)
    # The seed is that of the training alone: what is held out stays held out.
    monkeypatch.setattr(sources, "load_source", lambda data: None)
    values = flags.FlagValues()
    draws.define_flags(values)
    values(["draws", f"--run={run}", "--draws=2"])
    draws.run(values)
    assert (drawn[0] != drawn[1]).any()
    (kept,) = json.loads((run / "benchmark" / "draws.json").read_text()).values()
    assert kept == [{"mean": images.mean()} for images in drawn]
    assert "| mean |" in capsys.readouterr().out
