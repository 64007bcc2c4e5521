"""What both sides of a comparison measure: made from seeds by NumPy alone."""

from __future__ import annotations

import numpy as np

from tgan_tf.metrics import inception_weights

COUNT, DIM, CLASSES = 1200, 48, 10
PATH_PAIRS, LATENT, EPSILON = 200, 6, 1e-2


def features() -> tuple[np.ndarray, np.ndarray]:
    """Real and generated features, float32 ``[1200, 48]``: correlated, overlapping, unequal."""
    rng = np.random.default_rng(4)
    mixing = rng.normal(size=(DIM, DIM)) / DIM**0.5 * np.linspace(0.2, 1.5, DIM)
    real = rng.normal(size=(COUNT, DIM)) @ mixing
    fake = 0.9 * rng.normal(size=(COUNT, DIM)) @ mixing + 0.05
    return real.astype(np.float32), fake.astype(np.float32)


def logits() -> np.ndarray:
    """Class logits of generated samples, float32 ``[1200, 10]``."""
    return np.random.default_rng(5).normal(0, 3, (COUNT, CLASSES)).astype(np.float32)


def generator_matrices() -> tuple[np.ndarray, np.ndarray]:
    """A generator of two lines: images ``tanh(z A) B``; ``[6, 16]`` and ``[16, 48]``."""
    rng = np.random.default_rng(6)
    return (
        rng.normal(size=(LATENT, 16)).astype(np.float32),
        rng.normal(size=(16, 48)).astype(np.float32),
    )


def inception_images() -> np.ndarray:
    """uint8 ``[2, 40, 56, 3]``: waves and noise."""
    y, x = np.mgrid[:40, :56]
    waves = 127 + 120 * np.sin(x / 5 + y / 9)[..., None] * np.array([1, 0.5, -1])
    noise = np.random.default_rng(7).integers(0, 256, (40, 56, 3))
    return np.stack([waves, noise]).astype(np.uint8)


def inception_parameters() -> dict[str, np.ndarray]:
    """Weights of the 2015 graph by its names, of a size that keeps signals alive."""
    rng = np.random.default_rng(8)
    weights = {}
    for name, shape in inception_weights.shapes().items():
        values = rng.standard_normal(shape, dtype=np.float32)
        if len(shape) > 1:
            weights[name] = values * np.float32((2 / np.prod(shape[:-1])) ** 0.5)
        else:
            variance = name.endswith(("moving_variance", "gamma"))
            weights[name] = 1 + 0.2 * np.tanh(values) if variance else 0.2 * values
    return weights
