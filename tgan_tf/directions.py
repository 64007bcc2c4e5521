"""Finds directions along which a generator's pictures change in one way, and draws them.

    python -m tgan_tf.directions --run=runs/00012-digits --method=pca --count=6

adds them to RUN/directions.npz by their names (pca0, pca1, ...; those of the same method are
replaced), and draws RUN/generated/directions-pca.png: a row for each, from -3 to 3 standard
deviations of w. Go along them by `python -m tgan_tf.generate --edit=pca0:2`, by `Sampler.edit`, and
by the signature `edit` of SavedModels that are exported afterwards. Methods: sefa, from the
weights; pca, from samples; boundary, towards each class or attribute (tgan_tf.control says more).
Takes seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.control import FILE, METHODS

_STRENGTHS = np.linspace(-3, 3, 7)  # of the picture, in standard deviations


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    flags.DEFINE_enum("method", "pca", METHODS, "how they are found", flag_values=values)
    flags.DEFINE_integer("count", 6, "how many, of sefa and pca", flag_values=values)
    flags.DEFINE_integer("seed", 0, "of the sample in the picture", flag_values=values)
    flags.DEFINE_string(
        "out", "", "PNG file; empty: RUN/generated/directions-METHOD.png", flag_values=values
    )


def run(values: flags.FlagValues) -> None:
    """Finds, saves, draws and prints the names."""
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.control import find, joined
    from tgan_tf.inference import find_run
    from tgan_tf.modalities.pictures import save_png, with_row_names

    folder = find_run(values.run)
    found = find(sampler, values.method, values.count)
    sampler.directions = joined(sampler.directions, found, values.method)
    rows = [
        np.concatenate([sampler.edit([values.seed], {name: float(s)}) for s in _STRENGTHS])
        for name in found.names
    ]
    picture = sampler.modality.grid(np.concatenate(rows), len(_STRENGTHS))
    out = Path(values.out or folder / "generated" / f"directions-{values.method}.png")
    save_png(with_row_names(picture, found.names), out)
    sampler.directions.save(folder)
    print(f"{folder / FILE}: {', '.join(sampler.directions.names)}")
    print(f"from -3 to 3 standard deviations of w, a row for each direction: {out}")


if __name__ == "__main__":
    command.start(define_flags, run)
