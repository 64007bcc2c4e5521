"""Features of windows against cases worked out by hand."""

import numpy as np
import pytest

from tgan_tf.data.score import HOLD, REST
from tgan_tf.metrics import music


def window(*voices):
    """[1, T, voices] of lists, one for each voice."""
    return np.array(voices, np.uint8).T[np.newaxis]


def test_features_of_a_cadence():
    # C4 E4 G4 over C3 for two steps, then the soprano steps up to a dissonant D above them.
    tokens = window([67, HOLD, 62, HOLD], [64, HOLD, HOLD, HOLD], [48, HOLD, HOLD, HOLD])
    found = {name: values[0] for name, values in music.features(tokens).items()}
    assert tuple(found) == music.FEATURES
    # G 2, D 2, E 4, C 4 of 12.
    expected = -(2 * (1 / 6) * np.log2(1 / 6) + 2 * (1 / 3) * np.log2(1 / 3))
    assert found["pitch_class_entropy"] == pytest.approx(expected)
    assert found["scale_consistency"] == 1.0
    assert found["note_change_rate"] == pytest.approx(1 / 9)
    assert found["step_size"] == 5
    # G-E, G-C and E-C are consonant; D-E and D-C are not, E-C still is.
    assert found["consonance"] == pytest.approx((3 + 3 + 1 + 1) / 12)
    assert found["voice_crossing"] == pytest.approx(2 / 8)  # D below E


def test_rests_are_neither_notes_nor_pairs():
    found = music.features(window([REST, HOLD, 60, 61], [REST, REST, 57, REST]))
    assert found["consonance"][0] == 1.0  # a minor third, once
    assert found["pitch_class_entropy"][0] == pytest.approx(np.log2(3))
    assert found["scale_consistency"][0] == pytest.approx(2 / 3)
    assert found["step_size"][0] == 1
    assert found["note_change_rate"][0] == pytest.approx(4 / 6)


def test_one_voice_has_no_harmony():
    assert set(music.features(window([60, HOLD]))) == set(music.FEATURES) - set(
        music.OF_SEVERAL_VOICES
    )


def test_a_repeated_note_is_no_change():
    assert music.features(window([60, 60, HOLD, 60]))["note_change_rate"][0] == 0


def test_overlap_area():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=4000), rng.normal(size=4000)
    assert music.overlap_area(first, first) == pytest.approx(1)
    assert music.overlap_area(first, second) > 0.96
    assert music.overlap_area(first, second + 100) < 0.001
    # Of N(0, 1) and N(2, 1): 2 Phi(-1).
    assert music.overlap_area(first, second + 2) == pytest.approx(0.3173, abs=0.03)
    assert music.overlap_area(np.zeros(5), np.zeros(7)) == 1
    assert music.overlap_area(np.zeros(5), np.ones(7)) < 0.01


def test_shuffling_keeps_each_voice_and_loses_harmony():
    roots = np.random.default_rng(0).integers(50, 62, 200)
    chords = np.stack([roots + 7, roots], axis=-1).astype(np.uint8)
    tokens = np.stack([chords, np.full_like(chords, HOLD)], axis=1)  # [N, 2, 2]
    shuffled = music.voice_shuffled(tokens)
    for voice in range(2):
        np.testing.assert_array_equal(
            np.sort(shuffled[..., voice], axis=0), np.sort(tokens[..., voice], axis=0)
        )
    assert music.features(tokens)["consonance"].mean() == 1
    assert music.features(shuffled)["consonance"].mean() < 0.75
    overlap = music.overlap(shuffled, tokens)
    assert overlap["consonance"] < 0.75
    assert overlap["note_change_rate"] == 1


def test_variety_is_within_a_class():
    first, second = window([60, HOLD, 62, HOLD], [48, HOLD] * 2), window([60, HOLD] * 2, [48] * 4)
    both = np.concatenate([first, second, second])
    # First and second differ in the last two steps of one voice of two.
    assert music.variety(both, None) == pytest.approx((0.25 + 0.25 + 0) / 3)
    assert music.variety(both, np.array([0, 1, 1])) == 0
    assert music.variety(both, np.array([0, 0, 1])) == pytest.approx(0.25)


def test_a_copy_in_another_key_is_not_new():
    train = window([60, HOLD, 62, REST])
    same, moved, other = train, window([65, HOLD, 67, REST]), window([60, HOLD, 63, REST])
    tokens = np.concatenate([same, moved, other, other])
    assert music.novelty(tokens, train) == 0.5
    assert music.diversity(tokens) == 0.5
