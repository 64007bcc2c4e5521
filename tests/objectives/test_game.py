"""The game's loss against its terms, by hand, with a small discriminator."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.config import ObjectiveConfig
from tgan_tf.objectives.augmentation import augment
from tgan_tf.objectives.game import Game

RANDOM = np.random.default_rng(0)
REAL, FAKE, W, MOVED = RANDOM.normal(size=(4, 4, 4, 4, 1))
W = W[0]
NUMBERS = {
    "u_real": RANDOM.random((4, 3)),
    "u_fake": RANDOM.random((4, 3)),
    "t_real": RANDOM.random((4, 1)),
    "t_fake": RANDOM.random((4, 1)),
    "mix": RANDOM.random((4, 1)),
    "p": np.array(0.5),
    "gamma": np.array(0.25),
    "real_anchor": np.array(0.3),
    "fake_anchor": np.array(-0.2),
    "lecam": np.array(1.0),
    "moved": MOVED,
}
OBJECTIVE = ObjectiveConfig(
    loss="wasserstein",
    r1_gamma=0.4,
    r2_gamma=0.0,
    penalty="exact",
    penalty_every=2,
    augment=("translation",),
    augment_p=0.5,
    gp_weight=10.0,
    drift_weight=0.7,
    lecam_weight=0.3,
    cr_real=2.0,
    cr_fake=3.0,
    cr_augment=("flip",),
    zcr_d=5.0,
)


def judge(x: np.ndarray) -> np.ndarray:
    return (x * W).sum(axis=(1, 2, 3))


def discriminator(x: tf.Tensor, label: None, noise: None) -> tf.Tensor:
    return tf.reduce_sum(x * W, axis=(1, 2, 3))


def test_all_terms():
    numbers = {name: tf.constant(value) for name, value in NUMBERS.items()}
    loss, logs = Game(OBJECTIVE, discriminator).d_loss(
        tf.constant(REAL), tf.constant(FAKE), None, numbers, tf.reduce_mean, penalize=True
    )

    def look(x: np.ndarray, u: str) -> tf.Tensor:
        return augment(x, numbers[u], ["translation"], 0.5)

    real, fake = look(REAL, "u_real").numpy(), look(FAKE, "u_fake").numpy()
    r, f = judge(real), judge(fake)
    x = tf.constant(REAL)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(look(x, "u_real") * W)
    # D is linear: its gradient is the same everywhere.
    squared = (tape.gradient(total, x).numpy() ** 2).sum(axis=(1, 2, 3))
    penalty = 0.25 * (0.2 * squared + 10 * (squared**0.5 - 1) ** 2)
    flipped = [
        judge(np.where(NUMBERS[name][:, :, None, None] < 0.5, seen[:, :, ::-1], seen))
        for name, seen in (("t_real", real), ("t_fake", fake))
    ]
    regularizer = (
        0.7 * (2 * r.mean() * r - r.mean() ** 2)
        + 0.3 * ((r + 0.2) ** 2 + (f - 0.3) ** 2)
        + 2 * (r - flipped[0]) ** 2
        + 3 * (f - flipped[1]) ** 2
        + 5 * (f - judge(look(MOVED, "u_fake").numpy())) ** 2
    )
    np.testing.assert_allclose(logs["penalty"], penalty, rtol=1e-6)
    np.testing.assert_allclose(logs["regularizer"], regularizer, rtol=1e-10)
    np.testing.assert_allclose(loss, f - r + 2 * penalty + regularizer, rtol=1e-6)


def test_without_any():
    plain = ObjectiveConfig(r1_gamma=0.0, r2_gamma=0.0)
    numbers = {name: tf.zeros((4, 0), tf.float64) for name in ("u_real", "u_fake")}
    loss, logs = Game(plain, discriminator).d_loss(
        tf.constant(REAL), tf.constant(FAKE), None, numbers, tf.reduce_mean, penalize=False
    )
    np.testing.assert_allclose(loss, np.log1p(np.exp(judge(FAKE) - judge(REAL))))
    assert set(logs) == {"loss_d", "real_logit", "fake_logit", "real_sign"}


def test_mismatched_conditions():
    """GAN-CLS: half of the negatives are real with another's condition, where that differs."""
    numbers = {name: tf.constant(NUMBERS[name]) for name in ("u_real", "u_fake")}
    label = tf.constant([0.0, 1.0, 1.0, 2.0], tf.float64)
    numbers |= {
        "wrong_label": tf.constant([1.0, 1.0, 2.0, 0.0], tf.float64),
        "is_wrong": tf.constant([1.0, 0.0, 1.0, 1.0], tf.float64),
    }
    options = {"loss": "non_saturating", "r1_gamma": 0.0, "r2_gamma": 0.0, "mismatch_share": 0.5}
    game = Game(ObjectiveConfig(**options), lambda x, y, noise: discriminator(x, None, None) + y)
    given = (tf.constant(REAL), tf.constant(FAKE), label, numbers, tf.reduce_mean)
    loss, logs = game.d_loss(*given, penalize=False)

    def softplus(x: np.ndarray) -> np.ndarray:
        return np.logaddexp(0, x)

    real, fake = judge(REAL) + label, judge(FAKE) + label
    wrong = judge(REAL) + numbers["wrong_label"]
    negative = np.where(
        [True, False, True, True], (softplus(fake) + softplus(wrong)) / 2, softplus(fake)
    )
    np.testing.assert_allclose(loss, softplus(-real) + negative, rtol=1e-9)
    np.testing.assert_allclose(logs["mismatch_logit"], wrong, rtol=1e-9)
