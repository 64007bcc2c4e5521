"""Transformer GANs in Keras: train, measure, export.

Importing this package does not start TensorFlow; the names below load on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "tgan_tf.config",
    "ConfigError": "tgan_tf.config",
    "TransformerGAN": "tgan_tf.gan",
    "Sampler": "tgan_tf.inference",
    "load": "tgan_tf.inference",
    "train": "tgan_tf.training.run",
    "evaluate": "tgan_tf.evaluation",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tgan_tf' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
