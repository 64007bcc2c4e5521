"""Trains, measures and exports a transformer GAN: one experiment, one run directory.

    python train.py --flagfile=configs/quickstart.flags          # digits, minutes on a laptop
    python train.py --flagfile=configs/fashion_mnist.flags --seed=1
    python train.py --flagfile=configs/fashion_mnist.flags --dry_run
    python train.py --preset=transgan_cifar10 --dry_run --memory_gib=24
    python train.py --resume=runs/00012-fashion_mnist            # after Ctrl-C, or a crash

It ends with samples, metrics, a SavedModel, a .tflite file and report.html in runs/00012-...
`python train.py --help` lists the options. Exit codes: 0 done; 1 training or export failed; 2 the
options cannot work, and nothing was written; 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import sys

from absl import app, flags, logging

import tgan_tf.config
from tgan_tf.command import fail, parse
from tgan_tf.config import Config, ConfigError
from tgan_tf.quiet import start_tensorflow
from tgan_tf.training.resume import open_run

_FLAGS = flags.FLAGS


def define_flags(values: flags.FlagValues = _FLAGS) -> None:
    """All options of an experiment, and those of this command."""
    tgan_tf.config.define_flags(values)
    flags.adopt_module_key_flags(tgan_tf.config.tree, values)
    flags.DEFINE_string(
        "resume",
        None,
        "go on with this run directory; auto: with the last unfinished run of the same options in"
        " --out_dir, or a new one",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "dry_run",
        False,
        "show all networks, what they cost and the data, take one step, and stop",
        flag_values=values,
    )
    flags.DEFINE_float(
        "memory_gib",
        0.0,
        "with --dry_run: say which batch fits into a device's memory",
        flag_values=values,
    )


def main(argv: list[str]) -> None:
    """Checks the options at once, then starts TensorFlow and does what they say."""
    try:
        named = None if _FLAGS.resume in (None, "auto") else open_run(_FLAGS.resume)
        config = tgan_tf.config.from_flags(base=named)
        if _FLAGS.dry_run and _FLAGS.resume:
            raise ConfigError("--dry_run and --resume exclude each other: leave one out")
        if _FLAGS.memory_gib and not _FLAGS.dry_run:
            raise ConfigError("--memory_gib is for --dry_run: add that, or leave it out")
        start_tensorflow()
        if not _FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # TensorFlow's own notices
        run(config)
    except ConfigError as error:
        fail(str(error), 2)
    except KeyboardInterrupt:  # before there is anything to go on with
        sys.exit(130)


def run(config: Config) -> None:
    """One call of the library."""
    from tgan_tf.training.dry_run import dry_run
    from tgan_tf.training.run import FAILURES, Stopped, train

    if _FLAGS.dry_run:
        dry_run(config, memory_gib=_FLAGS.memory_gib)
        return
    try:
        train(config, resume=_FLAGS.resume)
    except FAILURES as error:
        fail(str(error), 1)
    except Stopped as stopped:
        sys.exit(stopped.exit_code)


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse)
