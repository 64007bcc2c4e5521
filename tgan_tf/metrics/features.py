"""Features: what metrics ask of the networks that make them, and of the numbers themselves.

An extractor is any callable with a name: metrics know nothing else about it. The name becomes part
of every result, so that a number can never be mistaken for one that another network made.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class FeatureExtractor(Protocol):
    """What metrics need of a network.

    Attributes:
        name: short, ``[a-z0-9_]+``; stands in the names of the results.
        identity: all that changes its numbers (weights, resizing), for records and cache keys.
        dim: length of a feature vector.
    """

    name: str
    dim: int

    @property
    def identity(self) -> str: ...

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features, float32 ``[B, dim]``, of uint8 images ``[B, H, W, C]``, C 1 or 3."""


@runtime_checkable
class ClassifyingExtractor(FeatureExtractor, Protocol):
    """An extractor whose network also sorts into classes."""

    def features_and_logits(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features ``[B, dim]`` and logits ``[B, classes]``, both float32, in one pass."""


def check_images(images: np.ndarray) -> np.ndarray:
    """Returns the images if they are what an extractor takes.

    Raises:
        ValueError: not uint8, not ``[B, H, W, C]``, empty, or neither 1 nor 3 channels.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        finite = images.dtype.kind != "f" or bool(np.isfinite(images).all())
        raise ValueError(
            f"features are taken of uint8 images, these are {images.dtype}"
            + ("" if finite else " and hold NaN or infinity: the generator has diverged")
            + "; decode generated images to uint8 before they are measured"
        )
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            "features are taken of images [batch, height, width, 1 or 3 channels], "
            f"these have the shape {list(images.shape)}"
        )
    return images


def check_features(features: np.ndarray, dim: int | None = None) -> np.ndarray:
    """Returns the features as an array if they can be measured.

    Args:
        features: ``[N, dim]``.
        dim: the length that the vectors must have, if known.

    Raises:
        ValueError: not a matrix, another `dim`, not real numbers, NaN or infinity.
    """
    x = np.asarray(features)
    if x.ndim != 2 or (dim is not None and x.shape[1] != dim):
        wanted = "[N, dim]" if dim is None else f"[N, {dim}]"
        raise ValueError(f"features must have the shape {wanted}, these have {list(x.shape)}")
    if x.dtype.kind not in "fiu":
        raise ValueError(f"features must be real numbers, these are {x.dtype}")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(x)} feature vectors hold NaN or infinity (the first is number "
            f"{bad[0]}): the samples or the network have diverged, no metric would mean anything"
        )
    return x
