"""Distances of clips, on real clips and on what is wrong with them."""

import numpy as np
import pytest

from tests.metrics.test_motion import shuffled
from tgan_tf.data.moving import moving_clips
from tgan_tf.metrics import video
from tgan_tf.metrics.random_features import RandomFeatures

FRAMES, SIZE = 8, 16


@pytest.fixture(scope="module")
def clips():
    """Two kinds of blobs; even numbers are the reference."""
    objects = np.zeros((2, 8, 8, 1), np.uint8)
    objects[0, :, 2:5] = 255
    objects[1, 3:6] = 200
    return moving_clips(objects, np.arange(2), 240, frames=FRAMES, size=SIZE, seed=0)


@pytest.fixture(scope="module")
def network():
    return RandomFeatures(1)


@pytest.fixture(scope="module")
def reals(clips, network):
    return [video.features_of(clips.clips[start::2], network) for start in range(2)]


def test_features_have_one_row_for_each_frame_and_pair(clips, reals, network):
    assert reals[0].frames.shape == (120, FRAMES, 64)
    assert reals[0].changes.shape == (120, 3, 64)
    assert reals[0].clips.shape == (120, 128)
    assert reals[0].classes is None
    np.testing.assert_allclose(
        reals[0].frames[3, 5], network(clips.clips[6, 5][None])[0], rtol=1e-4, atol=1e-4
    )


def test_no_change_is_grey():
    still = np.full((1, 4, 2, 2, 1), 77, np.uint8)
    still[0, 3] = 255
    assert video.differences(still).tolist() == np.full((1, 1, 2, 2, 1), 128).tolist()
    moved = still.copy()
    moved[0, 1] = 0
    assert (video.differences(moved) == 128 - 39).all()


def test_shuffled_frames_are_the_same_frames_and_another_motion(clips, network, reals):
    same = video.distances(reals[0], reals[1])
    mixed = video.features_of(shuffled(clips.clips[1::2]), network)
    other = video.distances(reals[0], mixed)
    assert other["frechet_frames"] == pytest.approx(same["frechet_frames"], rel=0.01)
    assert other["frechet_motion"] > 5 * same["frechet_motion"]
    assert other["kernel_clips"] > 5 * abs(same["kernel_clips"])


def test_stills_do_not_move(clips, network, reals):
    still = np.repeat(clips.clips[1::2, :1], FRAMES, axis=1)
    found = video.distances(reals[0], video.features_of(still, network))
    assert found["frechet_motion"] > 5 * video.distances(*reals)["frechet_motion"]


def test_physics_of_real_clips(clips, reals):
    seen = reals[0]._replace(classes=np.repeat(clips.labels[::2, None], FRAMES, axis=1))
    found = video.physics(clips.clips[::2], clips.labels[::2], seen, clips.room)
    assert found["flight_residual"] < 0.1
    assert found["same_class"] == found["frame_accuracy"] == 1
    found = video.physics(shuffled(clips.clips[::2]), None, seen, clips.room)
    assert found["flight_residual"] > 0.5
    assert "frame_accuracy" not in found
