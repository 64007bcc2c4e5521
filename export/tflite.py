"""A run to one TFLite file, for phones, browsers and C.

    python -m export.tflite --run=runs/00012-digits --out=digits.tflite

writes the averaged generator in float32, of operations built into TFLite, with a batch of one and
the signatures `generate` (z, label -> float image) and `sample` (seed, label, truncation -> uint8
image). It is kept only if LiteRT computes what Keras does. Takes about 15 seconds; prints the file,
its size and the errors. Running it needs ai-edge-litert and NumPy only:

    run = Interpreter("digits.tflite").get_signature_runner("sample")
    image = run(seed=np.int32([7]), label=np.int32([3]), truncation=np.float32([0.7]))["image"]
"""

from __future__ import annotations

from absl import flags

from tgan_tf import command


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    flags.DEFINE_string("out", "", "the file; empty: RUN/export/model.tflite", flag_values=values)
    flags.DEFINE_integer("batch_size", 1, "of every input and output", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Exports and prints what was kept."""
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.exporting import to_tflite
    from tgan_tf.inference import find_run

    out = values.out or find_run(values.run) / "export" / "model.tflite"
    kept = to_tflite(sampler, out, batch_size=values.batch_size)
    print(f"TFLite of step {sampler.step}: {kept.summary()}")


if __name__ == "__main__":
    command.start(define_flags, run)
