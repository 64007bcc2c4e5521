"""What windows of music are like, and how alike two sets of them are.

Each feature is one number a window, as in Yang & Lerch 2020 ("On the evaluation of generative
models in music"); two sets are compared by the overlap area of the feature's densities. What
sounds counts, step by step: a long note counts for more than a short one.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tgan_tf.config import Config
from tgan_tf.data import score
from tgan_tf.data.types import Progress, Source
from tgan_tf.metrics.suite import Outcome

if TYPE_CHECKING:
    from tgan_tf.other_metrics import Likelihood, Reals

LIKELIHOOD = True  # see ``tgan_tf.other_metrics``
FEATURES = (
    "pitch_class_entropy",
    "scale_consistency",
    "note_change_rate",
    "step_size",
    "consonance",
    "voice_crossing",
)
OF_SEVERAL_VOICES = ("consonance", "voice_crossing")
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
# Unison, thirds, fourth, fifth, sixths, in semitones of the interval's class.
_CONSONANT = np.isin(np.arange(12), (0, 3, 4, 5, 7, 8, 9))
_GRID = 512  # points at which densities are compared
_ALIKE = 64  # windows of a class that are compared with each other
_MOST = 5000  # windows of a set whose densities are compared; more change nothing but the time


def measure(
    fakes: np.ndarray,
    labels: np.ndarray | None,
    reference: Reals,
    source: Source,
    config: Config,
    progress: Progress,
    likelihood: Likelihood | None = None,
) -> dict[str, Outcome]:
    """All metrics of generated windows; see ``tgan_tf.other_metrics``.

    The details of an overlap hold the means of the feature, the overlap of other real windows
    with the same ones (``real``, the ceiling) and, of several voices, that of windows whose voices
    come from different ones (``shuffled``, the floor). ``likelihood_...`` is the same of the
    generator after likelihood alone.
    """
    rng = np.random.default_rng(0)

    def some(windows: np.ndarray) -> np.ndarray:
        return np.asarray(windows[np.sort(rng.permutation(len(windows))[:_MOST])])

    others = source.train if reference.name == "held-out" else source.val
    made = {"": fakes}
    if likelihood is not None:
        made["likelihood_"] = likelihood(len(fakes))
    sets = {
        **{prefix: some(windows) for prefix, windows in made.items()},
        "real": some(reference.samples),
        "others": some(others.samples),
    }
    if fakes.shape[-1] > 1:
        sets["shuffled"] = voice_shuffled(sets["others"])
    found = {}
    for index, (name, windows) in enumerate(sets.items()):
        found[name] = features(windows)
        progress(index, len(sets) + 1)
    counts = len(sets["real"]), len(sets[""])
    train = len(source.train)
    ceiling = {"real": variety(reference.samples, reference.labels)}
    outcomes = {}
    for prefix, windows in made.items():
        ours = found[prefix]
        for name, real in found["real"].items():
            details: dict[str, Any] = {
                "mean": float(ours[name].mean()),
                "real_mean": float(real.mean()),
                "real": overlap_area(found["others"][name], real),
            }
            if "shuffled" in found:
                details["shuffled"] = overlap_area(found["shuffled"][name], real)
            area = overlap_area(ours[name], real)
            outcomes[f"{prefix}overlap_{name}"] = Outcome(area, *counts, details=details)
        for name in OF_SEVERAL_VOICES:
            if name in ours:
                outcomes[prefix + name] = Outcome(float(ours[name].mean()), *counts)
        new = novelty(windows, source.train.samples)
        outcomes[f"{prefix}novelty"] = Outcome(new, train, len(windows))
        outcomes[f"{prefix}diversity"] = Outcome(diversity(windows), 0, len(windows))
        varied = variety(windows, labels)
        outcomes[f"{prefix}variety"] = Outcome(varied, *counts, details=ceiling)
    progress(len(sets) + 1, len(sets) + 1)
    return outcomes


def features(tokens: np.ndarray) -> dict[str, np.ndarray]:
    """The features of each window.

    - ``pitch_class_entropy``: of the distribution of the twelve pitch classes, in bits.
    - ``scale_consistency``: share of it that the best of the twelve major scales holds (natural
      minor has the same notes).
    - ``note_change_rate``: share of the steps in which a voice goes to another note or to a rest.
    - ``step_size``: of a voice that goes from a note to another one, in semitones.
    - ``consonance``: share of the pairs of voices that sound together whose interval is a unison,
      third, fourth, fifth or sixth, or that and octaves.
    - ``voice_crossing``: share of the pairs of neighbouring voices that sound together in which the
      lower voice has the higher note.

    Args:
        tokens: uint8 [N, T, voices], of ``tgan_tf.data.score``.

    Returns:
        By name, float64 [N]; the last two only of several voices. What a window does not have (a
        mean over no notes) is 0.
    """
    sounding = score.fill(tokens).astype(np.int64)  # [N, T, V], 0 where silent
    present = sounding > 0
    classes = np.stack(
        [((sounding % 12 == pitch) & present).sum(axis=(1, 2)) for pitch in range(12)], axis=-1
    )  # [N, 12]
    share = classes / np.maximum(classes.sum(axis=-1, keepdims=True), 1)
    scales = np.array([[(p - tonic) % 12 in _MAJOR for tonic in range(12)] for p in range(12)])
    before, after = sounding[:, :-1], sounding[:, 1:]
    step = np.abs(after - before)
    moves = (step > 0) & (before > 0) & (after > 0)
    result = {
        "pitch_class_entropy": -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=-1),
        "scale_consistency": (share @ scales).max(axis=-1),
        "note_change_rate": (step > 0).mean(axis=(1, 2)),
        "step_size": _mean(step, moves),
    }
    voices = tokens.shape[-1]
    if voices > 1:
        pairs = np.array(list(itertools.combinations(range(voices), 2)))  # [P, 2]
        high, low = sounding[..., pairs[:, 0]], sounding[..., pairs[:, 1]]  # [N, T, P]
        result["consonance"] = _mean(_CONSONANT[(high - low) % 12], (high > 0) & (low > 0))
        upper, lower = sounding[..., :-1], sounding[..., 1:]
        result["voice_crossing"] = _mean(upper < lower, (upper > 0) & (lower > 0))
    return result


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean of ``values`` [N, T, K] of each window, where they count; 0 where none does."""
    return (values * where).sum(axis=(1, 2)) / np.maximum(where.sum(axis=(1, 2)), 1)


