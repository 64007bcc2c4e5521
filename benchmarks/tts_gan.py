"""Generated sines by the measure of TTS-GAN (Li et al. 2022, arXiv 2202.02691, appendix B).

    python train.py --flagfile=configs/sines.flags --dataset=sines:slow --name=tts_gan \\
        --total_kimg=100 --eval_samples=1000
    python -m benchmarks.tts_gan --run=runs/00000-slow-tts_gan

Of each channel of a series there are seven features: median, mean, standard deviation, variance,
root mean square, maximum and minimum. Generated and held-out series are paired as they come; the
channels of a pair are compared by the cosine similarity of their features and by the Jensen-Shannon
distance (natural logarithm) of the same, scaled to sum to one. Means over channels and pairs.
Beside them stand as many training series, which is what a perfect generator has, and the published
numbers. How the paper pairs series is not known here, so compare with those real series first.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.files import replacing

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
        raise ValueError("features below 0 have no such distance: use --dataset=sines:slow")
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (a, b))
    middle = (p + q) / 2

    def divergence(x: np.ndarray) -> np.ndarray:
        ratio = np.divide(x, middle, out=np.ones_like(x), where=x > 0)
        return np.sum(x * np.log(ratio), axis=-1)

    squared = np.maximum((divergence(p) + divergence(q)) / 2, 0)
    return float(cosine.mean()), float(np.sqrt(squared).mean())


def run(values: flags.FlagValues) -> None:
    """Measures, writes and prints the table."""
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.data.sources import load_source

    data = sampler.config.data
    if data.dataset != "sines:slow":
        raise ValueError(f"--run: of {data.dataset}; the published numbers are of sines:slow")
    source = load_source(data, seed=sampler.config.training.seed)
    real = source.val.samples
    # What the generator puts a hair below zero counts as a hair above.
    made = np.maximum(sampler.sample(range(len(real))), _HAIR)
    others = source.train.samples[: len(real)]
    rows = {
        "generated": similarity(real, made),
        "other real series": similarity(real, others),
        **PUBLISHED,
    }
    lines = ["| | cosine similarity | Jensen-Shannon distance |", "|---|---|---|"]
    lines += [f"| {name} | {cosine:.4f} | {js:.4f} |" for name, (cosine, js) in rows.items()]
    out = Path(values.run) / "benchmark"
    out.mkdir(parents=True, exist_ok=True)
    for ending, text in (("md", "\n".join(lines)), ("json", json.dumps(rows, indent=2))):
        with replacing(out / f"tts_gan.{ending}") as beside:
            beside.write_text(text + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    command.start(define_flags, run)
