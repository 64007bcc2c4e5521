"""Perceptual path length: how abruptly pictures change along a path in latent space.

Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks"
(2019), section 4.1. The published numbers are made with LPIPS of VGG16; with the features of
another network the result carries its name.
"""

from __future__ import annotations

import numpy as np


def kept_distances(
    distances: np.ndarray, *, discard: tuple[float, float] = (1.0, 99.0)
) -> np.ndarray:
    """The distances without the outliers at either end, as StyleGAN and torch-fidelity do.

    Args:
        distances: perceptual distance of each pair over epsilon squared, ``[N]``.
        discard: percentiles outside of which a distance is left out.

    Raises:
        ValueError: no distances, or NaN.
    """
    distances = np.asarray(distances, np.float64)
    if not len(distances) or not np.isfinite(distances).all():
        raise ValueError(
            f"path lengths need finite distances, these are {len(distances)} with "
            f"{int((~np.isfinite(distances)).sum())} NaN or infinite"
        )
    low = np.percentile(distances, discard[0], method="lower")
    high = np.percentile(distances, discard[1], method="higher")
    return distances[(low <= distances) & (distances <= high)]
