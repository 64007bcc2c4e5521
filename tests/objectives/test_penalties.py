"""Gradient penalties against closed forms of a quadratic discriminator."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.objectives.penalties import (
    consistency,
    drift,
    finite_difference,
    gradient_penalty,
    lecam,
    separation,
    wgan_gp,
)

RANDOM = np.random.default_rng(0)
SHAPE, SIZE = (2, 3, 1), 6
X = RANDOM.normal(size=(4, *SHAPE))
A = RANDOM.normal(size=(SIZE, SIZE))
A = A + A.T
B = RANDOM.normal(size=SIZE)


def quadratic(x: tf.Tensor, a: tf.Tensor) -> tf.Tensor:
    """``x^T A x / 2 + b^T x``, whose gradient is ``A x + b``."""
    x = tf.reshape(x, (-1, SIZE))
    return tf.reduce_sum(0.5 * x * (x @ a) + B * x, axis=-1)


def closed_form(x: np.ndarray) -> np.ndarray:
    return ((x.reshape(-1, SIZE) @ A + B) ** 2).sum(-1)


def test_gradient_penalty():
    penalty = gradient_penalty(lambda x: quadratic(x, tf.constant(A)), tf.constant(X))
    np.testing.assert_allclose(penalty, closed_form(X), rtol=1e-12)


def test_packs():
    """A pack's gradient is with respect to all its samples, and each of them has its logit."""

    def packed(x: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.reduce_sum(tf.reshape(quadratic(x, tf.constant(A)), (2, 2)), 1), 2)

    expected = closed_form(X).reshape(2, 2).sum(axis=1).repeat(2)
    penalty = gradient_penalty(packed, tf.constant(X), pack=2)
    np.testing.assert_allclose(penalty, expected, rtol=1e-12)
    given = wgan_gp(packed, tf.constant(X), tf.constant(-X), tf.constant(np.ones(4)), pack=2)
    np.testing.assert_allclose(given, (expected**0.5 - 1) ** 2, rtol=1e-10)


def test_separation():
    moved = X + np.array([0.0, 1.0, -2.0, 3.0])[:, None, None, None]
    np.testing.assert_allclose(separation(tf.constant(X), tf.constant(moved)), [0, 1, 4, 9])


def test_gradient_of_the_gradient_penalty():
    """d/dA of the sum of ``|A x + b|^2`` is ``2 sum (A x + b) x^T``, for symmetric A."""
    a = tf.Variable(A)
    with tf.GradientTape() as tape:
        penalty = tf.reduce_sum(gradient_penalty(lambda x: quadratic(x, a), tf.constant(X)))
    x = X.reshape(-1, SIZE)
    outer = 2 * (x @ A + B).T @ x
    # The graph moves A and its transpose alike: x^T A x sees the symmetric part alone.
    given = tape.gradient(penalty, a).numpy()
    np.testing.assert_allclose(given + given.T, outer + outer.T, rtol=1e-10)


def test_inside_an_outer_tape_on_the_sample():
    """As for R2 on samples that the generator's tape still watches."""
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        penalty = gradient_penalty(lambda y: quadratic(y, tf.constant(A)), x)
    expected = 2 * (X.reshape(-1, SIZE) @ A + B) @ A
    np.testing.assert_allclose(tape.gradient(penalty, x), expected.reshape(X.shape), rtol=1e-10)


def test_finite_difference_of_a_linear_function():
    """``(b . eps)^2``, whatever the step."""
    eps = RANDOM.normal(size=X.shape)
    no = tf.zeros((SIZE, SIZE), tf.float64)
    for sigma in (1e-3, 10.0):
        given = finite_difference(quadratic(X, no), quadratic(X + sigma * eps, no), sigma)
        np.testing.assert_allclose(given, (eps.reshape(-1, SIZE) @ B) ** 2, rtol=1e-6)


@pytest.mark.parametrize("sigma", [1e-2, 1e-4])
def test_finite_difference_is_exact_in_the_mean(sigma):
    """For the quadratic, the mean over eps is |g|^2 + sigma^2 E[(eps^T A eps)^2] / 4.

    The fourth moment is ``2 |A|^2 + tr(A)^2`` (Isserlis 1918). Bounds are five standard errors.
    """
    count = 200_000
    x = np.repeat(X[:1], count, axis=0)
    eps = RANDOM.normal(size=x.shape)
    a = tf.constant(A)
    given = finite_difference(quadratic(x, a), quadratic(x + sigma * eps, a), sigma).numpy()
    exact = closed_form(X[:1])[0]
    bias = sigma**2 / 4 * (2 * (A**2).sum() + np.trace(A) ** 2)
    assert abs(given.mean() - exact - bias) < 5 * given.std() / count**0.5
    # The standard error is 2^.5 of |g|^2 / n^.5: small enough to tell a factor of two.
    assert given.std() / count**0.5 < 0.01 * exact


class TestWganGp:
    MIX = RANDOM.random(4)
    FAKE = RANDOM.normal(size=X.shape)

    def test_closed_form(self):
        given = wgan_gp(
            lambda x: quadratic(x, tf.constant(A)), tf.constant(X), self.FAKE, tf.constant(self.MIX)
        )
        mix = self.MIX[:, None, None, None]
        norm = closed_form(mix * X + (1 - mix) * self.FAKE) ** 0.5
        np.testing.assert_allclose(given, (norm - 1) ** 2, rtol=1e-9)

    def test_gradient(self):
        a = tf.Variable(A)

        def penalty() -> tf.Tensor:
            x, mix = tf.constant(X), tf.constant(self.MIX)
            return tf.reduce_sum(wgan_gp(lambda x: quadratic(x, a), x, self.FAKE, mix))

        assert_gradients(penalty, [a])

    def test_a_flat_discriminator_has_a_finite_gradient(self):
        w = tf.Variable(tf.zeros(SIZE, tf.float64))
        with tf.GradientTape() as tape:
            penalty = wgan_gp(
                lambda x: tf.linalg.matvec(tf.reshape(x, (-1, SIZE)), w),
                tf.constant(X),
                self.FAKE,
                tf.constant(self.MIX),
            )
            total = tf.reduce_sum(penalty)
        np.testing.assert_allclose(penalty, np.ones(4), atol=1e-5)
        assert np.isfinite(tape.gradient(total, w)).all()


REAL, FAKE = RANDOM.normal(size=(2, 8))


def test_drift_is_the_square_of_the_mean():
    """Its value, and its gradient in each logit; also from two shares of the batch."""
    real = tf.constant(REAL)
    with tf.GradientTape() as tape:
        tape.watch(real)
        halves = [drift(part, tf.reduce_mean(real)) for part in tf.split(real, 2)]
        mean = tf.reduce_mean(tf.concat(halves, axis=0))
    np.testing.assert_allclose(mean, REAL.mean() ** 2)
    np.testing.assert_allclose(tape.gradient(mean, real), np.full(8, 2 * REAL.mean() / 8))


def test_lecam_and_consistency():
    given = lecam(tf.constant(REAL), tf.constant(FAKE), tf.constant(0.5, tf.float64), -0.25)
    np.testing.assert_allclose(given, (REAL + 0.25) ** 2 + (FAKE - 0.5) ** 2)
    np.testing.assert_allclose(consistency(tf.constant(REAL), FAKE), (REAL - FAKE) ** 2)