def overlap_area(first: np.ndarray, second: np.ndarray) -> float:
    """Area below both densities, 0 (apart) to 1 (alike).

    The densities are kernel estimates, Gaussian, by Scott's rule (1992): a bandwidth of
    ``n ** -1/5`` standard deviations, at least a thousandth of the range of all values.

    Args:
        first: [N].
        second: [M].
    """
    low = min(first.min(), second.min())
    high = max(first.max(), second.max())
    if low == high:
        return 1.0
    margin = 0.5 * (high - low)
    grid = np.linspace(low - margin, high + margin, _GRID)
    densities = []
    for values in (first, second):
        width = max(values.std() * len(values) ** -0.2, 1e-3 * (high - low))
        kernels = np.exp(-0.5 * ((grid[:, np.newaxis] - values) / width) ** 2)  # [grid, N]
        density = kernels.mean(axis=-1)
        densities.append(density / density.sum())
    return float(np.minimum(*densities).sum())


def overlap(tokens: np.ndarray, reals: np.ndarray) -> dict[str, float]:
    """``overlap_area`` of each feature of two sets of windows, uint8 [N, T, voices]."""
    ours, theirs = features(tokens), features(reals)
    return {name: overlap_area(ours[name], theirs[name]) for name in ours}


def voice_shuffled(tokens: np.ndarray, seed: int = 0) -> np.ndarray:
    """Windows whose voices come from different ones: each voice as it was, no harmony left.

    The floor for what several voices do together.
    """
    rng = np.random.default_rng(seed)
    shuffled = [tokens[rng.permutation(len(tokens)), :, v] for v in range(tokens.shape[-1])]
    return np.stack(shuffled, axis=-1)


def novelty(tokens: np.ndarray, train: np.ndarray) -> float:
    """Share of the windows that the training data have in no key."""
    known = {score.invariant(window) for window in train}
    return float(np.mean([score.invariant(window) not in known for window in tokens]))


def diversity(tokens: np.ndarray) -> float:
    """Different windows (in whatever key) / windows."""
    return len({score.invariant(window) for window in tokens}) / len(tokens)


def variety(tokens: np.ndarray, labels: np.ndarray | None) -> float:
    """How different two windows of one class are: share of the places where another note sounds.

    Windows that are all new and none the same can still be one tune with a note changed here and
    there, which no other metric sees.

    Args:
        tokens: uint8 [N, T, voices].
        labels: int [N]; None: all are of one class.

    Returns:
        The mean over pairs, of at most 64 windows of each class; 0 where no class has two.
    """
    labels = np.zeros(len(tokens), int) if labels is None else labels
    total, pairs = 0.0, 0
    for label in np.unique(labels):
        chosen = score.fill(tokens[np.flatnonzero(labels == label)[:_ALIKE]])  # [n, T, V]
        for index in range(1, len(chosen)):
            total += float((chosen[index] != chosen[:index]).mean(axis=(1, 2)).sum())
            pairs += index
    return total / max(pairs, 1)
