"""Trains small runs that something is wrong with, and healthy ones, and keeps what they logged.

    python -m tests.training.sick_runs             # all, about five minutes of one core
    python -m tests.training.sick_runs saturated   # some of them

writes tests/training/sick_runs/NAME.jsonl, the ticks of metrics.jsonl with four significant digits.
``test_health`` reads them: rules are judged on what training really looks like.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import loop, prepare
from tgan_tf.training.journal import Journal
from tgan_tf.training.preview import Preview
from tgan_tf.training.remedies import TrainingDiverged
from tgan_tf.training.run import train

FOLDER = Path(__file__).parent / "sick_runs"
SMALL: dict[str, Any] = {
    "dataset": "digits",
    "g_widths": (32,),
    "g_depths": (1,),
    "g_windows": (0,),
    "latent_dim": 16,
    "w_dim": 32,
    "mapping_layers": 1,
    "d_kind": "conv",
    "d_width": 64,
    "d_patch": 4,
    "g_lr": 5e-4,
    "d_lr": 1e-3,
    "lr_final": 1.0,
    "r1_gamma": 0.05,
    "r2_gamma": 0.05,
    "batch_size": 32,
    "ema_half_life_kimg": 1.0,
    "penalty_every": 1,
    "total_kimg": 16.0,
    "tick_kimg": 0.32,
    "health_kimg": 0.96,
    "health_samples": 160,
    "snapshot_kimg": 1000.0,
    "metrics": (),
    "export": (),
}


@contextmanager
def poisoned_batch(number: int = 180) -> Iterator[None]:
    """The batch of this number, from 1, holds NaN, as of a file that was read wrong."""
    reading, count = loop.reading, 0

    @contextmanager
    def poisoned(batches: Any) -> Iterator[Callable[[], Any]]:
        with reading(batches) as next_batch:

            def give() -> Any:
                nonlocal count
                count += 1
                batch = next_batch()
                if count == number:
                    nan = tf.fill(batch["image"].shape, tf.constant(float("nan")))
                    batch = batch | {"image": nan}
                return batch

            yield give

    with mock.patch.object(loop, "reading", poisoned):
        yield


@contextmanager
def few_images() -> Iterator[None]:
    """64 images to learn by heart; the others are held out."""
    load = prepare.load_source

    def few(*args: Any, **options: Any) -> Source:
        source = load(*args, **options)
        train, val = source.train, source.val
        images = np.concatenate([train.samples[64:], val.samples])
        labels = np.concatenate([train.labels[64:], val.labels])
        return Source(
            source.name,
            SampleSet(train.samples[:64], train.labels[:64]),
            SampleSet(images, labels),
            source.class_names,
        )

    with mock.patch.object(prepare, "load_source", few):
        yield


@contextmanager
def by_turns(first: int = 250, steps: int = 20) -> Iterator[None]:
    """After so many steps the networks learn by turns: neither answers the other in time."""
    schedule = TransformerGAN._schedule

    class Turns(tf.keras.optimizers.schedules.LearningRateSchedule):
        def __init__(self, usual: Any, turn: int) -> None:
            super().__init__()
            self.usual, self.turn = usual, turn

        def __call__(self, step: Any) -> tf.Tensor:
            turn = (tf.cast(step, tf.int32) - first) // steps % 2
            on = (step < first) | (turn == self.turn)
            return tf.where(on, self.usual(step), 0.0)

        def get_config(self) -> dict[str, Any]:
            return {"usual": self.usual, "turn": self.turn}

    def changed(self: TransformerGAN, rate: float, every: int) -> Any:
        is_generator = rate == self.config.optimizer.g_lr
        return Turns(schedule(self, rate, every), int(is_generator))

    with mock.patch.object(TransformerGAN, "_schedule", changed):
        yield


@contextmanager
def drawn(change: Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]) -> Iterator[None]:
    """The averaged generator gets other seeds and labels than it was asked for."""
    sample = Preview.sample

    def changed(self: Preview, seeds: Any, label: Any = None, progress: Any = None) -> np.ndarray:
        seeds, label = change(np.asarray(seeds), label)
        return sample(self, seeds, label, progress)

    with mock.patch.object(Preview, "sample", changed):
        yield


def few_seeds(seeds: np.ndarray, label: Any) -> tuple[np.ndarray, Any]:
    """Ten samples, again and again."""
    return seeds % 10, label


def one_class_constant(seeds: np.ndarray, label: Any) -> tuple[np.ndarray, Any]:
    """Class 3 has one sample."""
    return seeds if label is None else np.where(label == 3, 0, seeds), label


def labels_ignored(seeds: np.ndarray, label: Any) -> tuple[np.ndarray, Any]:
    """Samples of any class, whichever was asked for."""
    return seeds, None if label is None else np.random.default_rng(0).permutation(label)


Context = Callable[[], AbstractContextManager[None]]
RUNS: dict[str, tuple[dict[str, Any], Context]] = {
    "healthy": ({}, nullcontext),
    "healthy_unconditional": ({"conditional": False}, nullcontext),
    "healthy_non_saturating": ({"loss": "non_saturating"}, nullcontext),
    "healthy_hinge": ({"loss": "hinge", "augment": ("translation",)}, nullcontext),
    "healthy_wasserstein": (
        {"loss": "wasserstein", "r1_gamma": 1.0, "r2_gamma": 1.0},
        nullcontext,
    ),
    "poisoned_batch": ({"total_kimg": 8.0}, poisoned_batch),
    "rates_x100": ({"g_lr": 5e-2, "d_lr": 1e-1}, nullcontext),
    "saturated": (
        {"loss": "non_saturating", "r1_gamma": 0.0, "r2_gamma": 0.0, "g_lr": 1e-6},
        nullcontext,
    ),
    "blind": ({"r1_gamma": 1e4, "r2_gamma": 1e4}, nullcontext),
    "few_images": ({"r1_gamma": 0.0, "r2_gamma": 0.0}, few_images),
    "collapsed_classes": ({"g_lr": 2e-2, "d_lr": 2e-4}, nullcontext),
    "dropped_modes": ({"total_kimg": 8.0, "conditional": False}, lambda: drawn(few_seeds)),
    "dropped_class": ({"total_kimg": 8.0}, lambda: drawn(one_class_constant)),
    "ignored_labels": ({"total_kimg": 8.0}, lambda: drawn(labels_ignored)),
    "unpenalised": (
        {"r1_gamma": 0.0, "r2_gamma": 0.0, "beta1": 0.9, "g_lr": 2e-3, "d_lr": 2e-3},
        nullcontext,
    ),
    "taking_turns": ({"ema_half_life_kimg": 4.0}, by_turns),
    "swinging": (
        {
            "loss": "wasserstein",
            "r1_gamma": 1e-6,
            "r2_gamma": 0.0,
            "beta1": 0.9,
            "g_lr": 1e-3,
            "d_lr": 1e-3,
        },
        nullcontext,
    ),
}


def rows_of(name: str) -> list[dict[str, Any]]:
    """The ticks of a run that was kept."""
    return Journal(FOLDER / f"{name}.jsonl").rows("tick")


def record(name: str) -> None:
    """Trains one run and keeps its ticks."""
    changes, context = RUNS[name]
    with tempfile.TemporaryDirectory() as folder:
        config = Config().replace(**{**SMALL, "out_dir": folder, **changes})
        with context():
            try:
                train(config)
            except TrainingDiverged as error:
                print(error)
        (run,) = Path(folder).glob("0*")
        rows = Journal(run / "metrics.jsonl").rows("tick")
    FOLDER.mkdir(exist_ok=True)
    lines = [json.dumps(_short(row)) + "\n" for row in rows]
    (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    for run in sys.argv[1:] or RUNS:
        record(run)
