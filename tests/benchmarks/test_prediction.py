"""What follows the first frames beside what really does: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from absl import flags

from benchmarks import prediction, tables


def flying(count: int, down: int, right: int, frames: int = 5) -> np.ndarray:
    """Clips of a square of 3x3 that flies straight and may leave the picture of 12x12."""
    clips = np.zeros((count, frames, 12, 12, 1), np.uint8)
    for frame in range(frames):
        top, left = 1 + down * frame, 2 + right * frame
        clips[:, frame, top : top + 3, left : left + 3] = 250
    return clips


def test_what_moves_on_straight_is_a_straight_flight():
    truth = flying(3, 2, 1)
    np.testing.assert_array_equal(prediction.moved_on(truth[:, :2], 5), truth)
    # The other way round, and out of the picture.
    back = truth[:, ::-1]
    made = prediction.moved_on(back[:, :2], 7)
    np.testing.assert_array_equal(made[:, :5], back)
    assert made[:, 6].sum() == 0


def test_of_a_frame_without_an_object_nothing_moves():
    given = flying(2, 1, 1)[:, :2]
    given[0, 0] = 0
    made = prediction.moved_on(given, 4)
    np.testing.assert_array_equal(made[0, 3], given[0, 1])
    assert (made[1, 3] != given[1, 1]).any()


def test_places_and_noise_by_hand():
    truth = flying(4, 1, 0)
    there = prediction.compare(truth, truth, 2)
    assert there == {"psnr": np.inf, "place_first": 0, "place_middle": 0, "place_last": 0}
    still = np.repeat(truth[:, 1:2], 5, axis=1)
    found = prediction.compare(still, truth, 2)
    assert [found[f"place_{at}"] for at in ("first", "middle", "last")] == [1, 2, 3]
    # One frame after the other three rows more are gone on either side.
    wrong = np.mean([2 * 3 * rows / 144 for rows in (1, 2, 3)]) * 250**2
    assert found["psnr"] == pytest.approx(10 * np.log10(255**2 / wrong))
    # What is given is not compared.
    assert prediction.compare(still, truth, 1)["place_first"] == 0
    # What cannot be seen is nowhere: of one clip it does not matter, of three of four it does.
    still[0, 4] = 0
    assert prediction.compare(still, truth, 2)["place_last"] == 3
    still[:3, 4] = 0
    assert prediction.compare(still, truth, 2)["place_last"] == np.inf


def test_each_drawn_clip_is_below_what_really_follows():
    truth, clips = np.zeros((2, 3, 5, 64, 64, 1), np.uint8)
    truth += np.arange(5, dtype=np.uint8)[:, None, None, None] + 1
    clips += 100
    picture = prediction.drawn(clips, truth)[..., 0]
    assert picture.shape[0] == 3 * 2 * 66 + 2
    for row in range(6):
        cells = picture[2 + 66 * row + 32, -(3 * 66) :: 66]
        assert cells.tolist() == ([100] * 3 if row % 2 else [1, 3, 5])


def test_the_table_has_all_that_is_known():
    row = prediction.compare(flying(4, 1, 0), flying(4, 0, 0), 2)
    text = tables.markdown(prediction.COLUMNS, {"a": row})
    assert text.splitlines()[-1] == "| a | 9.7 | 2.0 | 3.0 | 4.0 | - |"


def test_a_generator_that_is_given_nothing(monkeypatch):
    class Sampler:
        config = type("Config", (), {"data": type("Data", (), {"given_frames": 0})})

    monkeypatch.setattr(prediction.command, "load_run", lambda values: Sampler)
    values = flags.FlagValues()
    prediction.define_flags(values)
    values(["", "--run=runs/x"])
    with pytest.raises(ValueError, match="--run=runs/x: its generator is given no frames"):
        prediction.run(values)
