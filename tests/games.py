"""A tiny game in float64 that the tests of training share."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.data.pipeline import make_dataset
from tgan_tf.data.types import SampleSet
from tgan_tf.gan import TransformerGAN

BATCH, SEED = 4, 5


def configure(num_classes: int = 3, **changes: object) -> Config:
    """One block each, 8x8 grey images."""
    small = {
        "latent_dim": 4,
        "w_dim": 4,
        "mapping_layers": 0,
        "g_widths": 4,
        "g_depths": 1,
        "g_windows": 0,
        "g_heads": 2,
        "g_mlp_ratio": 1,
        "g_patch": 4,
        "d_width": 4,
        "d_depth": 1,
        "d_heads": 2,
        "d_mlp_ratio": 1,
        "d_patch": 4,
        "lr_final": 1.0,  # as the references' is
        "batch_size": BATCH,
        "precision": "float64",
        "seed": SEED,
    }
    config = Config().replace(**{**small, **changes})
    return config.resolve(image_size=(8, 8), channels=1, num_classes=num_classes)


@functools.cache
def images() -> SampleSet:
    """Ten labelled images of noise: batches cross the ends of epochs."""
    numbers = np.random.default_rng(0)
    pixels = numbers.integers(0, 256, (10, 8, 8, 1), np.uint8)
    return SampleSet(pixels, numbers.integers(0, 3, 10).astype(np.int32))


def dataset(count: int, start: int = 0) -> tf.data.Dataset:
    """The global batches of steps ``start`` to ``start + count - 1``."""
    return make_dataset(images(), batch_size=BATCH, seed=SEED, start_step=start).take(count)


def state(gan: TransformerGAN) -> dict[str, np.ndarray]:
    """All that a run is made of, by name; g, d, ema, g_adam, d_adam or step stands first."""
    parts = {
        "g": gan.generator.weights,
        "d": gan.discriminator.weights,
        "ema": gan.ema_generator.weights,
        "g_adam": gan.g_optimizer.variables,
        "d_adam": gan.d_optimizer.variables,
        "step": [gan.step],
        "memory": [gan.memory[name] for name in sorted(gan.memory)],
    }
    return {f"{k} {i} {v.name}": v.numpy() for k, vs in parts.items() for i, v in enumerate(vs)}
