"""Schedules at the points where their values are known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.objectives.schedules import ScheduledAdam, WarmupCosine, cosine, ema_decay


class TestEmaDecay:
    def test_half_life(self):
        """After so many images, half of the old average is left."""
        decay = float(ema_decay(tf.constant(10**9), 64, 6400.0, 0.05))
        np.testing.assert_allclose(decay**100, 0.5, rtol=1e-4)

    def test_ramp(self):
        """The half-life is a twentieth of the images seen while that is less."""
        seen = tf.constant(12800, tf.int64)
        np.testing.assert_allclose(ema_decay(seen, 64, 1e6, 0.05), 0.5**0.1, rtol=1e-6)
        np.testing.assert_allclose(ema_decay(seen, 64, 1e6, 0.0), 0.5 ** (64 / 1e6), rtol=1e-6)

    def test_factor(self):
        seen = tf.constant(10**9)
        np.testing.assert_allclose(ema_decay(seen, 64, 6400.0, 0.0, 0.5), 0.5**0.02, rtol=1e-6)
        assert float(ema_decay(seen, 64, 6400.0, 0.0, 0.0)) == 0

    def test_starts_from_the_weights(self):
        assert float(ema_decay(tf.constant(0, tf.int64), 64, 5000.0, 0.05)) == 0

    def test_switched_off(self):
        assert float(ema_decay(tf.constant(1000, tf.int64), 64, 0.0, 0.05)) == 0

    def test_never_reaches_one(self):
        for seen in (1, 10**4, 10**9):
            assert 0 <= float(ema_decay(tf.constant(seen, tf.int64), 64, 1e6, 0.05)) < 1


class TestWarmupCosine:
    @pytest.mark.parametrize(
        ("step", "expected"),
        [
            (0, 0.2),  # a fifth of the warm-up
            (3, 0.8),
            (4, 1.0),
            (5, 1.0),  # the peak
            (55, 0.55),  # half way down to .1
            (30, 0.1 + 0.9 * (0.5 + 0.5 * 0.5**0.5)),
            (105, 0.1),
            (1000, 0.1),
        ],
    )
    def test_shape(self, step, expected):
        schedule = WarmupCosine(2e-3, warmup_steps=5, total_steps=105, final_ratio=0.1)
        np.testing.assert_allclose(schedule(step), 2e-3 * expected, rtol=1e-5)
        np.testing.assert_allclose(schedule(tf.constant(step, tf.int64)), schedule(step))

    def test_constant(self):
        schedule = WarmupCosine(1e-3, warmup_steps=0, total_steps=100, final_ratio=1.0)
        np.testing.assert_allclose([schedule(s) for s in (0, 50, 100, 101)], 1e-3)

    @pytest.mark.parametrize(("warmup", "total"), [(0, 1), (10, 10), (20, 10)])
    def test_short_runs(self, warmup, total):
        schedule = WarmupCosine(1.0, warmup, total, 0.5)
        values = np.array([schedule(step) for step in range(30)])
        assert ((values > 0) & (values <= 1)).all()

    def test_round_trip(self):
        schedule = WarmupCosine(1e-3, 5, 100, 0.1)
        optimizer = keras.optimizers.Adam(schedule)
        again = keras.optimizers.Adam.from_config(optimizer.get_config())
        np.testing.assert_array_equal(again.learning_rate, schedule(0))
        assert WarmupCosine(**schedule.get_config()).get_config() == schedule.get_config()


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 2), (25, 3 - 0.5**0.5), (50, 3), (100, 4), (200, 4)]
)
def test_cosine(step, expected):
    np.testing.assert_allclose(cosine(tf.constant(step, tf.int64), 100, 2.0, 4.0), expected)


class TestScheduledAdam:
    @pytest.mark.parametrize("final", [0.0, 0.99])
    def test_against_numpy(self, final):
        """Kingma & Ba 2015, algorithm 1, with the second decay of each step."""
        adam = ScheduledAdam(0.1, final, 4, beta_1=0.5, beta_2=0.9, epsilon=1e-8)
        weight = keras.Variable(np.array([1.0, -2.0]), dtype="float64")
        adam.build([weight])
        expected, m, v = weight.numpy(), 0, 0
        for step, g in enumerate(np.random.default_rng(0).normal(size=(6, 2))):
            beta = 0.9
            if final:
                beta = final + (0.9 - final) * 0.5 * (1 + np.cos(np.pi * min(1, step / 4)))
            m, v = 0.5 * m + 0.5 * g, beta * v + (1 - beta) * g * g
            corrected = v / (1 - beta ** (step + 1))
            expected = expected - 0.1 * m / (1 - 0.5 ** (step + 1)) / (corrected**0.5 + 1e-8)
            adam.apply([tf.constant(g)], [weight])
            np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5)
        assert adam.beta_2 == 0.9

    def test_round_trip(self):
        adam = ScheduledAdam(1e-3, 0.99, 10, beta_2=0.9, weight_decay=0.1)
        assert ScheduledAdam.from_config(adam.get_config()).get_config() == adam.get_config()
