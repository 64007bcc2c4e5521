"""Retrieval: ranks by hand, and a matcher that learns which colour a caption means."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tgan_tf import caption_metrics
from tgan_tf.data.types import SampleSet, Source
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


@pytest.mark.parametrize("designers", [1, 3])
def test_gain_by_guidance(monkeypatch, designers):
    """A generator that draws every fourth caption, and more of them the more it is guided.

    Intervals are of captions, however many images each has.
    """
    pixel = np.arange(1, 441, dtype=np.uint16)  # which caption an image is of; 0: of none
    images = np.stack([pixel // 256, pixel % 256], axis=1).astype(np.uint8)[:, None, :, None]
    vectors = np.eye(440, dtype=np.float32)
    captions = tuple(map(str, range(440)))
    drawn = np.tile(images, (designers, 1, 1, 1))
    every = SampleSet(drawn, np.tile(vectors, (designers, 1)), captions * designers)
    source = Source("numbers", SampleSet(images[:0]), every)

    def seen(images: np.ndarray) -> np.ndarray:
        of = images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]
        return np.concatenate([np.zeros((1, 440)), vectors])[of]

    matcher = SimpleNamespace(images=seen, captions=lambda vectors: vectors)
    monkeypatch.setattr(caption_metrics.matching, "train_matcher", lambda *a, **k: matcher)
    _, asked = caption_metrics._caption_rows(source)
    known = {int(row): index % 4 for index, row in enumerate(asked[:110])}

    def sample(seeds, wanted, psi=1.0, scale=1.0):
        rows = wanted.argmax(axis=1)
        drawn = np.array([known[int(row)] < scale for row in rows])
        return images[rows] * drawn[:, None, None, None]

    sampler = SimpleNamespace(guided=True, sample=sample)
    outcome = caption_metrics.retrieval(sample, source, sampler, lambda *at: None)
    assert (len(asked), outcome.details["captions"]) == (110 * designers, 110)
    low, high = outcome.interval
    assert high - low == pytest.approx(2 * 1.96 * (28 / 110 * 82 / 110 / 110) ** 0.5, rel=0.15)
    assert (outcome.value, outcome.details["real"]) == (pytest.approx(28 / 110), 1)
    found = outcome.details["with_guidance"]
    shares = {scale: round(found[scale]["share"] * 110) for scale in found}
    assert shares == {"1.5": 56, "2": 56, "3": 83}
    for scale, share in shares.items():
        assert found[scale]["gain"] == pytest.approx((share - 28) / 110)
        low, high = found[scale]["interval"]
        assert 0 < low < found[scale]["gain"] < high < 1


def test_the_matcher_is_asked_about_captions_that_it_has_not_seen():
    captions = tuple(str(i % 40) for i in range(100))
    images, vectors = np.zeros((100, 1, 1, 1), np.uint8), np.zeros((100, 2), np.float32)
    source = Source("n", SampleSet(images[:0]), SampleSet(images, vectors, captions))
    learned, asked = caption_metrics._caption_rows(source)
    assert sorted([*learned, *asked]) == list(range(100))
    assert not {captions[row] for row in learned} & {captions[row] for row in asked}
    assert len({captions[row] for row in asked}) == 10
