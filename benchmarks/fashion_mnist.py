"""A finished run against a DCGAN that was trained for the same time on the same machine.

    python train.py --flagfile=configs/fashion_mnist.flags
    python -m benchmarks.fashion_mnist --run=runs/00000-fashion_mnist-flagship

trains the DCGAN of `benchmarks.dcgan` for as many minutes as the run took (its metrics.jsonl says
so). Then one judge looks at as many samples of both, and at as many real training images, which
show what a perfect generator would reach. Writes comparison.md, comparison.json and dcgan.png to
RUN/benchmark. Takes as long as the training did, and some minutes for the judge. Run it alone on
the machine, as the training was, or the comparison is not fair.

Without --run, the DCGAN alone: `python -m benchmarks.fashion_mnist --minutes=10 --out=dcgan`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from tgan_tf import command


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_float(
        "minutes", 0.0, "for the DCGAN; 0: as the run took", lower_bound=0, flag_values=values
    )
    flags.DEFINE_float("learning_rate", 2e-4, "of the DCGAN", flag_values=values)
    flags.DEFINE_float(
        "ema_half_life_kimg",
        0.0,
        "half-life of a moving average of the DCGAN's generator, in thousand images; 0: none",
        flag_values=values,
    )
    flags.DEFINE_integer("seed", 0, "of the DCGAN", flag_values=values)
    flags.DEFINE_integer("samples", 10000, "that are judged", lower_bound=1000, flag_values=values)
    flags.DEFINE_string("data_dir", "", "as for train.py", flag_values=values)
    flags.DEFINE_string("out", "", "folder for results; empty: RUN/benchmark", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Trains the baseline, judges all, writes and prints the table."""
    from benchmarks.dcgan import train_dcgan
    from benchmarks.judge import Contestant, Judge, write_table
    from tgan_tf.config import Config
    from tgan_tf.inference import find_run
    from tgan_tf.modalities.pictures import save_png, tile
    from tgan_tf.training.prepare import prepare
    from tgan_tf.training.progress import Console

    if not values.run and not (values.minutes and values.out):
        raise ValueError("give --run, or --minutes and --out for the DCGAN alone")
    console, config = Console(), Config().replace(dataset="fashion_mnist")
    contestants: list[Contestant] = []
    if values.run:
        sampler = command.load_run(values)
        config = sampler.config
        contestants.append(Contestant.from_run(sampler, find_run(values.run)))
    config = config.replace(data_dir=values.data_dir or config.data.data_dir)
    prepared = prepare(config.replace(eval_samples=values.samples), console)
    source = prepared.source
    dcgan = train_dcgan(
        source,
        console,
        minutes=values.minutes or contestants[0].minutes,
        learning_rate=values.learning_rate,
        ema_half_life_kimg=values.ema_half_life_kimg,
        seed=values.seed,
    )
    out = Path(values.out or find_run(values.run) / "benchmark")
    shown = dcgan.sample(range(100), np.arange(100) % source.num_classes)
    save_png(tile(shown, columns=10), out / "dcgan.png")
    rows = Judge(source, prepared.config, console).rank([*contestants, dcgan])
    console.say(write_table(rows, out / "comparison"))
    console.say(f"written: {out}/comparison.md, comparison.json, dcgan.png")


if __name__ == "__main__":
    command.start(define_flags, run)
