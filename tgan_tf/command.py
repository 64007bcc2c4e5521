"""What the commands share: how one starts, and how it ends when something is wrong."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from absl import app, flags, logging

from tgan_tf.quiet import start_tensorflow

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

# Flags that are defined here are shown by --help of the command that asked for them.
flags.disclaim_key_flags()


def start(
    define_flags: Callable[[flags.FlagValues], None],
    run: Callable[..., None],
    *,
    positional: bool = False,
) -> None:
    """Runs a command; what goes wrong is one line and the exit code: 2 wrong flags, 1 all else.

    Ctrl-C ends it with 130.

    Args:
        define_flags: defines the command's flags.
        run: does the work and prints the result. Modules that start TensorFlow are imported in
            there, so that `--help` and mistakes in flags answer at once.
        positional: whether there are arguments that are no flags; `run` then gets them as a list.
    """
    define_flags(flags.FLAGS)

    def main(argv: list[str]) -> None:
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)  # TensorFlow tells of every file that it writes
        try:
            run(flags.FLAGS, *([argv[1:]] if positional else []))
        except (OSError, ValueError, RuntimeError) as error:
            if flags.FLAGS.traceback:
                raise
            fail(str(error), 2 if isinstance(error, ValueError | FileNotFoundError) else 1)
        except KeyboardInterrupt:
            sys.exit(130)

    app.run(main, flags_parser=functools.partial(parse, positional=positional))


def parse(argv: list[str], positional: bool = False) -> list[str]:
    """Parses the flags of `argv`; a mistake is one line and exit code 2."""
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        fail(str(error), 2)
    if len(rest) > 1 and not positional:
        fail(f"{rest[1]!r} is no flag; values are given as --name=value", 2)
    return rest


def fail(message: str, code: int) -> NoReturn:
    """Says why on stderr and ends the process."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def define_run_flags(values: flags.FlagValues, *, required: bool = True) -> None:
    """The flags of every command that reads a run; `required`: --run must be given."""
    flags.DEFINE_string("run", None, "run directory, like runs/00012-digits", flag_values=values)
    flags.DEFINE_string(
        "checkpoint", "", "a checkpoint of that run by name; empty: the last", flag_values=values
    )
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    if required:
        message = "give a run directory, like --run=runs/00012-digits"
        flags.register_validator("run", bool, message, flag_values=values)


def define_frames_flag(values: flags.FlagValues) -> None:
    """The flag of commands that make clips of any length."""
    flags.DEFINE_integer(
        "frames",
        0,
        "of a clip of video, more than those of the training too; 0: as many",
        lower_bound=0,
        flag_values=values,
    )


def load_run(values: flags.FlagValues, frames: int = 0) -> Sampler:
    """The `Sampler` that `--run` and `--checkpoint` (and `--frames`) name, or that of so many
    frames."""
    start_tensorflow()
    from tgan_tf.inference import load

    path = Path(values.run)
    if values.checkpoint:
        path = path / "checkpoints" / Path(values.checkpoint).name
    return load(path, frames or (values.frames if "frames" in values else 0))
