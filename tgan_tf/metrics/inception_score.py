"""Inception score: confident and evenly spread class predictions.

Source: Salimans et al., "Improved Techniques for Training GANs" (2016). It looks at no real data
and rewards one good sample of each class; it is here to be comparable. The name belongs to the 2015
Inception graph; with another classifier the result carries that network's name.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tgan_tf.metrics.features import check_features
from tgan_tf.metrics.influence import score_error


class InceptionScore(NamedTuple):
    """Mean and standard deviation over the splits, and standard error of the mean."""

    mean: float
    std: float
    error: float


def inception_score(
    logits: np.ndarray, *, splits: int = 10, shuffle: bool = True, seed: int = 2020
) -> InceptionScore:
    """``exp E_x KL(p(y|x) || p(y))``, between 1 and the number of classes.

    Args:
        logits: ``[N, classes]``, before the softmax; computed in float64.
        splits: parts that are scored on their own (10 in torch-fidelity and StyleGAN, 1 in
            StudioGAN).
        shuffle: whether samples are put in random order first (torch-fidelity does, StyleGAN not).
        seed: of that order; with 2020 it is torch-fidelity's.

    Raises:
        ValueError: fewer samples than splits, or logits with NaN.
    """
    logits = check_features(logits).astype(np.float64)
    if not 1 <= splits <= len(logits):
        raise ValueError(
            f"cannot split {len(logits)} samples into {splits} parts: use fewer splits"
        )
    if shuffle:
        # The legacy generator on purpose: its order is what torch-fidelity publishes numbers with.
        logits = logits[np.random.RandomState(seed).permutation(len(logits))]
    bounds = [i * len(logits) // splits for i in range(splits + 1)]
    parts = [_divergences(logits[start:stop]) for start, stop in pairwise(bounds)]
    scores = [float(np.exp(part.mean())) for part in parts]
    errors = [score_error(score, part) for score, part in zip(scores, parts, strict=True)]
    error = float(np.linalg.norm(errors) / splits)
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), error)


def _divergences(logits: np.ndarray) -> np.ndarray:
    """KL of each sample's prediction from the mean prediction, ``[N]``."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # [N, classes]
    p = np.exp(log_p)
    marginal = p.mean(axis=0)
    # A class that no sample has any probability of adds 0 * (log 0 - log 0) = 0.
    log_marginal = np.log(np.where(marginal > 0, marginal, 1.0))
    return (p * (log_p - log_marginal)).sum(axis=1)
