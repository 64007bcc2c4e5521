"""Defaults that other data than images have: the values of their flag files in configs/.

Of images they are the fields' own, a recipe that won (docs/results.md, "Recipes side by side").
"""

from __future__ import annotations

from typing import Any

from tgan_tf.config.experiment import MUSIC, SERIES, VIDEO
from tgan_tf.config.texts import TEXTS

# Kind -> its data sets, and what differs.
_OF_KINDS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "texts": (TEXTS, {"mapping_layers": 2, "r1_gamma": 0.0, "r2_gamma": 0.0, "lr_final": 0.02}),
    "music": (MUSIC, {"r1_gamma": 0.05, "r2_gamma": 0.05, "lr_final": 0.1}),
    "time series": (SERIES, {"r1_gamma": 0.2, "r2_gamma": 0.2, "lr_final": 0.1}),
    "video": (VIDEO, {"r1_gamma": 1.0, "r2_gamma": 1.0}),
}


def defaults_of(dataset: str) -> dict[str, Any]:
    """What is different by default for this value of ``dataset``."""
    name = dataset.partition(":")[0]
    return next((values for names, values in _OF_KINDS.values() if name in names), {})


def help_on(name: str) -> str:
    """The end of an option's help: its other defaults, if it has some."""
    others = [f"{kind} {v[name]:g}" for kind, (_, v) in _OF_KINDS.items() if name in v]
    return f" (for {', '.join(others)})" if others else ""
