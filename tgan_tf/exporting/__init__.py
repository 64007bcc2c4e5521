"""From a trained generator to files that other programs run."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "ExportError": "tgan_tf.exporting.parity",
    "to_saved_model": "tgan_tf.exporting.saved_model",
    "to_tflite": "tgan_tf.exporting.tflite",
    "to_tflite_variants": "tgan_tf.exporting.quantization",
}

# Kinds of TFLite files, and the least PSNR in dB of their samples against Keras'; of float32,
# to_tflite asks more. tgan_tf.exporting.quantization says what they are.
TFLITE_VARIANTS = {"float32": 50.0, "float16": 50.0, "dynamic_int8": 40.0, "int8": 35.0}

__all__ = sorted([*_HOMES, "TFLITE_VARIANTS"])


def __getattr__(name: str) -> Any:
    # On first use: the converter and its runtime take seconds to load, a Sampler needs neither.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
