"""Which samples are held out: the same share of every class, or groups, chosen by the seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np


def held_out_count(count: int, fraction: float) -> int:
    """How many of ``count`` samples are held out: at least one, and never all."""
    return min(max(round(count * fraction), 1), max(count - 1, 0))


def stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """A shuffle in which every prefix holds each class in proportion.

    The j-th sample (after a shuffle within its class) of a class with n samples gets the key
    (j + u) / n with one u in [0, 1) for each class; the order is that of the keys. A prefix of
    share f thus holds f n of the class, rounded up or down.

    Args:
        labels: int [N]; all equal for data without classes.
        seed: chooses among the orders.

    Returns:
        int64 [N], a permutation of 0..N-1.
    """
    rng = np.random.default_rng(seed)
    keys = np.empty(len(labels), np.float64)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        keys[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(keys, kind="stable")


def chosen_groups(sizes: Mapping[str, int], fraction: float, seed: int) -> set[str]:
    """Groups of samples that are held out together: in an order that a hash shuffles, until there
    are enough.

    Args:
        sizes: how many samples each group has.
        fraction: share of the samples to hold out; at least one group stays.
        seed: chooses among the orders.
    """

    def shuffled(group: str) -> bytes:
        return hashlib.sha256(f"{seed}/{group}".encode()).digest()

    wanted, chosen, count = held_out_count(sum(sizes.values()), fraction), set[str](), 0
    for group in sorted(sizes, key=shuffled):
        if count >= wanted or len(chosen) + 1 == len(sizes):
            break
        chosen.add(group)
        count += sizes[group]
    return chosen


def repeats(captions: Sequence[str]) -> bool:
    """Whether some are equal, so that captions choose the split."""
    return len(set(captions)) < len(captions)


def held_out_rows(
    labels: np.ndarray, captions: Sequence[str], fraction: float, seed: int
) -> set[int]:
    """Rows of a share of each class; where captions repeat, of all samples of some captions.

    So no caption is both trained on and held out.

    Args:
        labels: int [N].
        captions: N of them, or none.
        fraction: share of the samples to hold out.
        seed: chooses it.
    """
    if repeats(captions):
        chosen = chosen_groups(Counter(captions), fraction, seed)
        return {row for row, caption in enumerate(captions) if caption in chosen}
    order = stratified_order(labels, seed)
    return set(order[: held_out_count(len(labels), fraction)].tolist())


def joined(groups: Sequence[str], captions: Sequence[str]) -> list[str]:
    """The group of each sample, after those that share a caption became one, named by the first."""
    parent: dict[str, str] = {}  # a forest: each points towards the root of its group

    def root(group: str) -> str:
        while parent.setdefault(group, group) != group:
            group = parent[group]
        return group

    first: dict[str, str] = {}
    for group, caption in zip(groups, captions, strict=True):
        one, other = sorted((root(group), root(first.setdefault(caption, group))))
        parent[other] = one
    return [root(group) for group in groups]


def is_held_out(index: int, fraction: float) -> bool:
    """Whether the ``index``-th sample of a stream, whose labels are not known yet, is held out.

    Systematic sampling: one in 1/``fraction``, evenly spaced, which is stratified where the stream
    is sorted by class and random where it is shuffled. The first one is held out, so that no
    stream of two or more samples gives an empty split.
    """
    return int(index * fraction) > int((index - 1) * fraction) if index else True
