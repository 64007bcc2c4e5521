from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import assert_same_run, tensors, tiny, untimed_rows
from tgan_tf.config import Config, ConfigError
from tgan_tf.data.sources import load_source
from tgan_tf.gan import TransformerGAN
from tgan_tf.training.checkpoint import listed
from tgan_tf.training.meter import Meter
from tgan_tf.training.run import Stopped, train
from tgan_tf.training.strategy import distribute

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from start to end; tests leave it as it is."""
    return train(tiny(tmp_path_factory.mktemp("unbroken")))


def test_a_finished_run_has_all_its_files(unbroken: Path) -> None:
    assert unbroken.name == "00000-digits"
    present = {path.relative_to(unbroken).as_posix() for path in unbroken.rglob("*")}
    assert {
        "config.json",
        "flags.txt",
        "log.txt",
        "metrics.jsonl",
        "report.html",
        "result.json",
        "samples/reals.png",
        "samples/fakes000000.png",
        "samples/classes.png",
        "samples/curves.png",
    } <= present
    assert not [name for name in present if "tmp" in name]
    assert [path.name for path in listed(unbroken / "checkpoints")] == ["ckpt-15", "ckpt-20"]
    assert [row["step"] for row in untimed_rows(unbroken)] == [3, 6, 9, 12, 15, 18, 20]
    assert "python -m tgan_tf.generate --run=" in (unbroken / "log.txt").read_text()


def test_flags_replay_the_experiment(unbroken: Path) -> None:
    replayed = Config.from_flagfile(unbroken / "flags.txt")
    saved = Config.load(unbroken / "config.json")
    assert (
        replayed.resolve(
            image_size=(8, 8), channels=1, num_classes=10, class_names=map(str, range(10))
        )
        == saved
    )


def test_a_checkpoint_holds_every_variable(unbroken: Path) -> None:
    gan = TransformerGAN(Config.load(unbroken / "config.json"))
    stored = tensors(listed(unbroken / "checkpoints")[-1])
    parts = (gan.generator, gan.discriminator, gan.ema_generator, gan.g_optimizer, gan.d_optimizer)
    # Besides these the step, and the meter's two.
    assert len(stored) == sum(len(part.variables) for part in parts) + 3


def test_fit_trains_the_same_bytes(unbroken: Path) -> None:
    config = Config.load(unbroken / "config.json")
    gan = TransformerGAN(config)
    batches = distribute(tf.distribute.get_strategy(), load_source(config.data).train, config)
    gan.fit(batches, steps_per_epoch=5, epochs=4, verbose=0)
    stored = tensors(listed(unbroken / "checkpoints")[-1])
    for name in ("generator", "discriminator", "ema_generator", "g_optimizer", "d_optimizer"):
        keys = sorted(key for key in stored if key.startswith(f"{name}/"))
        variables = getattr(gan, name).variables
        assert len(keys) == len(variables)
        for key, variable in zip(keys, variables, strict=True):
            assert stored[key].tobytes() == np.asarray(variable).tobytes()


def test_ctrl_c_saves_and_the_resumed_run_ends_the_same(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    update, calls = Meter.update, []

    def interrupted(self, logs) -> None:
        update(self, logs)
        calls.append(1)
        if len(calls) == 8:  # between two ticks and between two snapshots
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Meter, "update", interrupted)
    with pytest.raises(Stopped, match=r"--resume=.*00000-digits") as stopped:
        train(tiny(tmp_path))
    assert stopped.value.exit_code == 130
    assert "python train.py --resume=" in capsys.readouterr().out
    run = tmp_path / "00000-digits"
    assert listed(run / "checkpoints")[-1].name == "ckpt-8"
    assert not (run / "result.json").exists()

    # auto finds it, whatever else is in out_dir.
    (tmp_path / "00007-digits").mkdir()
    assert train(tiny(tmp_path), resume="auto") == run
    assert_same_run(run, unbroken)


def test_sigkill_and_resume_ends_the_same(unbroken: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "train.py", *tiny(tmp_path).to_flags()],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    run = tmp_path / "00000-digits"
    # In the middle of writing the second one, or close to it.
    while not list(run.glob("checkpoints/ckpt-5*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (run / "result.json").exists()
    # What a kill in the middle of a line and of a checkpoint leaves besides.
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "tick", "step": 900, "kimg": 3.6}\n{"kind": "ti')
    (run / "checkpoints" / "ckpt-900.index").write_bytes(b"half")
    assert train(tiny(tmp_path), resume=run) == run
    assert not (run / "checkpoints" / "ckpt-900.index").exists()
    assert_same_run(run, unbroken)


def test_a_run_goes_on_only_as_what_it_was(unbroken: Path) -> None:
    config = Config.load(unbroken / "config.json")
    with pytest.raises(ConfigError, match=r"--resume=.* other values of --g_lr, --batch_size"):
        train(config.replace(batch_size=8, g_lr=1.0), resume=unbroken)
    with pytest.raises(ConfigError, match="not a run directory"):
        train(config, resume=unbroken.parent)


def test_errors_leave_no_run_directory(tmp_path: Path) -> None:
    for changes in (
        {"dataset": f"folder:{tmp_path / 'nothing'}"},
        {"g_patch": 3},
        {"strategy": "multi_worker"},
    ):
        with pytest.raises(ConfigError, match="--"):
            train(tiny(tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()
