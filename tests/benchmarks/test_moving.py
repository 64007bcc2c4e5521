"""What is wrong with clips is what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from absl import flags

from benchmarks import frames, moving, tables
from tgan_tf.config import Config
from tgan_tf.data.types import SampleSet


@pytest.fixture
def clips():
    """Frame f of clip n is 10 n + f."""
    values = (10 * np.arange(6)[:, None] + np.arange(4)).astype(np.uint8)  # [N, F]
    return np.broadcast_to(values[..., None, None, None], (6, 4, 2, 2, 1))


def test_what_is_done_to_clips(clips):
    made = {name: x[..., 0, 0, 0].astype(int) for name, x in moving.spoiled(clips).items()}
    whole = made["real"]
    assert all(x.shape == whole.shape for x in made.values())
    mixed = made["real, frames shuffled"]
    np.testing.assert_array_equal(np.sort(mixed, axis=1), whole)
    assert (mixed != whole).any()
    assert (made["real, first frame repeated"] == whole[:, :1]).all()
    assert (made["real, every second frame, each twice"] % 10 == [0, 0, 2, 2]).all()
    halves = made["first half of one clip, second half of another"]
    np.testing.assert_array_equal(halves[:, :2], whole[:, :2])
    np.testing.assert_array_equal(halves % 10, whole % 10)
    assert (halves[:, 2] // 10 != halves[:, 0] // 10).any()


def test_the_table_leaves_out_what_cannot_be_said():
    text = tables.markdown(moving.COLUMNS, {"stills": {"frechet_frames": 0.361, "same_class": 1.0}})
    assert text.splitlines()[-1] == "| stills | 0.36 | - | - | 1.00 | - |"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--without_time=a"], "give both"), ([], "or --out for real clips alone")],
)
def test_what_is_missing(arguments, message):
    values = flags.FlagValues()
    moving.define_flags(values)
    values(["", *arguments])
    with pytest.raises(ValueError, match=message):
        moving.run(values)


def test_frames_know_their_clips_class(clips):
    images, labels = frames.frames_of(SampleSet(clips, np.arange(6, dtype=np.int32)))
    assert images.shape == (24, 2, 2, 1)
    np.testing.assert_array_equal(images[:, 0, 0, 0] // 10, labels)
    assert frames.frames_of(SampleSet(clips, None))[1] is None
    assert (moving.repeated(images[:, None], 3)[5] == images[5]).all()


def test_stills_are_as_the_frames():
    names = ("a", "b")
    clips = Config().replace(modality="video", shape=(4, 8, 8, 1), num_classes=2, class_names=names)
    images = Config().replace(image_size=(8, 8), channels=1, num_classes=2, class_names=names)
    moving.check_still(images, clips)
    for wrong in (images.replace(channels=3), images.replace(class_names=("a", "c")), clips):
        with pytest.raises(ValueError, match="--still"):
            moving.check_still(wrong, clips)


def test_frames_are_of_clips(tmp_path):
    values = flags.FlagValues()
    frames.define_flags(values)
    values(["", "--dataset=digits", f"--out={tmp_path / 'frames.npz'}"])
    with pytest.raises(ValueError, match="clips are moving_digits"):
        frames.run(values)
