"""What tensorflow-addons and its successors are both given, from NumPy alone."""

from __future__ import annotations

import numpy as np

SHIFT = (-2, 3)  # rows down, columns right
HOLE, CENTRE = 4, (1, 6)  # side and centre of what is cut out, partly outside
ANGLE = 0.3  # radians, counter-clockwise
BLUR, SIGMA = 3, 1.0
GROUPS, EPSILON = 2, 1e-3
RATE, DECAY, AVERAGE = 0.05, 0.1, 0.9
STEPS = 4


def images() -> np.ndarray:
    """float32 ``[2, 8, 10, 4]``."""
    return np.random.default_rng(0).uniform(-1, 1, (2, 8, 10, 4)).astype(np.float32)


def numbers() -> np.ndarray:
    """float32 ``[101]``, -5 to 5."""
    return np.linspace(-5, 5, 101, dtype=np.float32)


def kernel() -> np.ndarray:
    """float32 ``[6, 5]``."""
    return np.random.default_rng(1).standard_normal((6, 5)).astype(np.float32)


def gradients() -> np.ndarray:
    """float32 ``[STEPS, 6, 5]``, for a variable that starts as `kernel`."""
    return np.random.default_rng(2).standard_normal((STEPS, 6, 5)).astype(np.float32)
