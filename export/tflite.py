"""A run to TFLite files, for phones, browsers and C.

    python -m export.tflite --run=runs/00012-digits --out=digits.tflite

writes the averaged generator, of operations built into TFLite, with a batch of one and the
signatures `generate` (z, label -> float image) and `sample` (seed, label, truncation -> uint8
image), in four variants: digits.tflite (float32), digits.float16.tflite, digits.dynamic_int8.tflite
and digits.int8.tflite. Prints a table of quality, size and latency, and keeps it as
digits.variants.json and .md. The float32 file is kept only if LiteRT computes what Keras does; of
the others the table says which miss the quality they should have. Takes about 15 seconds. A run
with captions gets its text encoder too: digits.encoder.tflite, with the list of words beside it;
not if it is a SavedModel, since TFLite lacks strings.

Running a file needs ai-edge-litert and NumPy only:

    run = Interpreter("digits.tflite").get_signature_runner("sample")
    image = run(seed=np.int32([7]), label=np.int32([3]), truncation=np.float32([0.7]))["image"]
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tgan_tf import command
from tgan_tf.exporting import TFLITE_VARIANTS


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    command.define_frames_flag(values)
    flags.DEFINE_string(
        "out", "", "the float32 file; empty: RUN/export/model.tflite", flag_values=values
    )
    flags.DEFINE_integer("batch_size", 1, "of every input and output", flag_values=values)
    flags.DEFINE_list(
        "variants", list(TFLITE_VARIANTS), "what to write, of these", flag_values=values
    )


def run(values: flags.FlagValues) -> None:
    """Exports and prints what was kept."""
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.exporting import to_tflite_variants
    from tgan_tf.exporting.quantization import table
    from tgan_tf.inference import find_run

    out = values.out or find_run(values.run) / "export" / "model.tflite"
    rows = to_tflite_variants(sampler, out, values.variants, batch_size=values.batch_size)
    folder = Path(out).parent
    print(f"TFLite of step {sampler.step}, batch {values.batch_size}, one thread, in {folder}:\n")
    print(table(rows))
    if encoder := sampler.condition.encoder:
        from tgan_tf.exporting.text_encoder import NO_STRINGS, to_text_encoder
        from tgan_tf.language import SentenceEncoder

        if isinstance(encoder, SentenceEncoder):
            kept = to_text_encoder(encoder, Path(out).with_suffix(".encoder.tflite"))
            print(f"\nText encoder, from tokens to `condition`: {kept.summary()}")
        else:
            print(f"\nText encoder: {NO_STRINGS}")


if __name__ == "__main__":
    command.start(define_flags, run)
