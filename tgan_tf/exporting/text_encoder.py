"""The text encoder as a TFLite file of its own, with its list of words, for apps.

TFLite has no strings: the app turns text into numbers of pieces (`tgan_tf.language.wordpiece` says
how) and the file turns them into the vector that the generator's file takes as `condition`. Its
metadata `tgan_tf` says under `words` whether the text becomes lower case and loses its accents, and
which pieces are special: unknown, first, last, padding.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tgan_tf.exporting import flatbuffer
from tgan_tf.exporting.parity import Export, ExportError
from tgan_tf.exporting.tflite import check_operators
from tgan_tf.files import replacing
from tgan_tf.language import SentenceEncoder, TextEncoder

_TEXTS = ("a red apple", "two cats, sleeping", "smiling face with open mouth", "", "map of Japan")
NO_STRINGS = (
    "no file: it is a SavedModel that takes strings, which TFLite lacks; encode the text elsewhere,"
    " and give the generator's file the vector, its `condition`"
)
# Between the vectors of the file and those of TensorFlow; directions are all that counts.
LEAST_COSINE = 0.98


def to_text_encoder(encoder: TextEncoder, path: str | os.PathLike[str]) -> Export:
    """Writes ``path`` in eight bits (weights; activations are floats), and ``*.vocab.txt`` beside.

    Args:
        encoder: of a generator's captions.
        path: the file, by convention ``*.tflite``; replaced if it exists.

    Returns:
        What was kept; its error is 1 - the least cosine.

    Raises:
        ExportError: it is a SavedModel, which takes strings, an operation is not built in, or the
            vectors are too far off; nothing is written.
    """
    if not isinstance(encoder, SentenceEncoder):
        raise ExportError(NO_STRINGS)
    path = Path(path)
    module = tf.Module()
    module.state = list(encoder.variables)  # without the table of words, which TFLite lacks
    spec = tf.TensorSpec([1, encoder.length], tf.int32, "tokens")
    function = tf.function(
        lambda tokens: {"condition": encoder.of_tokens(tokens)}, input_signature=[spec]
    ).get_concrete_function()
    with tempfile.TemporaryDirectory(prefix="tgan_tf-") as folder:
        tf.saved_model.save(module, folder, signatures={"encode": function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["encode"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        content = converter.convert()
    check_operators(content)
    run = Interpreter(model_content=content).get_signature_runner("encode")
    tokens = encoder.tokens(tf.constant(_TEXTS)).numpy()
    made = np.concatenate([run(tokens=row[None])["condition"] for row in tokens])
    least = float((made * encoder.encode(_TEXTS)).sum(axis=1).min())
    if not least >= LEAST_COSINE:
        raise ExportError(
            f"the text encoder in eight bits turns vectors as far as a cosine of {least:.3f}; at"
            f" least {LEAST_COSINE} is needed"
        )
    pieces = encoder.pieces._asdict()
    vocabulary = pieces.pop("vocabulary")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        beside.write_bytes(flatbuffer.with_metadata(content, {"words": pieces}))
    with replacing(path.with_suffix(".vocab.txt")) as beside:
        beside.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return Export(path, len(content), {"encode": 1 - least})
