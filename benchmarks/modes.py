"""How many modes of a known distribution a generator finds.

    python -m benchmarks.modes --task=grid                     # 25 Gaussians in the plane
    python -m benchmarks.modes --task=digits                   # 1,000 triples of digits
    python -m benchmarks.modes --task=digits --plain           # the same networks, Goodfellow's GAN
    python -m benchmarks.modes --task=digits --run=runs/00003-stacked_digits    # counts only

The tests of PacGAN (Lin et al. 2018). grid: normal distributions of standard deviation 0.05 around
(-4, -2, 0, 2, 4)^2; 2,500 samples; one within three standard deviations of the nearest centre is of
high quality, and a mode is found if there is one such sample. digits: three of scikit-learn's
digits as the channels of an image; 26,000 samples, in which a support vector machine reads the
channels; a mode is found if its triple is read once. Both: KL(generated || real) over the modes.

Trains with the default recipe on small networks, --plain without penalties and average and with
equal learning rates, prints a table with published numbers beside it, and appends a line of JSON to
--out. Either takes six to eight minutes on one core.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tgan_tf import command

SPREAD = 0.05
CENTRES = np.array(list(itertools.product((-4.0, -2.0, 0.0, 2.0, 4.0), repeat=2)))  # [25, 2]
GRID_SAMPLES, DIGITS_SAMPLES = 2_500, 26_000
_STACKS = 128_000  # training images, as many as PacGAN's

# Of Lin et al. 2018, tables 1 and 2: (modes, share of high quality, KL). docs/results.md says which
# of them were compared with a source.
PUBLISHED: dict[str, dict[str, tuple[float, float | None, float]]] = {
    "grid": {
        "GAN": (17.3, 0.948, 0.70),
        "PacGAN2": (23.8, 0.913, 0.13),
        "PacGAN4": (24.8, 0.936, 0.04),
    },
    # Of stacked MNIST, 28x28: other images, the same test.
    "digits": {
        "DCGAN": (99.0, None, 3.40),
        "VEEGAN": (150.0, None, 2.95),
        "PacDCGAN2": (1000.0, None, 0.06),
    },
}
_PLAIN: dict[str, Any] = {
    "loss": "non_saturating",
    "r1_gamma": 0.0,
    "r2_gamma": 0.0,
    "g_lr": 2e-4,
    "d_lr": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "ema_half_life_kimg": 0.0,
}
# What the default recipe is given for the plane: a mapping network that bends, and a penalty in
# every step that begins wide, so that all modes are found, and ends narrow enough for modes of 0.05
# (its own step, --penalty_sigma, is 0.01); points are not confined to [-1, 1].
_GRID: dict[str, Any] = {
    "mapping_layers": 2,
    "g_output_activation": "linear",
    "penalty_every": 1,
    "r1_gamma": 0.3,
    "r2_gamma": 0.3,
    "gamma_final": 0.0003,
    "g_lr": 5e-4,
    "lr_final": 0.01,
    "ema_half_life_kimg": 20.0,
}
# What the default recipe is given for the digits: a lighter penalty, as for other small images, and
# a learning rate that suits the small networks.
_DIGITS: dict[str, Any] = {"r1_gamma": 0.1, "r2_gamma": 0.1, "g_lr": 5e-4}
_NETWORKS: dict[str, Any] = {
    "conditional": False,
    "g_widths": (64,),
    "g_depths": (2,),
    "g_windows": (0,),
    "g_output": "conv",
    "d_width": 64,
    "d_depth": 2,
}


@dataclass(frozen=True)
class Coverage:
    """What was found of a distribution's modes.

    Attributes:
        modes: found.
        of: that there are.
        high_quality: share of samples near a mode; None: every sample is of some mode.
        kl: KL(generated || real) over the modes, in nats.
        samples: that were looked at.
    """

    modes: int
    of: int
    high_quality: float | None
    kl: float
    samples: int


def coverage(modes: np.ndarray, shares: np.ndarray, near: np.ndarray | None = None) -> Coverage:
    """Counts.

    Args:
        modes: int [N], the nearest mode of each sample.
        shares: [K], of the real distribution; none is zero.
        near: bool [N], whether the sample is of high quality; None: all are.
    """
    good = modes if near is None else modes[near]
    counts = np.bincount(good, minlength=len(shares))
    share = counts[counts > 0] / max(1, counts.sum())
    kl = float((share * np.log(share / shares[counts > 0])).sum()) if counts.any() else float("inf")
    quality = None if near is None else float(near.mean())
    return Coverage(int((counts > 0).sum()), len(shares), quality, kl, len(modes))


def grid_points(count: int, rng: np.random.Generator) -> np.ndarray:
    """Points of the 25 Gaussians, [N, 2]."""
    return CENTRES[rng.integers(len(CENTRES), size=count)] + SPREAD * rng.standard_normal(
        (count, 2)
    )


def grid_coverage(points: np.ndarray) -> Coverage:
    """What points [N, 2] cover of the 25 Gaussians."""
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=-1)  # [N, 25]
    near = distances.min(axis=1) < 3 * SPREAD
    return coverage(distances.argmin(axis=1), np.full(len(CENTRES), 1 / len(CENTRES)), near)


def stacks(
    images: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Triples of digits as one image's channels.

    Args:
        images: uint8 [M, 8, 8, 1].
        labels: int [M], 0 to 9.
        count: N.
        rng: chooses.

    Returns:
        uint8 [N, 8, 8, 3] and the mode 0 to 999 of each, [N].
    """
    rows = rng.integers(len(images), size=(count, 3))
    return np.concatenate([images[rows[:, i]] for i in range(3)], axis=-1), mode_of(labels[rows])


