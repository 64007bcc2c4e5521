"""Lays runs side by side.

    python -m tgan_tf.compare runs/00003-digits runs/00007-digits
    python -m tgan_tf.compare runs/* --out=compare.html

prints a table of their metrics, of what they took, of what was found wrong, and of the options in
which they differ, and writes a page with the same table, their curves in one drawing and their
samples beside each other. Reads the files of the runs alone: seconds, while they train or after.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tgan_tf import command


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "out", "compare.html", "the page; empty: the table alone", flag_values=values
    )
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)


def run(values: flags.FlagValues, runs: list[str]) -> None:
    """Reads, prints, writes."""
    from tgan_tf.training import comparison

    if len(runs) < 2:
        raise ValueError("give two run directories or more: runs/00003-digits runs/00007-digits")
    sides = [comparison.read(run) for run in runs]
    print(comparison.text(sides))
    if values.out:
        comparison.write(sides, Path(values.out))
        print(f"\n{values.out}")


if __name__ == "__main__":
    command.start(define_flags, run, positional=True)
