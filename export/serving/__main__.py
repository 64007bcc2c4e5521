"""The command `python -m export.serving`: samples of a served generator.

    python -m export.serving --target=localhost:8500 --model=digits --label=3 --out=threes.png
    python -m export.serving --target=http://localhost:8501 --model=digits --label=3 --seeds=0-999

asks TensorFlow Serving (or `python -m export.serve`) by gRPC or REST and writes a grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.quiet import start_tensorflow


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "target", "localhost:8500", "HOST:PORT of gRPC or http://HOST:PORT", flag_values=values
    )
    flags.DEFINE_string("model", None, "name of the served model", flag_values=values)
    flags.DEFINE_string(
        "version_label", "", "of a version, like canary; empty: the newest", flag_values=values
    )
    flags.DEFINE_string("seeds", "0-63", "like 0-63 or 3,14,15", flag_values=values)
    flags.DEFINE_list(
        "label",
        [],
        "class by its number; of attributes or a vector all their numbers",
        flag_values=values,
    )
    flags.DEFINE_string("text", None, "a caption, of a model with captions", flag_values=values)
    flags.DEFINE_float("truncation", 1.0, "1 as learned; less: more typical", flag_values=values)
    flags.DEFINE_float("guidance", 1.0, "more than 1: more of the class", flag_values=values)
    flags.DEFINE_float("timeout_s", 30.0, "for one request with its retries", flag_values=values)
    flags.DEFINE_string("out", "samples.png", "the grid", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.mark_flag_as_required("model", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Asks for the samples, in parts, and writes them."""
    from tgan_tf.generate import parse_seeds

    seeds, label = parse_seeds(values.seeds), read_label(values.label)
    if values.text is not None and label is not None:
        raise ValueError("--text and --label: give one of them")
    start_tensorflow()
    from export.serving.client import Client
    from tgan_tf.modalities import pictures
    from tgan_tf.training.progress import Console

    out, console = Path(values.out), Console()
    with (
        Client(
            values.target, values.model, label=values.version_label, timeout_s=values.timeout_s
        ) as client,
        console.counting("samples") as progress,
    ):
        images = client.sample(
            seeds,
            label if values.text is None else values.text,
            values.truncation,
            values.guidance,
            progress=progress,
        )
    pictures.save_png(pictures.tile(images), out)
    print(f"{len(images)} samples: {out}")


def read_label(words: list[str]) -> np.ndarray | None:
    """float32 ``[K]``; None for no words.

    Raises:
        ValueError: naming --label.
    """
    try:
        return np.array(words, np.float32) if words else None
    except ValueError as error:
        raise ValueError(f"--label={','.join(words)}: give numbers") from error


if __name__ == "__main__":
    command.start(define_flags, run)
