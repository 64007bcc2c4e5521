"""DiffAugment against loops in NumPy, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf import config
from tgan_tf.objectives.augmentation import POLICIES, augment, numbers_needed

RANDOM = np.random.default_rng(0)
ALL = ("color", "translation", "cutout")


def color(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    x = x + (u[0] - 0.5)
    mean = x.mean(axis=-1, keepdims=True)
    x = (x - mean) * (u[1] * 2) + mean
    return (x - x.mean()) * (u[2] + 0.5) + x.mean()


def translation(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    height, width, _ = x.shape
    reach = [int(size / 8 + 0.5) for size in (height, width)]
    down, right = (int(n * (2 * r + 1)) - r for n, r in zip(u, reach, strict=True))
    y = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                y[row, column] = x[row - down, column - right]
    return y


def cutout(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """As in the published code: the hole's middle is anywhere, its indices are clamped."""
    height, width, _ = x.shape
    y = x.copy()
    cut = [int(size / 2 + 0.5) for size in (height, width)]
    middle = [int(n * (s + 1 - c % 2)) for n, s, c in zip(u, (height, width), cut, strict=True)]
    for row in range(cut[0]):
        for column in range(cut[1]):
            i = np.clip(middle[0] - cut[0] // 2 + row, 0, height - 1)
            j = np.clip(middle[1] - cut[1] // 2 + column, 0, width - 1)
            y[i, j] = 0
    return y


REFERENCES = {"color": color, "translation": translation, "cutout": cutout}


def test_every_policy_of_the_configuration():
    assert set(POLICIES) == set(config.AUGMENTATIONS) == set(REFERENCES)


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 12, 1), (6, 4, 4), (9, 7, 3)])
@pytest.mark.parametrize("name", POLICIES)
def test_reference(name, shape):
    x = RANDOM.normal(size=(40, *shape))
    u = RANDOM.random((40, numbers_needed([name])))
    # The ends of the range: shifts to both sides, holes at both edges.
    u[0], u[1] = 0, 1 - 2**-24
    expected = [REFERENCES[name](*pair) for pair in zip(x, u, strict=True)]
    np.testing.assert_allclose(augment(x, tf.constant(u), [name]), expected, atol=1e-12)


def test_translation_reaches_every_shift():
    x = np.zeros((400, 16, 16, 1))
    x[:, 8, 8] = 1
    y = POLICIES["translation"][0](x, tf.constant(RANDOM.random((400, 2)))).numpy()
    places = {tuple(np.argwhere(image[..., 0])[0] - 8) for image in y}
    assert places == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}


def test_cutout_of_float32_numbers_stays_in_range():
    x = tf.ones((2, 6, 6, 1))
    y = POLICIES["cutout"][0](x, tf.constant([[0.0, 0.0], [1 - 2**-23] * 2])).numpy()
    assert [(image == 0).sum() for image in y] == [4, 4]  # 2x2 of the 3x3 are inside


def test_policies_follow_one_another():
    x = RANDOM.normal(size=(4, 8, 8, 3))
    u = RANDOM.random((4, numbers_needed(ALL)))
    assert numbers_needed(ALL) == u.shape[1] == 7
    expected = [
        cutout(translation(color(i, n[:3]), n[3:5]), n[5:]) for i, n in zip(x, u, strict=True)
    ]
    np.testing.assert_allclose(augment(x, tf.constant(u), ALL), expected, atol=1e-12)


def test_no_policies():
    x = RANDOM.normal(size=(2, 4, 4, 1))
    np.testing.assert_array_equal(augment(x, np.zeros((2, 0)), ()), x)


def test_examples_are_independent():
    x = RANDOM.normal(size=(3, 8, 8, 3))
    u = tf.constant(RANDOM.random((3, 7)))
    together = augment(x, u, ALL)
    for i in range(3):
        one = augment(x[i : i + 1], u[i : i + 1], ALL)
        np.testing.assert_allclose(one[0], together[i], atol=1e-12)


@pytest.mark.parametrize("policies", [("color",), ("translation",), ("cutout",), ALL], ids=str)
def test_second_derivative(policies):
    """Of the penalty with respect to the image before augmentation."""
    x = tf.Variable(RANDOM.normal(size=(2, 6, 6, 3)))
    u = tf.constant(RANDOM.random((2, numbers_needed(policies))))
    weights = RANDOM.normal(size=x.shape)

    def penalty() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.tanh(augment(x, u, policies)) * weights)
        return tf.reduce_sum(tf.square(tape.gradient(total, x)))

    assert_gradients(penalty, [x])


def test_xla():
    x, u = RANDOM.normal(size=(2, 6, 6, 3)), tf.constant(RANDOM.random((2, 7)))
    compiled = tf.function(lambda x, u: augment(x, u, ALL), jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled(tf.constant(x), u), augment(x, u, ALL), atol=1e-12)
