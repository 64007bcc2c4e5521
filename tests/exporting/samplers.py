"""Small generators with untrained weights, shared by the tests of everything that samples."""

from __future__ import annotations

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.language import bert
from tgan_tf.conditions import Kept
from tgan_tf.config import Config
from tgan_tf.inference import Sampler
from tgan_tf.modalities import make_modality
from tgan_tf.modalities.image import ImageModality
from tgan_tf.networks import build_generator
from tgan_tf.training.checkpoint import Checkpoints

NAMES = ("cat", "dog", "T-shirt/top")


ATTRIBUTES = {"attribute_names": ("hat", "smile")}
VECTOR = {"vector_width": 3}


def make_config(num_classes: int = 3, **changes: object) -> Config:
    """8x12 pixels, colour."""
    others = {name: changes.pop(name) for name in (*ATTRIBUTES, *VECTOR) if name in changes}
    small = Config().replace(
        **{"latent_dim": 8, "w_dim": 16, "mapping_layers": 2, "g_widths": (16, 8)},
        **{"g_depths": (1, 1), "g_windows": (0, 2), "g_heads": 2},
        **{"g_upsample": "dense_shuffle", "g_output": "conv"},
    )
    return small.replace(**changes).resolve(
        image_size=(8, 12),
        channels=3,
        num_classes=num_classes,
        class_names=NAMES[:num_classes],
        **others,
    )


def make_generator(config: Config, seed: int = 0) -> keras.Model:
    """A generator whose weights are a function of the seed, and none is zero."""
    generator = build_generator(config)
    random = np.random.default_rng(seed)
    for weight in generator.weights:
        noise = random.normal(0, 0.7 * np.prod(weight.shape[:-1]) ** -0.5, weight.shape)
        # Biases and norms stay near the constants that they start from.
        weight.assign(weight + 0.3 * noise if len(weight.shape) == 1 else noise)
    return generator


@functools.cache
def make_sampler(num_classes: int = 3, **changes: object) -> Sampler:
    """One for all tests: they must leave it as it is."""
    config = make_config(num_classes, **changes)
    return Sampler(config, make_generator(config), ImageModality(config), step=70)


@functools.cache
def make_clip_sampler() -> Sampler:
    """Clips of four frames, 8x16 pixels, grey."""
    small = Config().replace(
        **{"latent_dim": 8, "g_motion_dim": 4, "w_dim": 8, "mapping_layers": 2, "g_widths": 8},
        **{"g_depths": 1, "g_windows": 0, "g_heads": 2, "g_output": "patch"},
        **{"d_frames": 2, "frame_rate": 20.0},
    )
    config = small.resolve(modality="video", shape=(4, 8, 16, 1))
    return Sampler(config, make_generator(config), make_modality(config), step=70)


def make_told(folder: Path) -> Sampler:
    """A generator that is told captions, by a tiny encoder that is written into the folder."""
    bert.write(folder)
    captions = {"captions": True, "text_encoder": str(folder), "caption_length": 8}
    config = make_config(0, vector_width=bert.WIDTH, condition_dropout=0.1, **captions)
    kept = Kept(np.eye(2, bert.WIDTH, dtype=np.float32), ("a cat", "sat!"))
    generator = make_generator(config)
    (embedding,) = (w for w in generator.weights if w.path.endswith("mapping/embedding"))
    embedding.assign(10 * embedding)  # it listens
    return Sampler(config, generator, ImageModality(config), step=70, kept=kept)


def make_run(path: Path, num_classes: int = 3, steps: tuple[int, ...] = (70,), **changes) -> Path:
    """A run directory with a checkpoint for each step, of weights made from the step."""
    config = make_config(num_classes, **changes)
    path.mkdir(parents=True)
    config.save(path / "config.json")
    generator, counter = build_generator(config), tf.Variable(0, dtype=tf.int64)
    trackables = {"ema_generator": generator, "step": counter}
    checkpoints = Checkpoints(path / "checkpoints", trackables, keep=len(steps))
    for step in steps:
        generator.set_weights(make_generator(config, seed=step).get_weights())
        counter.assign(step)
        checkpoints.save(step)
    return path
