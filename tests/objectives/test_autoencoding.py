"""The bound of an autoencoder in closed form."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.objectives.autoencoding import divergence, drawn, negative_elbo

RANDOM = np.random.default_rng(0)


def test_divergence_is_the_integral():
    means, log_variances = np.array([0.0, 0.7]), np.array([0.0, -1.2])
    x = np.linspace(-12, 12, 20001)
    total = 0.0
    for mean, variance in zip(means, np.exp(log_variances), strict=True):
        q = np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
        log_p = -0.5 * x**2 - 0.5 * np.log(2 * np.pi)
        log_q = -0.5 * (x - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)
        total += np.trapezoid(q * (log_q - log_p), x)
    found = divergence(tf.constant([[means, log_variances], [[0.0, 0.0], [0.0, 0.0]]]))
    np.testing.assert_allclose(found, [total, 0], rtol=1e-6, atol=1e-12)


def test_bound():
    of_tokens = tf.constant(RANDOM.uniform(size=(2, 3, 2)))
    posterior = tf.constant(RANDOM.normal(size=(2, 2, 5)))
    bound, likelihood, nats = negative_elbo(of_tokens, posterior, 0.3)
    np.testing.assert_allclose(likelihood, of_tokens.numpy().mean(axis=(1, 2)))
    np.testing.assert_allclose(nats, divergence(posterior))
    np.testing.assert_allclose(bound, likelihood + 0.05 * nats)


def test_draws_have_mean_and_variance():
    posterior = tf.constant(np.tile([[[1.0], [np.log(0.25)]]], (4000, 1, 1)))
    z = drawn(posterior, tf.constant(RANDOM.normal(size=(4000, 1)))).numpy()
    np.testing.assert_allclose([z.mean(), z.std()], [1, 0.5], atol=0.03)
