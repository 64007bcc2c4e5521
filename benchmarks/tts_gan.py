"""Generated series by the measure of TTS-GAN (Li et al. 2022, arXiv 2202.02691, appendix B).

    python train.py --flagfile=configs/sines.flags --dataset=sines:slow --name=tts_gan \\
        --total_kimg=100 --eval_samples=1000
    python -m benchmarks.tts_gan --run=runs/00000-slow-tts_gan

Of each channel of a series there are seven features: median, mean, standard deviation, variance,
root mean square, maximum and minimum. Generated and held-out series are paired as they come, of one
class where there are classes; the channels of a pair are compared by the cosine similarity of their
features and by the Jensen-Shannon distance (natural logarithm) of the same, scaled to sum to one.
Means over channels and pairs. Slow sines are above zero; of other data each channel is first scaled
to [0, 1] by its range in training series. Beside them stand as many training series, which is what
a perfect generator has, and of slow sines the published numbers. How the paper pairs series is not
known here, so compare with those real series first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from benchmarks import tables
from benchmarks.series import load_series
from tgan_tf import command

_HAIR = 1e-6
PUBLISHED = {"TTS-GAN, published": (0.9936, 0.0980)}


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)


def features(series: np.ndarray) -> np.ndarray:
    """[N, T, C] -> [N, C, 7]."""
    square = np.sqrt(np.mean(series**2, axis=1))
    parts = [np.median(series, axis=1), series.mean(axis=1), series.std(axis=1)]
    parts += [series.var(axis=1), square, series.max(axis=1), series.min(axis=1)]
    return np.stack(parts, axis=-1)


def similarity(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mean cosine similarity and mean Jensen-Shannon distance of series [N, T, C], pair by pair.

    Raises:
        ValueError: a feature is negative, of which there is no such distance.
    """
    a, b = features(np.asarray(one, np.float64)), features(np.asarray(other, np.float64))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    if min(a.min(), b.min()) < 0:
        raise ValueError("features below 0 have no such distance: scale the series to [0, 1]")
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (a, b))
    middle = (p + q) / 2

    def divergence(x: np.ndarray) -> np.ndarray:
        ratio = np.divide(x, middle, out=np.ones_like(x), where=x > 0)
        return np.sum(x * np.log(ratio), axis=-1)

    squared = np.maximum((divergence(p) + divergence(q)) / 2, 0)
    return float(cosine.mean()), float(np.sqrt(squared).mean())


def partners(labels: np.ndarray | None, known: np.ndarray | None, count: int) -> np.ndarray:
    """A random row for each series, of its class where there are classes.

    Args:
        labels: int [M], classes of the series; None: they have none.
        known: int [count], classes of the rows, all of M's among them; None like those.
        count: rows to choose from.

    Returns:
        int [M] (without classes [count], in random order), each row once where there are enough.
    """
    rng = np.random.default_rng(0)
    if labels is None or known is None:
        return rng.permutation(count)
    rows = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine, theirs = np.flatnonzero(labels == label), np.flatnonzero(known == label)
        rows[mine] = np.resize(rng.permutation(theirs), len(mine))
    return rows


def run(values: flags.FlagValues) -> None:
    """Measures, writes and prints the table."""
    sampler, source = load_series(values)
    train, real = source.train, source.val.samples
    made = sampler.sample(range(len(real)), source.val.labels)
    others = train.samples[partners(source.val.labels, train.labels, len(train))[: len(real)]]
    published = PUBLISHED
    if sampler.config.data.dataset != "sines:slow":
        low, high = train.samples.min(axis=(0, 1)), train.samples.max(axis=(0, 1))
        span = np.where(high > low, high - low, 1)  # a channel that never changes stays
        real, made, others = ((x - low) / span for x in (real, made, others))
        published = {}
    # What lies beyond, by a hair or more, counts as a hair above zero.
    real, made, others = (np.maximum(x, _HAIR) for x in (real, made, others))
    rows = {
        "generated": similarity(real, made),
        "other real series": similarity(real, others),
        **published,
    }
    lines = ["| | cosine similarity | Jensen-Shannon distance |", "|---|---|---|"]
    lines += [f"| {name} | {cosine:.4f} | {js:.4f} |" for name, (cosine, js) in rows.items()]
    print(tables.save("\n".join(lines), rows, Path(values.run) / "benchmark" / "tts_gan"))


if __name__ == "__main__":
    command.start(define_flags, run)
