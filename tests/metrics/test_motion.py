"""Motion of known objects: what was put in is found."""

import numpy as np
import pytest

from tgan_tf.data.moving import moving_clips
from tgan_tf.metrics import motion

FRAMES, SIZE = 16, 32


@pytest.fixture(scope="module")
def moving():
    """Lopsided blobs of two kinds, whose centre is not that of their square."""
    objects = np.zeros((2, 8, 8, 1), np.uint8)
    objects[0, 1:7, 2:4] = 200
    objects[0, 5:7, 2:7] = 255
    objects[1, 2:5, 2:7] = 255
    return moving_clips(objects, np.arange(2), 200, frames=FRAMES, size=SIZE, seed=0)


def shuffled(clips: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([clip[rng.permutation(len(clip))] for clip in clips])


def test_the_centre_moves_as_the_object_was_moved(moving):
    found = motion.centres(moving.clips)
    offset = found - moving.places
    assert np.abs(offset - offset.mean(axis=1, keepdims=True)).max() < 0.05
    assert np.isnan(motion.centres(np.zeros_like(moving.clips[:1]))).all()


def test_real_clips_fly_straight_at_their_speed(moving):
    flight = motion.fit_flights(motion.centres(moving.clips), moving.room, top_speed=3)
    assert np.median(flight.residual) < 0.1
    assert np.quantile(flight.residual, 0.95) < 0.3
    step = np.diff(moving.places, axis=1)
    truth = np.median(np.abs(step), axis=1)  # bounces are few
    assert np.median(np.abs(flight.speed - np.hypot(*truth.T))) < 0.05


def test_shuffled_frames_do_not_fly_and_a_still_has_no_speed(moving):
    flight = motion.fit_flights(motion.centres(shuffled(moving.clips)), moving.room, top_speed=3)
    assert np.median(flight.residual) > 2
    still = np.repeat(moving.clips[:, :1], FRAMES, axis=1)
    flight = motion.fit_flights(motion.centres(still), moving.room, top_speed=3)
    assert np.median(flight.speed) < 0.1


def test_an_empty_frame_is_no_flight(moving):
    clips = moving.clips[:2].copy()
    clips[0, 7] = 0
    flight = motion.fit_flights(motion.centres(clips), moving.room, top_speed=3)
    assert np.isinf(flight.residual[0])
    assert np.isfinite(flight.residual[1])


def test_an_object_that_becomes_another_has_changed(moving):
    steady = motion.object_changes(moving.clips[:20])
    mixed = moving.clips[:20].copy()
    mixed[:, 8:] = moving.clips[1:21][::-1][:, 8:]
    assert steady.max() < 0.25
    different = moving.labels[:20] != moving.labels[1:21][::-1]
    assert motion.object_changes(mixed)[different].min() > 2 * steady.max()


def test_share_of_the_commonest_class():
    classes = np.array([[1, 1, 1, 1], [1, 2, 2, 2], [0, 1, 2, 3]])
    np.testing.assert_allclose(motion.same_class_share(classes), [1, 0.75, 0.25])
