"""The command: what it says, what it leaves, how it ends."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.runs import tiny
from tgan_tf.config import Config, ConfigError
from tgan_tf.presets import PRESETS
from tgan_tf.training import dry_run as dry_run_module
from tgan_tf.training import summary
from tgan_tf.training.dry_run import dry_run

ROOT = Path(__file__).parents[1]


def train(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT)}
    return subprocess.run(
        [sys.executable, ROOT / "train.py", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--g_width=3"], "Did you mean: g_widths"),
        (["--batch_size=many"], "--batch_size"),
        (["--batch_size=0"], "--batch_size=0: must be at least 1"),
        (["--loss=hing"], "did you mean hinge?"),
        (["--flagfile=nothing.flags"], "nothing.flags"),
        (["quickstart"], "'quickstart' is no flag"),
        (["--dry_run", "--resume=auto"], "--dry_run and --resume exclude each other"),
        (["--memory_gib=3"], "--memory_gib is for --dry_run"),
        (["--preset=transgan_cifar"], "--preset=transgan_cifar: unknown; did you mean transgan"),
        (["--g_widths=10", "--g_depths=1", "--g_windows=0"], "--g_heads=4 does not divide"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    result = train(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_mistake_that_only_the_data_show_is_one_line_too(tmp_path: Path) -> None:
    result = train("--dataset=digits", "--image_size=9", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("error: --image_size: the height 9")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_help_lists_the_options(tmp_path: Path) -> None:
    text = train("--help", cwd=tmp_path).stdout
    for flag in ("--resume", "--[no]dry_run", "--batch_size", "--g_widths", "--[no]tensorboard"):
        assert flag in text


def test_dry_run_shows_all_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tiny(tmp_path / "runs", cache_dir=os.fspath(tmp_path / "cache"))
    dry_run(config)
    assert not list(tmp_path.iterdir())
    text = capsys.readouterr().out
    assert "digits: 1,617 to train on, 180 held out; 8 x 8 grey; 10 classes: 0, 1, 2" in text
    assert "20 steps of 4 images, on 1 replica\n" in text
    for part in ("Generator", "Discriminator", "MFLOP", "MiB", "loss_d", "real_sign"):
        assert part in text
    assert config == tiny(tmp_path / "runs", cache_dir=os.fspath(tmp_path / "cache"))
    # 10 class vectors of 8, and so on, add up to what is printed.
    total = next(line for line in text.splitlines() if line.startswith("  total"))
    assert int(total.split()[-1].replace(",", "")) > 1000


def test_dry_run_of_a_large_preset_without_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    config = Config.from_preset("transgan_church256", dataset="folder:nothing", data_dir="")
    dry_run(config, memory_gib=80)
    text = capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    for part in ("205,291,952", "17,754,569", "202,077.4 MFLOP", "63,944.4 MFLOP"):
        assert part in text
    # The weights alone would be 0.9 GiB.
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 2**20 < 0.5
    assert "One step is left out" in text
    plan = summary.plan(config)
    largest = int(text.split("largest batch in 80 GiB: --batch_size=")[1].split()[0])
    assert largest == plan.largest_batch(80 * 2**30) > 0

    dry_run(config, memory_gib=1)
    assert "largest batch in 1 GiB: none, not even of one sample" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="--memory_gib=-1"):
        dry_run(config, memory_gib=-1)


def test_dry_run_without_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """What is known is shown; then the mistake."""
    monkeypatch.chdir(tmp_path)
    known = {"image_size": (8, 8), "channels": 1, "conditional": False, "data_dir": ""}
    dry_run(tiny(tmp_path / "runs", dataset="folder:nothing", **known))
    text = capsys.readouterr().out
    assert "MFLOP" in text
    assert "cannot be read, so no step is taken: --dataset=folder:nothing" in text


def test_dry_run_knows_the_classes_of_presets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dry_run_module, "prepare", None)  # no data are looked for
    dry_run(Config.from_preset("biggan_cifar10"), memory_gib=8)
    text = capsys.readouterr().out
    assert "4,373,251" in text  # with ten classes, as in docs/presets.md
    assert "largest batch in 8 GiB: --batch_size=" in text
    for preset in PRESETS:  # they say how large and of how many classes their images are
        assert dry_run_module._without_data(Config.from_preset(preset)) is not None


@pytest.mark.parametrize(
    ("changes", "shape", "classes"),
    [
        ({"dataset": "fashion_mnist"}, (28, 28, 1), 10),
        ({"dataset": "tfds:cifar100:3.*.*", "channels": 1}, (32, 32, 1), 100),
        ({"dataset": "tfds:imagenet2012", "image_size": (64, 64)}, (64, 64, 3), 1000),
        ({"dataset": "tfds:cifar10", "conditional": False}, (32, 32, 3), 0),
    ],
)
def test_dry_run_knows_well_known_data(changes, shape, classes: int) -> None:
    config = dry_run_module._without_data(Config().replace(**changes))
    assert config is not None
    assert (config.data.signal_shape, config.data.num_classes) == (shape, classes)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "tfds:imagenet2012"},
        {"dataset": "cifar10"},
        {"dataset": "tfds:cifar10", "autoencoder": "vae"},
    ],
)
def test_dry_run_does_not_guess(changes) -> None:
    assert dry_run_module._without_data(Config().replace(**changes)) is None


def test_dry_run_leaves_a_long_step_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(dry_run_module, "_STEP_FLOPS", 1)
    dry_run(tiny(tmp_path / "runs", cache_dir=os.fspath(tmp_path / "cache")))
    text = capsys.readouterr().out
    assert "One step is left out: it is about 0.0 TFLOP" in text
    assert "loss_d" not in text


def test_every_flag_file_of_the_project_is_legal() -> None:
    for path in (ROOT / "configs").glob("*.flags"):
        Config.from_flagfile(path)
