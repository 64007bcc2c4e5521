from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.training.runs import resolved
from tgan_tf.config import Config, ConfigError
from tgan_tf.training.resume import check_resumable, differences, find_unfinished, open_run


def test_differences_are_named() -> None:
    config = Config()
    assert differences(config, config) == []
    assert differences(config, config.replace(seed=3, g_lr=1.0)) == ["g_lr", "seed"]


@pytest.mark.parametrize(
    "change", [{"total_kimg": 9.0}, {"snapshot_kimg": 1.0}, {"metrics": ()}, {"strategy": "one"}]
)
def test_what_does_not_touch_the_bytes_may_change(change: dict) -> None:
    config = resolved(metrics=("frechet",))
    check_resumable(config, config.replace(**change), Path("run"))


def test_what_does_may_not() -> None:
    config = resolved()
    with pytest.raises(ConfigError, match=r"--resume=run: .* --d_width, --beta1; leave them out"):
        check_resumable(config, config.replace(beta1=0.5, d_width=16), Path("run"))


def test_a_path_that_is_no_run_says_what_one_looks_like(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--resume=.*no config.json.*runs/0"):
        open_run(tmp_path)


def test_auto_takes_the_last_unfinished_run_of_the_same_configuration(tmp_path: Path) -> None:
    config = resolved(out_dir=os.fspath(tmp_path))

    def make(name: str, saved: Config | None, finished: bool = False) -> Path:
        path = tmp_path / name
        path.mkdir()
        if saved:
            saved.save(path / "config.json")
        if finished:
            (path / "result.json").write_text("{}")
        return path

    assert find_unfinished(config) is None
    make("00000-digits", config)
    wanted = make("00001-digits", config.replace(eval_samples=500))
    make("00002-digits", config, finished=True)
    make("00003-digits", config.replace(seed=1))
    make("00004-digits", config.replace(name="other"))
    make("00005-digits", config.replace(total_kimg=7.0))
    make("00006-digits", None)
    (make("00007-digits", None) / "config.json").write_text("{")
    assert find_unfinished(config) == wanted
