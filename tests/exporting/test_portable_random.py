"""The portable generator: its definition, its statistics, and that every runtime agrees."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tgan_tf.exporting import portable_random
from tgan_tf.exporting.portable_random import classes_numpy, normal, normal_numpy

GOLDEN = json.loads((Path(__file__).parent / "portable_random.json").read_text())
EXTREME_SEEDS = [0, 1, -1, 2**31 - 1, -(2**31)]


def words(seed: int, count: int) -> list[int]:
    """The definition in the module's docstring, in plain Python integers."""

    def mix(x: int) -> int:
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    key = mix((seed + 0x9E3779B9) % 2**32)
    return [mix(key ^ mix((j + 0x85EBCA6B) % 2**32)) for j in range(-1, count)]


@pytest.mark.parametrize("seed", [*EXTREME_SEEDS, 12345, -987654321])
def test_numpy_follows_the_definition(seed):
    last, *pairs = words(seed, 16)
    expected = [
        math.sqrt(-2 * math.log(((a >> 9) + 0.5) / 2**23))
        * math.cos(((b >> 9) + 0.5 - 2**22) * (2 * math.pi / 2**23))
        for a, b in zip(pairs[0::2], pairs[1::2], strict=True)
    ]
    np.testing.assert_allclose(normal_numpy([seed], 8)[0], expected, atol=1e-6)
    assert classes_numpy([seed], 10)[0] == (last >> 16) * 10 >> 16


def test_golden_values():
    values = normal_numpy(GOLDEN["seeds"], GOLDEN["dim"])
    np.testing.assert_allclose(values, GOLDEN["normal"], atol=1e-6)
    assert classes_numpy(GOLDEN["seeds"], 10).tolist() == GOLDEN["classes_of_10"]


@pytest.mark.parametrize("dim", [1, 7, 64])
def test_tensorflow_agrees_with_numpy(dim):
    random = np.random.default_rng(0).integers(-(2**31), 2**31, 2000)
    seeds = np.concatenate([EXTREME_SEEDS, np.arange(2000), random]).astype(np.int32)
    graph = tf.function(lambda s: normal(s, dim), autograph=False)
    np.testing.assert_allclose(graph(seeds), normal_numpy(seeds, dim), atol=1e-6)


def test_tflite_agrees_with_numpy(tmp_path):
    module = tf.Module()
    module.make = tf.function(
        lambda seed: {"z": normal(seed, 32)},
        input_signature=[tf.TensorSpec([256], tf.int32, "seed")],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"make": module.make})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), signature_keys=["make"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    run = Interpreter(model_content=converter.convert()).get_signature_runner("make")
    for start in range(0, 4096, 256):
        seeds = np.arange(start, start + 256, dtype=np.int32)
        # XNNPACK's cosine is off by 2e-7, at a radius of up to 5.8.
        np.testing.assert_allclose(run(seed=seeds)["z"], normal_numpy(seeds, 32), atol=2e-6)


@pytest.mark.parametrize("bits", [1, 9, 15, 16, 31])
def test_logical_shift(bits):
    values = np.array([0, 1, -1, 2**31 - 1, -(2**31), 123456789, -123456789], np.int32)
    shifted = portable_random._shift_right(tf.constant(values), bits).numpy()
    np.testing.assert_array_equal(shifted.view(np.uint32), values.view(np.uint32) >> bits)


class TestStatistics:
    """Bounds are five standard errors, of numbers that do not change from run to run."""

    @pytest.fixture(scope="class")
    def z(self):
        return normal_numpy(np.arange(16384), 64).astype(np.float64)  # [seeds, dim]

    def test_moments(self, z):
        n = z.size
        assert abs(z.mean()) < 5 / n**0.5
        assert abs(z.var() - 1) < 5 * (2 / n) ** 0.5
        assert abs((z**3).mean()) < 5 * (15 / n) ** 0.5
        assert abs((z**4).mean() - 3) < 5 * (96 / n) ** 0.5
        assert 4.5 < abs(z).max() < 5.8

    def test_distribution(self, z):
        """Kolmogorov-Smirnov: sqrt(n) D is above 1.95 with a chance of 1e-3."""
        ordered = np.sort(z.ravel())
        cdf = 0.5 * (1 + tf.math.erf(ordered / 2**0.5).numpy())
        distance = abs(cdf - (np.arange(len(cdf)) + 0.5) / len(cdf)).max()
        assert distance * len(cdf) ** 0.5 < 1.95

    @pytest.mark.parametrize("power", [1, 2])
    def test_indices_are_independent(self, z, power):
        y = z**power - (power == 2)
        y /= y.std()
        correlation = (y.T @ y / len(y))[np.triu_indices(64, 1)] * len(y) ** 0.5
        assert abs(correlation).max() < 5.5  # of 2,016
        assert abs(correlation.std() - 1) < 0.1

    @pytest.mark.parametrize("lag", [1, 2, 3, 16, 256, 4096])
    def test_seeds_are_independent(self, z, lag):
        a, b = z[lag:], z[:-lag]
        assert abs((a * b).mean()) * a.size**0.5 < 5
        assert abs(((a**2 - 1) * (b**2 - 1)).mean()) / 2 * a.size**0.5 < 5
        # A seed's vector is not its neighbour's moved along, nor negated.
        for shift in (1, 2, 8):
            moved = (a[:, shift:] * b[:, :-shift]).mean() * a[:, shift:].size ** 0.5
            assert abs(moved) < 5

    def test_no_duplicates(self):
        z = normal_numpy(np.arange(100_000), 4)
        assert len(np.unique(z, axis=0)) == len(z)

    def test_prefix(self):
        np.testing.assert_array_equal(normal_numpy([5], 64)[:, :16], normal_numpy([5], 16))

    def test_classes_are_uniform_and_independent_of_z(self):
        seeds = np.arange(50_000)
        classes = classes_numpy(seeds, 10)
        counts = np.bincount(classes, minlength=10)
        assert ((counts - 5000) ** 2 / 5000).sum() < 27.9  # chi-square, 9 degrees, 1e-3
        z = normal_numpy(seeds, 8)
        means = np.stack([z[classes == k].mean(axis=0) for k in range(10)])
        assert abs(means).max() * 5000**0.5 < 5


@pytest.mark.parametrize("num_classes", [0, -1, 2**15 + 1])
def test_impossible_number_of_classes(num_classes):
    with pytest.raises(ValueError, match="num_classes must be in"):
        classes_numpy([0], num_classes)


def test_uniform_numbers_are_those_of_numpy():
    seeds = np.array([0, 1, -5, 2**31 - 1], np.int32)
    given = portable_random.uniform(tf.constant(seeds), tf.constant(70), 500).numpy()
    np.testing.assert_array_equal(given, portable_random.uniform_numpy(seeds, 70, 500))
    whole = portable_random.uniform_numpy(seeds, 0, 570)
    np.testing.assert_array_equal(given, whole[:, 70:])
    assert whole.min() > 0
    assert whole.max() < 1
    assert abs(whole.mean() - 0.5) < 0.02


def test_gumbel_noise():
    uniform = portable_random.uniform_numpy([3], 0, 4000)
    given = portable_random.gumbel(tf.constant(uniform)).numpy()
    np.testing.assert_allclose(given, -np.log(-np.log(uniform.astype(np.float64))), atol=2e-6)
    assert abs(given.mean() - np.euler_gamma) < 0.06
