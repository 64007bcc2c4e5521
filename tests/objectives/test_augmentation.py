"""DiffAugment against loops in NumPy, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf import config
from tgan_tf.objectives.augmentation import POLICIES, adapt, augment, numbers_needed

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


def erase(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    y = x.copy()
    cut = [int(n * (s // 2 + 1)) for n, s in zip(u[1::2], x.shape, strict=False)]
    start = [int(n * (s - c + 1)) for n, s, c in zip(u[::2], x.shape, cut, strict=False)]
    y[start[0] : start[0] + cut[0], start[1] : start[1] + cut[1]] = 0
    return y


def hue(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Rodrigues' rotation about (1, 1, 1); of the colours as rows."""
    angle, axis = (2 * u[0] - 1) * np.pi, np.ones(3) / 3**0.5
    cross = np.cross(np.broadcast_to(axis, x.shape), x)
    along = (x @ axis)[..., None] * axis
    return x * np.cos(angle) - cross * np.sin(angle) + along * (1 - np.cos(angle))


def sharpen(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    blurred, height, width = np.zeros_like(x), *x.shape[:2]
    for i, a in enumerate((0.25, 0.5, 0.25)):
        for j, b in enumerate((0.25, 0.5, 0.25)):
            blurred += a * b * padded[i : i + height, j : j + width]
    return x + (2 * u[0] - 1) * (x - blurred)


def flip(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    return x[:, ::-1] if u[0] < 0.5 else x


REFERENCES = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "erase": erase,
    "hue": hue,
    "filter": sharpen,
    "flip": flip,
}


def test_every_policy_of_the_configuration():
    assert set(POLICIES) == set(config.AUGMENTATIONS) == set(REFERENCES)


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 12, 1), (6, 4, 4), (9, 7, 3)])
@pytest.mark.parametrize("name", POLICIES)
def test_reference(name, shape):
    if name == "hue" and shape[-1] != 3:
        pytest.skip("RGB alone has hues")
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


@pytest.mark.parametrize("policies", [*((name,) for name in POLICIES), ALL], ids=str)
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


class TestInPart:
    def test_each_policy_for_each_image_on_its_own(self):
        names = ("translation", "cutout", "filter")
        x = RANDOM.normal(size=(200, 6, 6, 1))
        u = RANDOM.random((200, numbers_needed(names, in_part=True)))
        assert u.shape[1] == 8
        y = augment(x, tf.constant(u), names, 0.3, cutout_p=0.5)
        expected = []
        for image, n in zip(x, u, strict=True):
            for name, numbers, mask, p in zip(
                names, (n[:2], n[3:5], n[6:7]), n[[2, 5, 7]], (0.3, 0.15, 0.3), strict=True
            ):
                image = REFERENCES[name](image, numbers) if mask < p else image
            expected.append(image)
        np.testing.assert_allclose(y, expected, atol=1e-12)
        untouched = [(a == b).all() for a, b in zip(x, expected, strict=True)]
        assert 0.2 < np.mean(untouched) < 0.7

    @pytest.mark.parametrize("name", POLICIES)
    def test_never_and_always(self, name):
        x = RANDOM.normal(size=(3, 6, 6, 3))
        u = tf.constant(RANDOM.random((3, numbers_needed([name], in_part=True))))
        np.testing.assert_array_equal(augment(x, u, [name], 0.0), x)
        np.testing.assert_array_equal(augment(x, u, [name], 1.0), augment(x, u[:, :-1], [name]))


def test_ratios():
    x = np.ones((300, 10, 10, 1))
    u = tf.constant(RANDOM.random((300, 2)))
    shifted = augment(x, u, ["translation"], translation_ratio=0.2).numpy()
    assert (shifted == 0).any(axis=(2, 3)).sum(axis=1).min() == 0
    assert min((image.any(axis=(1, 2))).sum() for image in shifted) == 8  # by two rows at most
    holes = (augment(x, u, ["cutout"], cutout_ratio=0.2).numpy() == 0).sum(axis=(1, 2, 3))
    assert holes.max() == 4


def test_hue_keeps_grey_and_brightness():
    x = RANDOM.normal(size=(4, 3, 3, 3))
    u = tf.constant(RANDOM.random((4, 1)))
    np.testing.assert_allclose(POLICIES["hue"][0](x, u).numpy().sum(-1), x.sum(-1))
    np.testing.assert_allclose(POLICIES["hue"][0](0 * x + 0.3, u), 0 * x + 0.3)


class TestAdapt:
    def test_from_nothing_to_all(self):
        """In ``ramp_images``, while D knows the data by heart; and back when it does not."""
        p = tf.constant(0.0)
        for _ in range(50):
            p = adapt(p, tf.constant(0.9), 0.6, images=256, ramp_images=25600)
        np.testing.assert_allclose(p, 0.5, rtol=1e-5)
        for _ in range(60):
            p = adapt(p, tf.constant(0.3), 0.6, images=256, ramp_images=25600)
        assert float(p) == 0

    def test_never_above_one(self):
        assert float(adapt(tf.constant(0.99), tf.constant(1.0), 0.6, 100, 1000.0)) == 1
