"""A run to a SavedModel, for TensorFlow Serving and the C, Java and Go loaders.

    python -m export.saved_model --run=runs/00012-digits --out=models/digits

writes models/digits/1/ (the next time 2/, and so on): the averaged generator in float32 with the
signatures `generate` (z, label -> float image; also `serving_default`), `sample` (seed, label,
truncation -> uint8 image), `sample_png` (the same as PNG files) and `interpolate`, and
manifest.json. It is kept only if the Session loader, which servers use, computes what Keras does.
Takes about 15 seconds; prints the folder, its size and the errors.
"""

from __future__ import annotations

from absl import flags

from tgan_tf import command


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    command.define_frames_flag(values)
    flags.DEFINE_string(
        "out", "", "folder of all versions; empty: RUN/export/model", flag_values=values
    )
    flags.DEFINE_integer(
        "version", None, "version number; default: the next free one", flag_values=values
    )


def run(values: flags.FlagValues) -> None:
    """Exports and prints what was kept."""
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.exporting import to_saved_model
    from tgan_tf.inference import find_run

    out = values.out or find_run(values.run) / "export" / "model"
    kept = to_saved_model(sampler, out, version=values.version)
    print(f"SavedModel of step {sampler.step}: {kept.summary()}")
    print(f"look inside: saved_model_cli show --all --dir {kept.path}")


if __name__ == "__main__":
    command.start(define_flags, run)
