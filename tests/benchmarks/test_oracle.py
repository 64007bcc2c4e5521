"""The language that is known exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.oracle import LENGTH, PUBLISHED, START, WIDTH, Oracle, measure, table, write
from tgan_tf.config import Config
from tgan_tf.data.sources import load_source


def test_probabilities_of_all_texts_sum_to_one():
    oracle = Oracle(4, seed=1)
    texts = np.array(list(itertools.product(range(4), repeat=3)))
    assert np.exp(-3 * oracle.nll(texts)).sum() == pytest.approx(1, abs=1e-5)


def test_by_hand():
    """One unit writes, all others are shut: what is remembered is the sum of tanh of tokens."""
    oracle = Oracle(3)
    for weight in (oracle.kernel, oracle.recurrent, oracle.outputs, oracle.output_bias):
        weight[:] = 0
    oracle.bias[:] = np.repeat([50, 50, 50, 0], WIDTH)  # all gates are open
    oracle.embedding[:] = 0
    oracle.embedding[:, 0] = [0.1, 0.2, 0.3]
    oracle.kernel[0, 3 * WIDTH] = 1
    oracle.outputs[0] = [1, 0, -1]
    cells = np.cumsum(np.tanh([oracle.embedding[START, 0], 0.3]))
    logits = np.tanh(cells)[:, None] * [1, 0, -1]
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(logs[0, 2] + logs[1, 1]) / 2
    assert oracle.nll(np.array([[2, 1]]))[0] == pytest.approx(expected, rel=1e-5)


def test_its_own_texts_are_likelier_than_noise_and_as_varied():
    oracle, rng = Oracle(30, seed=2), np.random.default_rng(0)
    own = oracle.sample(600, rng)
    assert own.shape == (600, LENGTH)
    # The mean of -log p over its own texts is the entropy: twice the same, to chance.
    again = oracle.nll(oracle.sample(600, rng)).mean()
    assert oracle.nll(own).mean() == pytest.approx(again, abs=0.1)
    noise = rng.integers(30, size=own.shape)
    rows = {"oracle": measure(oracle, own), "one": measure(oracle, own[:1].repeat(20, axis=0))}
    rows["noise"] = measure(oracle, noise)
    assert rows["noise"]["nll_oracle"] > rows["oracle"]["nll_oracle"] + 1
    assert rows["one"]["self_bleu4"] == pytest.approx(1)
    lines = table(rows).splitlines()
    assert len(lines) == 5 + len(PUBLISHED)
    assert len({line.count("|") for line in lines}) == 1


def test_becomes_a_data_set(tmp_path):
    tokens = Oracle(30, seed=3).sample(50, np.random.default_rng(0))
    write(tokens, tmp_path / "oracle.txt")
    config = Config().replace(dataset=f"text:{tmp_path / 'oracle.txt'}", vocab_size=30)
    source = load_source(config.data)
    assert source.shape[0] == LENGTH
    assert "" not in source.vocabulary  # all of one length: there is no end
    assert len(source.train) + len(source.val) == len(np.unique(tokens, axis=0))
