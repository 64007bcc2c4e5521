"""The auxiliary classifier's loss in closed form, and its place in the game."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.config import ObjectiveConfig
from tgan_tf.objectives.classification import misclassification, mismatch
from tgan_tf.objectives.game import Game

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(4, 3))
CLASSES = np.array([2, 0, 3, 1])  # 3 is none
ATTRIBUTES = np.array([[1.0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0]])


def of_classes() -> np.ndarray:
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    return np.array([-log_p[0, 2], -log_p[1, 0], 0, -log_p[3, 1]])


def test_classes():
    label = tf.constant(CLASSES, tf.int32)
    np.testing.assert_allclose(misclassification(tf.constant(LOGITS), label), of_classes())


@pytest.mark.parametrize("columns", [3, 4])
def test_attributes(columns):
    p = 1 / (1 + np.exp(-LOGITS))
    has = ATTRIBUTES[:, :3]
    expected = -(has * np.log(p) + (1 - has) * np.log(1 - p)).mean(axis=1)
    expected *= 1 - ATTRIBUTES[:, 3] if columns == 4 else 1
    label = tf.constant(ATTRIBUTES[:, :columns])
    np.testing.assert_allclose(misclassification(tf.constant(LOGITS), label), expected)


def test_vectors():
    """The own among others, by cosine; one that equals it is no other, and what is hidden is let
    be."""
    own, others = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(4, 5, 3))
    others[1, 2] = own[1]
    hidden = np.array([[0.0], [0], [1], [0]])

    def cosines(x: np.ndarray) -> np.ndarray:
        return (
            (LOGITS[:, None] * x).sum(-1)
            / np.linalg.norm(LOGITS[:, None] * 1.0, axis=-1)
            / (np.linalg.norm(x, axis=-1))
        )

    odds = np.exp(10 * cosines(np.concatenate([own[:, None], others], axis=1)))  # [4, 6]
    odds[1, 3] = 0
    expected = -np.log(odds[:, 0] / odds.sum(axis=1)) * (1 - hidden[:, 0])
    for label in (own, np.concatenate([own, hidden], axis=1)):
        found = mismatch(tf.constant(LOGITS), tf.constant(label), tf.constant(others))
        known = label.shape[1] == 3
        np.testing.assert_allclose(found[:2], expected[:2])
        assert (found[2] > 0) == known
        np.testing.assert_allclose(found[3], expected[3])


def test_vectors_in_the_game():
    """D learns them of real samples alone; G the more, the greater the guidance."""
    real, fake = RANDOM.normal(size=(2, 4, 4, 4, 1))
    classes, label = RANDOM.normal(size=(16, 3)), RANDOM.normal(size=(4, 3))
    others = tf.constant(RANDOM.normal(size=(4, 2, 3)))

    def discriminator(x, label, noise, classify=False):
        logit = tf.reduce_sum(x, axis=(1, 2, 3))
        return (logit, tf.reshape(x, (-1, 16)) @ classes) if classify else logit

    numbers = {name: tf.zeros((4, 0), tf.float64) for name in ("u_real", "u_fake")}
    numbers |= {"others": others, "guidance": tf.constant([1.0, 3, 1, 2], tf.float64)}
    game = Game(ObjectiveConfig(loss="non_saturating", ac_weight=0.5), discriminator)
    arguments = (tf.constant(real), tf.constant(fake), tf.constant(label), numbers)
    _, logs = game.d_loss(*arguments, tf.reduce_mean, penalize=False)
    of_real, of_fake = (
        mismatch(tf.constant(x.reshape(4, 16) @ classes), tf.constant(label), others)
        for x in (real, fake)
    )
    np.testing.assert_allclose(logs["class_loss"], of_real)
    loss, logit = game.g_loss(tf.zeros(4), *arguments[1:])
    expected = np.logaddexp(0, -logit) + 0.5 * (numbers["guidance"] - 1) * of_fake
    np.testing.assert_allclose(loss, expected)


@pytest.mark.parametrize("penalty", ["exact", "finite_difference", "none"])
def test_in_the_game(penalty):
    """Of real and fake samples for D, of fake ones for G."""
    real, fake = RANDOM.normal(size=(2, 4, 4, 4, 1))
    w, classes = RANDOM.normal(size=(4, 4, 1)), RANDOM.normal(size=(16, 3))

    def discriminator(x, label, noise, classify=False):
        logit = tf.reduce_sum(x * w, axis=(1, 2, 3))
        return (logit, tf.reshape(x, (-1, 16)) @ classes) if classify else logit

    numbers = {name: tf.zeros((4, 0), tf.float64) for name in ("u_real", "u_fake")}
    numbers |= {
        name: tf.constant(RANDOM.normal(size=real.shape)) for name in ("eps_real", "eps_fake")
    }
    numbers["gamma"] = tf.constant(1.0, tf.float64)
    label = tf.constant(CLASSES, tf.int32)
    kind = {"penalty": penalty} if penalty != "none" else {}
    with_it, without = (
        Game(ObjectiveConfig(loss="non_saturating", ac_weight=weight, **kind), discriminator)
        for weight in (0.5, 0.0)
    )
    arguments = (tf.constant(real), tf.constant(fake), label, numbers, tf.reduce_mean)
    loss, logs = with_it.d_loss(*arguments, penalize=penalty != "none")
    plain, _ = without.d_loss(*arguments, penalize=penalty != "none")
    mistakes = [misclassification(x.reshape(4, 16) @ classes, label) for x in (real, fake)]
    np.testing.assert_allclose(logs["class_loss"], mistakes[0] + mistakes[1])
    np.testing.assert_allclose(loss - plain, 0.5 * (mistakes[0] + mistakes[1]), atol=1e-9)
    of_g = [
        game.g_loss(tf.zeros(4), tf.constant(fake), label, numbers)[0]
        for game in (with_it, without)
    ]
    np.testing.assert_allclose(of_g[0] - of_g[1], 0.5 * mistakes[1])
