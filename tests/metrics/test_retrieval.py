"""Retrieval: ranks by hand, and a matcher that learns which colour a caption means."""

from __future__ import annotations

import numpy as np
import pytest

from tgan_tf.metrics.retrieval import among_the_first, train_matcher


class Known:
    """Sees images and captions as they are."""

    def __init__(self, of_images: np.ndarray) -> None:
        self._of_images = of_images

    def images(self, images: np.ndarray) -> np.ndarray:
        return self._of_images

    def captions(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


def test_ranks_by_hand():
    vectors = np.eye(4, dtype=np.float32)
    seen = np.array([[1, 0, 0, 0], [3, 2, 1, 0], [3, 2, 1, 0], [2, 2, 2, 2]], np.float32)
    images = np.zeros((4, 2, 2, 1), np.uint8)
    hits = [
        among_the_first(images, vectors, Known(seen), among=4, first=k).tolist()
        for k in (1, 2, 3, 4)
    ]
    # Of equal ones, all are before the own.
    assert hits == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_chance():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 8)).astype(np.float32)
    known = Known(rng.normal(size=(400, 8)))
    hits = among_the_first(np.zeros((400, 2, 2, 1), np.uint8), vectors, known)
    assert 0.02 < hits.mean() < 0.09


def test_equal_captions_are_one():
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    hits = among_the_first(
        np.zeros((4, 2, 2, 1), np.uint8), vectors, Known(vectors), among=3, first=1
    )
    assert hits.all()
    with pytest.raises(ValueError, match="100 different captions are compared; there are 3"):
        among_the_first(np.zeros((4, 2, 2, 1), np.uint8), vectors, Known(vectors))


def test_a_matcher_learns_pairs_and_knows_new_ones():
    """The caption says how light the left and the right half are."""
    rng = np.random.default_rng(1)
    light = rng.integers(0, 256, (300, 2))
    images = light.repeat(4, axis=1)[:, None, :, None].repeat(8, axis=1).astype(np.uint8)
    vectors = (light / 127.5 - 1).astype(np.float32) @ rng.normal(size=(2, 6)).astype(np.float32)
    matcher = train_matcher(images[:200], vectors[:200], steps=150)
    own = among_the_first(images[200:], vectors[200:], matcher, among=20, first=2).mean()
    mixed = among_the_first(images[200:][::-1], vectors[200:], matcher, among=20, first=2).mean()
    assert own > 0.5
    assert mixed < 0.3
    with pytest.raises(ValueError, match="no pairs"):
        train_matcher(images[:3], vectors[:2])
