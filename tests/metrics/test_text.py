"""Scores of texts against closed forms and counts by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.tokens import WORDS, text_config
from tgan_tf.config import ConfigError
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.language import find_encoder
from tgan_tf.metrics import ngrams, rhyme, text
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.ngram_embedding import NgramEmbedding
from tgan_tf.metrics.ngram_model import NgramModel
from tgan_tf.other_metrics import Reals

RANDOM = np.random.default_rng(0)


class TestBleu:
    def test_by_hand(self):
        # The example of Papineni et al. 2002, sec. 2.1: "the" counts at most twice.
        text = ["the"] * 7
        lines = "the cat is on the mat", "there is a cat on the mat"
        references = [line.split() for line in lines]
        assert ngrams.bleu([text], references, 1)[0, 0] == pytest.approx(2 / 7)

    def test_orders_and_brevity(self):
        score = ngrams.bleu([list("abcd")], [list("abce"), list("xbcdyz")], 3)[0]
        # All unigrams, "ab", "bc", "cd"; "abc", "bcd".
        np.testing.assert_allclose(score, [1, 1, 1])
        short = ngrams.bleu([list("ab")], [list("abcd")], 2)[0]
        np.testing.assert_allclose(short, [math.exp(1 - 2)] * 2)

    def test_nothing_in_common(self):
        score = ngrams.bleu([list("ab")], [list("cd")], 2)[0]
        np.testing.assert_allclose(score, [0.05, math.sqrt(0.05 * 0.1)])

    def test_self_bleu_leaves_out_the_text_itself(self):
        assert ngrams.self_bleu([list("abc")] * 3, 3) == pytest.approx(1)
        np.testing.assert_allclose(ngrams.self_bleu([list("ab"), list("cd")], 1), 0.05)
        texts = [list(t) for t in ("aabc", "abca", "bbcd", "dabc")]
        expected = [
            ngrams.bleu([text], texts[:i] + texts[i + 1 :], 3)[0] for i, text in enumerate(texts)
        ]
        np.testing.assert_allclose(ngrams.self_bleu(texts, 3), expected)


def test_distinct_and_divergence():
    assert ngrams.distinct([list("abab"), list("ab")], 2) == pytest.approx(2 / 4)
    assert ngrams.divergence(["ab"], ["cd"], 1) == pytest.approx(1)
    assert ngrams.divergence(["ab", "ba"], ["abab"], 1) == pytest.approx(0)
    # p = (1, 0), q = (1/2, 1/2).
    expected = 0.5 * math.log2(4 / 3) + 0.5 * (0.5 * math.log2(2 / 3) + 0.5 * 1)
    assert ngrams.divergence(["aa"], ["ab"], 1) == pytest.approx(expected)


def test_rhymes():
    pytest.importorskip("pypinyin")
    poem = "白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"
    assert rhyme.rhymes(poem[1], poem[3])  # liu, lou
    assert not rhyme.rhymes(poem[0], poem[1])
    assert rhyme.rhymes("鳥", "曉")
    assert rhyme.rhymes("園", "山")  # yuan, shan
    assert rhyme.rhymes("衣", "去")  # yi, qu
    assert not rhyme.rhymes("知", "依")  # zhi, yi: two vowels
    assert rhyme.rhymes("知", "詩")
    assert not rhyme.rhymes("a", "a")  # not known how
    assert not rhyme.rhymes("", "")


def measured(config):
    """Real texts against texts of the same kind, all of random tokens."""
    length, _, size = config.data.signal_shape
    texts = RANDOM.integers(2, size, (90, length)).astype(np.int32)
    train, val = SampleSet(texts[:50]), SampleSet(texts[50:70])
    source = Source("x", train, val, modality="text", vocabulary=config.data.vocabulary)
    reals = Reals("held-out", val.samples, None)
    return text.measure(texts[70:], None, reals, source, config, lambda *_: None)


def test_poems_are_measured_as_poems(monkeypatch):
    pytest.importorskip("pypinyin")
    config = text_config(("一", "二", "盡", "流", "樓", "舟"), num_classes=0)
    found = measured(config)
    # Two of the rhymes are of four characters that occur.
    assert {"rhyme", "trigram_rhyme", "real_rhyme", "line_novelty"} <= found.keys()
    assert 0.3 < found["rhyme"].value < 1
    assert found["form"].value == 1
    assert not found["novelty"].details
    monkeypatch.setattr(rhyme, "is_known", lambda: False)
    found = measured(config)
    assert "rhyme" not in found
    assert "pip install" in found["novelty"].details["not_installed"]


def test_a_missing_encoder_is_named(monkeypatch):
    monkeypatch.setitem(find_encoder.__globals__["PACKAGES"], "minilm", "no_such_package")
    found = measured(text_config(WORDS, 7, num_classes=0))
    assert "frechet_minilm" not in found
    assert "frechet_ngram" in found
    assert "pip install no-such-package" in found["novelty"].details["not_installed"]
    with pytest.raises(ConfigError, match="--sentence_encoder=minilm"):
        measured(text_config(WORDS, 7, num_classes=0, sentence_encoder="minilm"))


class TestNgramModel:
    def test_is_a_distribution(self):
        train = RANDOM.integers(0, 3, (50, 3))
        model = NgramModel(train, 3)
        texts = np.array(list(itertools.product(range(3), repeat=3)))
        logs = np.log(model.weights @ model._parts(texts)).reshape(-1, 3).sum(axis=1)
        assert np.exp(logs).sum() == pytest.approx(1, abs=0.02)  # unseen contexts have less
        assert model.weights.sum() == pytest.approx(1)

    @pytest.mark.parametrize("columns", [0, 2])
    def test_learns_a_chain(self, columns):
        # Each token is the one before plus 1.
        train = (RANDOM.integers(0, 5, (400, 1)) + np.arange(6)) % 5
        model = NgramModel(train, 5, columns=columns)
        assert model.perplexity(train) < 1.5  # log2 of 5 choices for the first token alone
        samples = model.sample(300)
        follows = (np.diff(samples) % 5 == 1).mean()
        assert follows > 0.95

    def test_the_form_of_lines(self):
        train = np.tile([1, 2, 3, 4, 1, 2, 3, 4], (200, 1))
        samples = NgramModel(train, 5, columns=4).sample(100)
        assert (samples == train[0]).mean() > 0.95

    def test_ends(self):
        train = np.tile([2, 1, 0, 0], (100, 1))
        model = NgramModel(train, 3, ends=True)
        samples = model.sample(200)
        ended = np.maximum.accumulate(samples == 0, axis=1)
        assert not samples[ended].any()
        assert model.perplexity(train) < 1.1


class TestEmbedding:
    TRAIN = (RANDOM.integers(0, 20, (600, 1)) + np.arange(8)) % 20  # runs of neighbours

    def test_tells_order_from_disorder(self):
        embedding = NgramEmbedding(self.TRAIN, 20, rank=4)

        def distance(a, b):
            sides = Moments(), Moments()
            for moments, samples in zip(sides, (a, b), strict=True):
                moments.update(embedding(samples))
            return frechet_distance(*sides)

        more = (RANDOM.integers(0, 20, (600, 1)) + np.arange(8)) % 20
        shuffled = RANDOM.permuted(more, axis=1)  # the same tokens
        random = RANDOM.permutation(more.ravel()).reshape(more.shape)  # the same frequencies
        near, middle, far = (distance(self.TRAIN, x) for x in (more, shuffled, random))
        assert near < 0.1 * middle
        assert middle < far

    def test_is_the_same_every_time(self):
        one, two = (NgramEmbedding(self.TRAIN, 20, rank=4)(self.TRAIN) for _ in range(2))
        np.testing.assert_array_equal(one, two)
        assert one.shape == (600, 12)
        np.testing.assert_allclose(one.std(axis=0), 1, atol=0.01)
