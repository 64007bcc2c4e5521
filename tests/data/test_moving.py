"""Objects that bounce: what is drawn is what was computed."""

import numpy as np
import pytest

from tgan_tf.data.moving import SPEEDS, moving_clips, reflected, shift_matrices

SIZE = 16


@pytest.fixture
def clips():
    objects = np.full((2, 8, 8, 1), 255, np.uint8)
    objects[1, :4] = 0
    return moving_clips(objects, np.array([4, 7]), 50, frames=12, size=SIZE, seed=1)


def test_the_same_seed_makes_the_same_clips(clips):
    objects = np.full((2, 8, 8, 1), 255, np.uint8)
    objects[1, :4] = 0
    options = {"frames": 12, "size": SIZE}
    again = moving_clips(objects, np.array([4, 7]), 50, **options, seed=1)
    other = moving_clips(objects, np.array([4, 7]), 50, **options, seed=2)
    np.testing.assert_array_equal(clips.clips, again.clips)
    assert (clips.clips != other.clips).any()


def test_shapes_and_classes(clips):
    assert clips.clips.shape == (50, 12, SIZE, SIZE, 1)
    assert clips.clips.dtype == np.uint8
    assert clips.labels.dtype == np.int32
    assert sorted(np.unique(clips.labels, return_counts=True)[1].tolist()) == [25, 25]


def test_objects_stay_inside_and_turn_round(clips):
    assert clips.places.min() >= 0
    assert clips.places.max() <= clips.room == SIZE / 2
    steps = np.diff(clips.places, axis=1)
    speed = np.hypot(*np.median(np.abs(steps), axis=1).T) / SIZE
    assert (speed > SPEEDS[0] * 0.5).all()
    assert (speed < SPEEDS[1] * 1.01).all()
    assert (np.sign(steps).min(axis=1) < np.sign(steps).max(axis=1)).any()


def test_the_light_is_where_the_object_is(clips):
    full = clips.clips[clips.labels == 4].astype(float)[..., 0]
    rows = full.sum(axis=3) @ np.arange(SIZE) / full.sum(axis=(2, 3))
    places = clips.places[clips.labels == 4, :, 0]
    np.testing.assert_allclose(rows, places + 3.5, atol=0.02)
    np.testing.assert_allclose(full.sum(axis=(2, 3)), 64 * 255, rtol=0.01)


def test_a_shift_by_whole_pixels_copies():
    matrix = shift_matrices(np.array([2.0]), 3, 6)[0]
    np.testing.assert_array_equal(matrix @ [5, 6, 7], [0, 0, 5, 6, 7, 0])
    half = shift_matrices(np.array([0.5]), 2, 3)[0]
    np.testing.assert_allclose(half @ [2, 4], [1, 3, 2])


def test_reflection_is_a_triangle():
    np.testing.assert_allclose(reflected(np.arange(9.0), 4.0), [0, 1, 2, 3, 4, 3, 2, 1, 0])
