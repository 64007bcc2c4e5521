from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.networks.noise import TokenNoise


def make() -> TokenNoise:
    noise = TokenNoise()
    for tokens in (3, 0, 2):
        noise.add(tokens)
    return noise


def test_each_block_gets_its_own_part():
    vector = np.random.default_rng(0).normal(size=(2, 5))
    first, none, last = make().parts(tf.constant(vector), "float64")
    np.testing.assert_array_equal(first, vector[:, :3])
    assert none is None
    np.testing.assert_array_equal(last, vector[:, 3:])
    assert make().numbers == 5


def test_in_use_it_is_always_the_same():
    one, two = (list(make().parts(None, "float32")) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[0].shape == (1, 3)
    assert len(set(np.concatenate([one[0], one[2]], axis=1)[0].tolist())) == 5


def test_without_layers_there_is_none():
    noise = TokenNoise()
    noise.add(0)
    assert list(noise.parts(None, "float32")) == [None]
