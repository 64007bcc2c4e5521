from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from PIL import Image

import tgan_tf
from tests.exporting.samplers import make_run
from tests.metrics.means import save_extractor
from tgan_tf import evaluation
from tgan_tf.evaluate import define_flags, run
from tgan_tf.exporting import to_saved_model, to_tflite


def parsed(*arguments: str) -> flags.FlagValues:
    values = flags.FlagValues()
    define_flags(values)
    values(["evaluate", *arguments])
    return values


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list:
    """What was to be measured; nothing is."""
    asked = []

    def measure(sample, source, config, **options):
        asked.append(config)
        return evaluation.Evaluation({}, "training", 1617, 300, 0.99, 1.0)

    monkeypatch.setattr(evaluation, "measure", measure)
    monkeypatch.setattr(evaluation, "table", lambda row: "the table")
    return asked


def test_a_checkpoint_is_measured_printed_and_recorded(
    tmp_path: Path, asked: list, capsys: pytest.CaptureFixture
) -> None:
    path = make_run(tmp_path / "00000-digits", steps=(30, 70))
    options = ("--eval_samples=300", "--metrics=frechet,kernel", "--checkpoint=ckpt-30")
    run(parsed(f"--run={path}", *options))
    assert asked[0].evaluation.metrics == ("frechet", "kernel")
    assert asked[0].evaluation.eval_samples == 300
    # What is not given is the run's own.
    assert asked[0].evaluation.extractors == ("auto",)
    assert capsys.readouterr().out == "Step 30 (1.92 kimg): the table\n"
    row = json.loads((path / "metrics.jsonl").read_text())
    assert (row["kind"], row["step"], row["classifier_accuracy"]) == ("evaluation", 30, 0.99)
    run(parsed(f"--run={path}", "--norecord"))
    assert len((path / "metrics.jsonl").read_text().splitlines()) == 1


def test_the_module_does_not_hide_the_function() -> None:
    images = np.zeros((2, 8, 8, 1), np.uint8)
    with pytest.raises(ValueError, match="no metric blur"):
        tgan_tf.evaluate(images, images, metrics=["blur"], extractor=_Nothing())


class _Nothing:
    name, identity, dim = "nothing", "nothing", 1

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return np.zeros((len(images), 1), np.float32)


def saved(path: Path, seed: int, count: int = 200) -> str:
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    np.savez(path, images=images)
    return f"npz:{path}"


