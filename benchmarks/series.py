"""Generated series beside those of a normal distribution, and beside real ones.

    python train.py --flagfile=configs/watch.flags
    python -m benchmarks.series --run=runs/00000-watch-watch

All are measured against held-out series by the metrics of series, and by two that see more: the
discriminative score of a network that learns five times as long, and the accuracy at which the
nearest neighbour of a series, held-out and other ones together, tells which of the two it is (a
classifier two-sample test, Lopez-Paz and Oquab 2017; 0.5 is perfect). The normal distribution, one
for each class, has the mean and the covariance of all numbers of the training series: it is what a
generator has to beat. Real are as many training series. Takes five minutes or so on one core.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from tgan_tf import command

if TYPE_CHECKING:
    from tgan_tf.data.types import Source
    from tgan_tf.inference import Sampler

_LONG = 3000  # steps


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)


def normal(series: np.ndarray, labels: np.ndarray | None, wanted: np.ndarray) -> np.ndarray:
    """Series of a normal distribution for each class.

    Args:
        series: [N, T, C], from which mean and covariance of its T C numbers are.
        labels: int [N]; None: one class.
        wanted: int [M], the class of each to draw.

    Returns:
        float32 [M, T, C].
    """
    rng = np.random.default_rng(0)
    drawn = np.empty((len(wanted), *series.shape[1:]), np.float32)
    for label in np.unique(wanted):
        seen = series if labels is None else series[labels == label]
        flat = seen.reshape(len(seen), -1).astype(np.float64)
        rows = np.flatnonzero(wanted == label)
        values = rng.multivariate_normal(flat.mean(axis=0), np.cov(flat.T), len(rows))
        drawn[rows] = values.reshape(-1, *series.shape[1:])
    return drawn


def neighbour_accuracy(real: np.ndarray, other: np.ndarray) -> float:
    """Share of the series whose nearest other one is of the same kind.

    Args:
        real: [N, T, C]; distances are in its channels' standard deviations.
        other: [N, T, C].
    """
    both = np.concatenate([real, other]) / np.maximum(real.std(axis=(0, 1)), 1e-12)
    flat = both.reshape(len(both), -1)  # [2 N, T C]
    squares = np.square(flat).sum(axis=1)
    distances = squares[:, np.newaxis] + squares - 2 * flat @ flat.T
    np.fill_diagonal(distances, np.inf)
    is_real = np.arange(len(both)) < len(real)
    return float(np.mean(is_real == is_real[distances.argmin(axis=1)]))


def load_series(values: flags.FlagValues) -> tuple[Sampler, Source]:
    """The sampler of --run, and its data.

    Raises:
        ValueError: they are no time series.
    """
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.data.sources import load_source

    data = sampler.config.data
    if data.modality != "series":
        raise ValueError(f"--run: of {data.dataset}, which is no time series")
    return sampler, load_source(data)


def run(values: flags.FlagValues) -> None:
    """Measures, writes and prints the table."""
    sampler, source = load_series(values)
    from benchmarks.judge import write_table
    from tgan_tf.metrics import series as metrics

    train, real, labels = source.train, source.val.samples, source.val.labels
    classes = np.zeros(len(real), np.int32) if labels is None else labels
    chosen = np.sort(np.random.default_rng(0).permutation(len(train))[: len(real)])
    contestants = {
        "generated": sampler.sample(range(len(real)), labels),
        "normal distribution": normal(train.samples[:], train.labels, classes),
        "real": train.samples[chosen],
    }
    rows = [
        {
            "name": name,
            **{key: metric(real, made) for key, metric in metrics.METRICS.items()},
            "discriminative_score_long": metrics.discriminative_score(real, made, steps=_LONG),
            "neighbour_accuracy": neighbour_accuracy(real, made),
        }
        for name, made in contestants.items()
    ]
    print(write_table(rows, Path(values.run) / "benchmark" / "series"))


if __name__ == "__main__":
    command.start(define_flags, run)