def mode_of(digits: np.ndarray) -> np.ndarray:
    """Triples of digits [N, 3] -> 0 to 999, [N]."""
    return digits @ np.array([100, 10, 1])


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_enum("task", "grid", ["grid", "digits"], "what to learn", flag_values=values)
    flags.DEFINE_bool("plain", False, "Goodfellow's GAN, as published", flag_values=values)
    flags.DEFINE_float(
        "kimg", 0.0, "thousand samples to train on; 0: 2200, 400", lower_bound=0, flag_values=values
    )
    flags.DEFINE_integer("seed", 0, "of the training", flag_values=values)
    flags.DEFINE_string("out_dir", "runs", "the run of the digits is made here", flag_values=values)
    flags.DEFINE_string("out", "", "append the result to this file", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Trains if need be, counts, prints, records."""
    if values.run and values.task != "digits":
        raise ValueError("--run: only --task=digits has runs")
    length = values.kimg or {"grid": 2200.0, "digits": 400.0}[values.task]
    settings = {"total_kimg": length, "seed": values.seed}
    settings |= _PLAIN if values.plain else {}
    learn = _grid if values.task == "grid" else _digits
    found, bound = learn(values, settings)
    name = "here, plain" if values.plain else "here"
    print(table(values.task, {name: found, "real samples": bound}))
    if values.out:
        row = {"task": values.task, "plain": values.plain, **settings, **asdict(found)}
        with Path(values.out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def table(task: str, found: dict[str, Coverage]) -> str:
    """Ours beside the published, as Markdown."""
    rows = [(name, float(c.modes), c.high_quality, c.kl) for name, c in found.items()]
    rows += [(f"{name} (published)", *numbers) for name, numbers in PUBLISHED[task].items()]
    lines = ["| | modes | high quality | KL |", "|---|---|---|---|"]
    for name, modes, quality, kl in rows:
        share = "" if quality is None else f"{quality:.1%}"
        lines.append(f"| {name} | {modes:g} | {share} | {kl:.3f} |")
    return "\n".join(lines)


def _grid(values: flags.FlagValues, settings: dict[str, Any]) -> tuple[Coverage, Coverage]:
    """Trains on points as images of one row and two pixels, two tokens each for either network."""
    from tgan_tf.quiet import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    from tgan_tf.config import Config
    from tgan_tf.exporting import portable_random
    from tgan_tf.gan import TransformerGAN

    changes = {"g_patch": 1, "d_patch": 1, "d_stem": "patch", "batch_size": 256, "latent_dim": 16}
    config = (
        Config()
        .replace(**_NETWORKS | _GRID | changes | settings)
        .resolve(image_size=(1, 2), channels=1)
    )
    gan, batch = TransformerGAN(config), config.training.batch_size
    rng = np.random.default_rng(values.seed)
    step = gan.make_step()
    for _ in range(config.total_steps):
        points = grid_points(batch, rng).reshape(-1, 1, 2, 1)
        step(tf.constant(points, tf.float32))
    z = portable_random.normal_numpy(np.arange(GRID_SAMPLES), config.generator.latent_dim)
    samples = gan(tf.constant(z)).numpy().reshape(-1, 2)
    return grid_coverage(samples), grid_coverage(grid_points(GRID_SAMPLES, rng))


def _digits(values: flags.FlagValues, settings: dict[str, Any]) -> tuple[Coverage, Coverage]:
    """Trains a run as train.py does, or takes a finished one."""
    from sklearn.svm import SVC

    from benchmarks.judge import labelled
    from benchmarks.quickstart import flat
    from tgan_tf.config import Config, DataConfig
    from tgan_tf.data.sources import load_source
    from tgan_tf.inference import load

    source = load_source(DataConfig())
    train, val = labelled(source.train), labelled(source.val)
    rng = np.random.default_rng(0)
    oracle = SVC(gamma="scale", C=10).fit(*flat(*train))
    print(f"The oracle reads {oracle.score(*flat(*val)):.1%} of held-out digits rightly")

    def count(images: np.ndarray) -> Coverage:
        digits = [oracle.predict(flat(images[..., i : i + 1], images)[0]) for i in range(3)]
        return coverage(mode_of(np.stack(digits, axis=1)), _shares(train[1]))

    if not values.run:
        from tgan_tf.training.run import train as train_run

        file = Path(values.out_dir) / "stacked_digits.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        x_train, _ = stacks(*train, _STACKS, rng)
        x_test, _ = stacks(*val, 2_000, rng)
        np.savez(file, x_train=x_train, x_test=x_test)
        changes = {"dataset": f"npz:{file}", "d_patch": 2, "metrics": (), "export": ()}
        config = Config().replace(
            **_NETWORKS | _DIGITS | changes | settings, out_dir=values.out_dir, snapshot_kimg=50.0
        )
        sampler = load(train_run(config))
    else:
        sampler = command.load_run(values)
    real, _ = stacks(*train, DIGITS_SAMPLES, rng)
    return count(sampler.sample(range(DIGITS_SAMPLES))), count(real)


def _shares(labels: np.ndarray) -> np.ndarray:
    """Of the 1,000 triples, from those of the ten digits."""
    share = np.bincount(labels, minlength=10) / len(labels)
    return np.einsum("a,b,c->abc", share, share, share).reshape(-1)


if __name__ == "__main__":
    command.start(define_flags, run)
