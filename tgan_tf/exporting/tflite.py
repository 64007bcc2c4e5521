"""One TFLite file of built-in operations, for phones, browsers and C."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tgan_tf.exporting import flatbuffer, signatures
from tgan_tf.exporting.parity import Export, ExportError, difference, make_cases
from tgan_tf.files import replacing
from tgan_tf.inference import Sampler

# Several requests of the one batch size that the file has.
CHECKED_REQUESTS = 4


def to_tflite(sampler: Sampler, path: str | os.PathLike[str], *, batch_size: int = 1) -> Export:
    """Exports to one float32 file with the signatures `generate` and `sample` (and `complete`).

    The batch is fixed: some runtimes crash after a resize, others refuse open shapes. The file is
    made in memory, run by LiteRT and compared with Keras before it is written beside and renamed.

    Args:
        sampler: what to export.
        path: the file, by convention `*.tflite`; replaced if it exists.
        batch_size: of every input and output.

    Returns:
        What was kept.

    Raises:
        ExportError: an operation is not built in, or LiteRT does not give Keras' numbers; nothing
            is written.
        ValueError: `batch_size` is not positive.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    path = Path(path)
    content = convert(sampler, batch_size)
    errors = check(sampler, content, batch_size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        beside.write_bytes(content)
    return Export(path, len(content), errors)


def convert(sampler: Sampler, batch_size: int) -> bytes:
    """The flatbuffer in float32, not yet checked."""
    with tempfile.TemporaryDirectory(prefix="tgan_tf-") as folder:
        converter = make_converter(sampler, batch_size, folder)
        try:
            content = converter.convert()
        except Exception as error:  # the converter raises its own, unrelated, classes
            raise ExportError(f"the generator cannot be converted to TFLite: {error}") from error
    return flatbuffer.with_metadata(content, describe(sampler))


def make_converter(sampler: Sampler, batch_size: int, folder: str) -> Any:
    """A converter of all signatures, for which a SavedModel is written into an empty folder."""
    functions = signatures.build_functions(sampler, batch_size)
    signatures.save(functions, folder)
    # Not from_concrete_functions: it drops the signatures without a word.
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=sorted(functions))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def describe(sampler: Sampler) -> dict[str, Any]:
    """What an app may want to know of a file: its metadata `tgan_tf`, as JSON."""
    return {
        "modality": sampler.modality.name,
        "sample_shape": list(sampler.modality.sample_shape),
        "signal_shape": list(sampler.modality.signal_shape),
        "value_range": [-1.0, 1.0],  # of `generate`, of images; `sample` makes uint8
        "vocabulary": list(sampler.config.data.vocabulary),
        "latent_dim": sampler.latent_dim,
        "class_names": list(sampler.config.data.class_names),
        "step": sampler.step,
        "config": sampler.config.to_dict(),
    }


def check(sampler: Sampler, content: bytes, batch_size: int) -> dict[str, float]:
    """Reads the operations and compares every signature, run by LiteRT, with Keras.

    Returns:
        The greatest difference for each signature, as in `Export.errors`.

    Raises:
        ExportError: an operation is not built in, a signature is missing or gives other numbers.
    """
    check_operators(content)
    interpreter = Interpreter(model_content=content, num_threads=1)
    present = interpreter.get_signature_list()
    errors: dict[str, float] = {}
    for request in range(CHECKED_REQUESTS):
        first = request * batch_size
        for case in make_cases(sampler, batch_size, first_seed=first, portable=True):
            if case.signature not in present:
                raise ExportError(f"signature {case.signature!r} is missing from the TFLite file.")
            answer = interpreter.get_signature_runner(case.signature)(**case.inputs)[
                sampler.modality.name
            ]
            errors[case.signature] = max(difference(case, answer), errors.get(case.signature, 0.0))
    return errors


def check_operators(content: bytes) -> None:
    """Raises `ExportError` if an operation is not built into TFLite."""
    foreign = sorted(name for name in flatbuffer.operators(content) if name.startswith("CUSTOM"))
    if foreign:
        raise ExportError(f"operations that are not built into TFLite: {', '.join(foreign)}.")
