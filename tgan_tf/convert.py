"""Published PyTorch checkpoints as run directories.

    python -m tgan_tf.convert --checkpoint=cifar.pth --preset=transgan_cifar10 --out=runs/transgan

makes a run that `python -m tgan_tf.generate --run=runs/transgan`, `tgan_tf.evaluate` and the
commands in `export/` accept. PyTorch is not needed, and nothing that the file contains is run. Of
several generators in the file the moving average is taken. All options of a network can be given
beside the preset, for a checkpoint of another size. 93 million weights take half a minute.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

import tgan_tf.config
from tgan_tf import command
from tgan_tf.config import Config, ConfigError
from tgan_tf.quiet import start_tensorflow

if TYPE_CHECKING:
    import keras


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags, and those of an experiment."""
    tgan_tf.config.define_flags(values)
    flags.DEFINE_string("checkpoint", "", "a file of torch.save, *.pth", flag_values=values)
    flags.DEFINE_string("out", "", "the run directory to make", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.register_validator(
        "checkpoint", bool, "give the file, like --checkpoint=model.pth", flag_values=values
    )
    flags.register_validator(
        "out", bool, "give the directory to make, like --out=runs/transgan", flag_values=values
    )


def convert(checkpoint: str | Path, config: Config, out: str | Path) -> dict[str, int]:
    """Writes a run directory with a checkpoint of the networks in a PyTorch file.

    Args:
        checkpoint: a file of ``torch.save``: a dictionary with ``avg_gen_state_dict`` (preferred)
            or ``gen_state_dict``, and ``dis_state_dict``; or one such state dictionary.
        config: of the networks; resolved and of TransGAN's layout.
        out: must not exist.

    Returns:
        Parameters by network; the generator, and the discriminator if the file has it.

    Raises:
        ConfigError: the configuration has no published layout, ``out`` exists, or ``checkpoint``
            cannot be opened.
        TorchFileError: the file is damaged, or holds something other than arrays and plain data.
        ValueError: there is no generator in it, or weights are missing, misshapen or left over; all
            of them are named. Nothing is written.
    """
    import tensorflow as tf

    from tgan_tf.networks import build_discriminator, build_generator
    from tgan_tf.networks.transgan_checkpoint import find_states, is_transgan, load_state
    from tgan_tf.torch_file import TorchFileError, read_torch_file
    from tgan_tf.training.checkpoint import Checkpoints
    from tgan_tf.training.rundir import RunDirectory, write_flags

    config = config.replace(precision="float32")
    run = RunDirectory(out)
    if run.path.exists():
        raise ConfigError(f"--out={out}: is there already; give a new directory")
    if not config.is_resolved or not is_transgan(config):
        raise ConfigError(
            "--preset: checkpoints of TransGAN are all that can be read; give one of"
            " --preset=transgan_cifar10, transgan_stl10, transgan_church256, transgan_celebahq256"
        )
    way_out = "give a file of torch.save, like --checkpoint=model.pth"
    try:
        states = find_states(read_torch_file(checkpoint))
    except OSError as error:
        raise ConfigError(f"--checkpoint={checkpoint}: {error.strerror}; {way_out}") from error
    except TorchFileError as error:
        raise TorchFileError(f"--checkpoint: {error}; {way_out}") from error
    if "generator" not in states:
        raise ValueError(
            f"--checkpoint={checkpoint}: holds no generator (no avg_gen_state_dict or"
            " gen_state_dict, and no l1.weight of one); give a checkpoint of TransGAN"
        )
    build: dict[str, Any] = {"generator": build_generator, "discriminator": build_discriminator}
    networks: dict[str, keras.Model] = {}
    problems: list[str] = []
    for name in sorted(states):
        networks[name] = build[name](config)
        problems += [f"{name}: {problem}" for problem in load_state(networks[name], states[name])]
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise ValueError(
            f"--checkpoint={checkpoint}: does not fit --preset and the options of networks:{listed}"
        )
    beside = run.path.with_name(f".{run.path.name}.new")
    shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
    beside.mkdir(parents=True)
    try:
        config.save(beside / run.config.name)
        write_flags(config, beside / run.flags.name)
        trackables = {
            ("ema_generator" if name == "generator" else name): network
            for name, network in networks.items()
        }
        step = tf.Variable(0, dtype=tf.int64)
        Checkpoints(beside / run.checkpoints.name, {**trackables, "step": step}, keep=1).save(0)
        beside.rename(run.path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return {name: network.count_params() for name, network in networks.items()}


def run(values: flags.FlagValues) -> None:
    """Reads, writes and prints where."""
    config = tgan_tf.config.from_flags(values)
    if not values.preset:
        raise ConfigError("--preset: say which network it is, like --preset=transgan_cifar10")
    start_tensorflow()
    counts = convert(values.checkpoint, config, values.out)
    for name, count in counts.items():
        print(f"{name:<14}{count:>12,} parameters")
    print(f"Next:  python -m tgan_tf.generate --run={values.out} --seeds=0-63")


if __name__ == "__main__":
    command.start(define_flags, run)