def test_images_are_measured_against_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    network = _Nothing()
    network.name = "efficientnet_lite0"
    monkeypatch.setattr(evaluation, "_load", lambda name, protocol: network)
    monkeypatch.setattr(evaluation.efficientnet_lite, "weights_file", lambda: None)
    one, two = saved(tmp_path / "one.npz", 1), saved(tmp_path / "two.npz", 2)
    given = ("--metrics=frechet", f"--cache_dir={tmp_path}", "--reference_split=all")
    run(parsed(f"--samples={one}", f"--reference={two}", *given))
    assert "200 samples against 200 all images" in capsys.readouterr().out
    with pytest.raises(ValueError, match="--samples has only 200 images"):
        run(parsed(f"--samples={one}", f"--reference={two}", "--eval_samples=300", *given))
    with pytest.raises(ValueError, match="--reference: name the real images"):
        run(parsed(f"--samples={one}", *given))
    np.savez(tmp_path / "rgb.npz", images=np.zeros((200, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"\[8, 8, 1\], those of --reference \[8, 8, 3\]"):
        run(parsed(f"--samples={one}", f"--reference=npz:{tmp_path}/rgb.npz", *given))


def measured(capsys: pytest.CaptureFixture) -> list[str]:
    """The lines of numbers that were printed."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]


def save_folder(folder: Path, images: np.ndarray) -> str:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:04d}.png")
    return f"folder:{folder}"


def test_a_run_and_its_exports_have_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """And their samples as images too, against a folder; nothing is stubbed."""
    path = make_run(tmp_path / "00000-pets", num_classes=0)
    sampler = tgan_tf.load(path)
    fakes = sampler.sample(range(200))
    reals = np.random.default_rng(0).integers(0, 256, (300, 8, 12, 3), dtype=np.uint8)
    np.savez(tmp_path / "fakes.npz", images=fakes)
    given = (
        f"--extractors={save_extractor(tmp_path / 'means')}",
        "--metrics=frechet,kernel,precision_recall",
        f"--cache_dir={tmp_path}",
        "--eval_samples=200",
        "--reference_split=all",
        f"--reference={save_folder(tmp_path / 'reals', reals)}",
    )
    kinds = {
        "images": f"npz:{tmp_path}/fakes.npz",
        "folder": save_folder(tmp_path / "fakes", fakes),
        "saved_model": to_saved_model(sampler, tmp_path / "model").path,
        "tflite": to_tflite(sampler, tmp_path / "model.tflite").path,
    }
    rows = {}
    for kind, samples in kinds.items():
        run(parsed(f"--samples={samples}", *given))
        rows[kind] = measured(capsys)
    assert [row.split()[0] for row in rows["images"]] == [
        "frechet_saved_model_means",
        "kernel_saved_model_means",
        "precision_saved_model_means",
        "recall_saved_model_means",
    ]
    assert rows["folder"] == rows["images"]
    # A level in 255 may round either way.
    numbers = {kind: [float(row.split()[1]) for row in lines] for kind, lines in rows.items()}
    np.testing.assert_allclose(numbers["saved_model"], numbers["images"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(numbers["tflite"], numbers["images"], rtol=1e-3, atol=1e-3)


def test_images_of_several_sizes_become_one(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    random = np.random.default_rng(0)
    folders = []
    for name in ("fakes", "reals"):
        small, wide = (random.integers(0, 256, (60, 8, n, 3), dtype=np.uint8) for n in (8, 12))
        folders.append(save_folder(tmp_path / name, [*small, *wide]))
    given = (
        *(f"--samples={folders[0]}", f"--reference={folders[1]}"),
        *(f"--extractors={save_extractor(tmp_path / 'means')}", "--metrics=frechet"),
        f"--cache_dir={tmp_path}",
    )
    with pytest.raises(ValueError, match=r"have 2 sizes.* pass --image_size=H,W"):
        run(parsed(*given))
    run(parsed(*given, "--image_size=8,8", "--fit=stretch"))
    assert "120 samples against 120 all images" in capsys.readouterr().out
    for wrong in ("8", "8,x"):
        with pytest.raises(flags.IllegalFlagValueError, match="--image_size=32,32"):
            parsed(*given, f"--image_size={wrong}")
    with pytest.raises(flags.IllegalFlagValueError, match="a run has a size of its own"):
        parsed("--run=a", "--image_size=8,8")


def test_replicas_measure_what_one_does(tmp_path: Path) -> None:
    """The command on two devices, which share the network's work, in a process of its own."""
    given = (
        *(f"--samples={saved(tmp_path / 'one.npz', 1)}", "--extractors={name}"),
        *(f"--reference={saved(tmp_path / 'two.npz', 2)}", "--metrics=frechet,kernel"),
    )
    code = f"""
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.test_evaluate import parsed, run
from tgan_tf import evaluate
make, replicas = evaluate._strategy, []
def counted(values):
    strategy = make(values)
    replicas.append(strategy.num_replicas_in_sync)
    return strategy
evaluate._strategy = counted
for strategy in ("one", "mirrored"):
    run(parsed(*{[text.format(name=save_extractor(tmp_path / "means")) for text in given]!r},
        f"--cache_dir={tmp_path}/{{strategy}}", f"--strategy={{strategy}}"))
print(replicas)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    numbers = [line for line in lines if line.startswith("  ")]
    assert len(numbers) == 4
    assert numbers[:2] == numbers[2:]
    assert lines[-1] == "[1, 2]"


def test_one_thing_is_measured() -> None:
    for given in ((), ("--run=a", "--samples=b")):
        with pytest.raises(flags.IllegalFlagValueError, match="one of --run"):
            parsed(*given)
