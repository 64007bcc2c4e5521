"""Tiny texts and music, and generators that make them token by token."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tgan_tf.config import Config
from tgan_tf.networks import build_generator

POEM = tuple("春夏秋冬山水風月花")
WORDS = ("", "\ufffd", *"abc ")
PITCHES = ("rest", "60", "61", "62", "63", "onset")
SMALL: dict[str, Any] = {
    "latent_dim": 4,
    "w_dim": 6,
    "mapping_layers": 0,
    "g_widths": 8,
    "g_depths": 2,
    "g_windows": 0,
    "g_heads": 2,
    "d_width": 8,
    "d_depth": 1,
    "d_heads": 2,
    "d_patch": 1,
    "d_stem": "patch",
    "batch_size": 4,
    "penalty_every": 1,  # one kind of step to trace
}


def text_config(vocabulary=POEM, length=20, num_classes=2, **changes: Any) -> Config:
    """Quatrains, or with ``WORDS`` texts of different length."""
    dataset = "text:words.txt" if "" in vocabulary else "poems"
    names = ("Tang", "Song")[:num_classes]
    return (
        Config()
        .replace(**{**SMALL, "dataset": dataset, **changes})
        .resolve(
            modality="text",
            shape=(length, 1, len(vocabulary)),
            vocabulary=vocabulary,
            num_classes=num_classes,
            class_names=names,
        )
    )


def music_config(steps=16, voices=2, **changes: Any) -> Config:
    """A bar in major or minor, whose first voice may be given."""
    options = {**SMALL, "dataset": "midi:folder", "given_voices": 0, "g_tokens": "one_by_one"}
    return (
        Config()
        .replace(**{**options, "augment": (), **changes})
        .resolve(
            modality="music",
            shape=(steps, voices, len(PITCHES)),
            vocabulary=PITCHES,
            num_classes=2,
            class_names=("major", "minor"),
        )
    )


def token_generator(config: Config) -> keras.Model:
    """With weights that are neither zero nor small."""
    generator = build_generator(config)
    random = np.random.default_rng(0)
    for weight in generator.trainable_variables:
        weight.assign(random.normal(0, 0.5, weight.shape))
    return generator
