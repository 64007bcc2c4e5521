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
from tgan_tf.metrics.matching import COLDEST, HOTTEST, NEAR, matching_temperature
from tgan_tf.metrics.ngram_embedding import NgramEmbedding
from tgan_tf.metrics.ngram_model import NgramModel
from tgan_tf.other_metrics import BESIDE, Reals

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


def measured(config, likelihood=None, **options):
    """Real texts against texts of the same kind, all of random tokens."""
    length, _, size = config.data.signal_shape
    texts = RANDOM.integers(2, size, (90, length)).astype(np.int32)
    train, val = SampleSet(texts[:50]), SampleSet(texts[50:70])
    source = Source("x", train, val, modality="text", vocabulary=config.data.vocabulary)
    reals = Reals("held-out", val.samples, None)
    return text.measure(
        texts[70:], None, reals, source, config, lambda *_: None, likelihood, **options
    )


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


def test_without_baselines_the_samples_alone_are_measured(monkeypatch):
    config = text_config(WORDS, 7, num_classes=0)
    names = {name for name in measured(config) if not name.startswith(BESIDE)}
    monkeypatch.setattr(text._Measure, "baseline_texts", None)
    assert measured(config, baselines=False).keys() == names


def test_a_missing_encoder_is_named(monkeypatch):
    monkeypatch.setitem(find_encoder.__globals__["PACKAGES"], "minilm", "no_such_package")
    found = measured(text_config(WORDS, 7, num_classes=0))
    assert "frechet_minilm" not in found
    assert "frechet_ngram" in found
    assert "pip install no-such-package" in found["novelty"].details["not_installed"]
    with pytest.raises(ConfigError, match="--sentence_encoder=minilm"):
        measured(text_config(WORDS, 7, num_classes=0, sentence_encoder="minilm"))


class Chain:
    """Draws texts whose tokens are all one, or any, the more the warmer."""

    def __init__(self, length, vocabulary, steered=True):
        self.shape, self.vocabulary, self.steered = (length,), vocabulary, steered
        self.counts = []

    def __call__(self, count, temperature=1.0):
        rng = np.random.default_rng(0)
        self.counts.append(count)
        other = rng.random((count, *self.shape)) < temperature / 3
        return np.where(other, rng.integers(2, self.vocabulary, other.shape), 2).astype(np.int32)


def test_what_is_compared_is_as_varied_as_the_samples():
    config = text_config(tuple(map(chr, range(0x4E00, 0x4E50))), num_classes=0)
    found = measured(config, likelihood := Chain(20, 80))
    names = found.keys()
    assert {"likelihood_bleu2", "trigram_matched_bleu2", "likelihood_matched_js_bigram"} <= names
    wanted = found["self_bleu2"].value
    assert found["likelihood_self_bleu2"].value > wanted + 0.1
    # So few texts jump from one self-BLEU to another.
    assert found["likelihood_matched_self_bleu2"].value == pytest.approx(wanted, abs=0.03)
    assert 2 < found["likelihood_matched_temperature"].value < HOTTEST
    assert "likelihood_matched_novelty" not in names
    assert max(likelihood.counts) == 20
    names = measured(config, Chain(20, 80, steered=False)).keys()
    assert "likelihood_bleu2" in names
    assert "likelihood_matched_bleu2" not in names
    assert not [name for name in measured(config) if name.startswith("likelihood")]


class TestMatching:
    @pytest.mark.parametrize("temperature", [0.3, 0.86, 1.0, 1.7, 3.5])
    def test_finds_the_temperature(self, temperature):
        def alike(t):
            return 1 / (1 + t)

        found = matching_temperature(alike, alike(temperature))
        assert alike(found) == pytest.approx(alike(temperature), abs=NEAR)
        assert found == pytest.approx(temperature, rel=0.03)

    def test_stays_within_its_range(self):
        assert matching_temperature(lambda t: 1 / t, 100) == pytest.approx(COLDEST, rel=0.02)
        assert matching_temperature(lambda t: 1 / t, 0) == pytest.approx(HOTTEST, rel=0.02)

    def test_of_a_trigram_model(self):
        rng = np.random.default_rng(0)
        model = NgramModel(np.minimum(rng.zipf(1.3, (300, 8)), 200) - 1, 200)

        def alike(t, seed=0):
            texts = model.sample(300, seed, t).tolist()
            return ngrams.self_bleu(texts, 2)[:, 1].mean()

        assert matching_temperature(alike, alike(0.7, 1)) == pytest.approx(0.7, abs=0.05)
        assert alike(0.5) > alike(0.7) > alike(1.0) > alike(2.0)


class TestNgramModel:
    def test_is_a_distribution(self):
        train = RANDOM.integers(0, 3, (50, 3))
        model = NgramModel(train, 3)
        texts = np.array(list(itertools.product(range(3), repeat=3)))
        logs = np.log(model.weights @ model._parts(texts)).reshape(-1, 3).sum(axis=1)
        assert np.exp(logs).sum() == pytest.approx(1, abs=0.02)  # unseen contexts have less
        assert model.weights.sum() == pytest.approx(1)

    @pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
    def test_temperature(self, temperature):
        train = np.array([[0, 1], [0, 1], [0, 2], [0, 1], [3, 2], [3, 3], [3, 2], [0, 2], [0, 1]])
        model = NgramModel(train, 5)
        model.weights = np.array([0.2, 0.5, 0.2, 0.1])
        first = 0.9 * np.array([6, 0, 0, 3, 0]) / 9 + 0.1 / 5
        np.testing.assert_allclose(model.following(train[:1], 0)[0], first)
        # What follows 3; what follows 4, which never came, is left to unigrams.
        single = np.array([0, 4, 4, 1, 0]) / 9
        after = {3: 0.7 * np.array([0, 0, 2, 1, 0]) / 3 + 0.2 * single + 0.1 / 5}
        after[4] = 0.9 * single + 0.1 / 5
        for token, expected in after.items():
            found = model.following(np.array([[token, 0]]), 1)[0]
            np.testing.assert_allclose(found, expected)
        drawn = model.sample(40_000, temperature=temperature)

        def check(tokens, expected):
            expected = expected ** (1 / temperature)
            shares = np.bincount(tokens, minlength=5) / len(tokens)
            np.testing.assert_allclose(shares, expected / expected.sum(), atol=0.02)

        check(drawn[:, 0], first)
        check(drawn[drawn[:, 0] == 3, 1], after[3])
        if temperature != 1:
            np.testing.assert_array_equal(model.sample(7, temperature=temperature), drawn[:7])

    def test_without_temperature_it_draws_the_likeliest(self):
        train = (RANDOM.integers(0, 5, (400, 1)) + np.arange(6)) % 5
        train[:300, 0] = 2
        model = NgramModel(train, 5)
        samples = model.sample(50, temperature=0)
        for place in range(6):
            best = model.following(samples, place).argmax(axis=1)
            np.testing.assert_array_equal(samples[:, place], best)
        assert len(np.unique(samples, axis=0)) == 1

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
