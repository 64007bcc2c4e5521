import numpy as np
import pytest
import tensorflow as tf

from tests.tokens import POEM, WORDS, text_config
from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities.text import TextModality

POEMS = TextModality(text_config(length=20))
TEXTS = TextModality(text_config(WORDS, length=7))
BOTH_FORMS = TextModality(text_config(("", *POEM), length=28).replace(dataset="poems:all"))


def test_needs_a_resolved_config():
    with pytest.raises(ConfigError, match="vocabulary"):
        TextModality(Config().replace(dataset="poems"))


def test_says_what_a_sample_is():
    assert (POEMS.sample_shape, POEMS.signal_shape) == ((20,), (20, 1, 9))
    assert POEMS.describe() == "20 tokens of 9"
    assert TEXTS.describe() == "at most 7 tokens of 6"


def test_decode_inverts_encode():
    samples = np.random.default_rng(0).integers(0, 9, (5, 20)).astype(np.int32)
    signals = POEMS.encode(tf.constant(samples))
    assert signals.shape == (5, 20, 1, 9)
    np.testing.assert_array_equal(POEMS.decode(signals), samples)
    np.testing.assert_array_equal(POEMS.activate(signals * 3), signals)


def test_texts():
    poem = np.arange(20, dtype=np.int32)[None] % 9
    assert POEMS.texts(poem) == ["春夏秋冬山，水風月花春。\n夏秋冬山水，風月花春夏。"]
    assert TEXTS.texts(np.array([[2, 3, 5, 4, 0, 2, 2]])) == ["ab c"]
    assert TEXTS.texts(np.zeros((1, 7), int)) == [""]
    short = np.pad(np.arange(20) % 9 + 1, (0, 8))[None]
    assert BOTH_FORMS.texts(short) == POEMS.texts(poem)


@pytest.mark.parametrize("modality", [POEMS, TEXTS, BOTH_FORMS])
def test_the_graph_makes_the_same_strings(modality):
    size = modality.signal_shape[-1]
    samples = np.random.default_rng(0).integers(0, size, (20, *modality.sample_shape))
    samples = samples.astype(np.int32)
    strings = modality.to_strings(tf.constant(samples)).numpy()
    assert [s.decode() for s in strings] == modality.texts(samples)
    found = np.stack([modality.unfiled("sample_text", s) for s in strings])
    np.testing.assert_array_equal(found, modality.filed(samples))


def test_tokens_of_a_text():
    assert TEXTS.tokens("cab").tolist() == [4, 2, 3]
    with pytest.raises(ValueError, match="'x' of 'axb'"):
        TEXTS.tokens("axb")
    with pytest.raises(ValueError, match="more than 7"):
        TEXTS.tokens("aaaabbbb")
    pieces = TextModality(text_config(("", "a", "ab", "b"), length=7))
    assert pieces.tokens("abab").tolist() == [2, 2]


def test_files_and_pictures(tmp_path):
    samples = np.array([[2, 3, 0, 0, 0, 0, 0], [4, 4, 4, 4, 4, 4, 4]], np.int32)
    paths = TEXTS.write(samples, tmp_path, ["a/b", "c"])
    assert [p.name for p in paths] == ["a_b.txt", "c.txt"]
    assert paths[0].read_text() == "ab\n"
    assert TEXTS.sheet(samples) == "ab\nccccccc\n"
    with pytest.raises(ValueError, match="1 different names for 2"):
        TEXTS.write(samples, tmp_path, ["a", "a"])
    grid = TEXTS.grid(samples)
    rows = TEXTS.class_rows(samples, np.array([0, 1]), ("Tang", "Song"), 1)
    for picture in (grid, rows):
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 1
        assert picture.min() < 128 < picture.max()
