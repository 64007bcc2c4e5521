"""What takes the place of tensorflow-addons computes what it did: docs/from-addons.md.

The numbers are those of the real package, see tests/oracles/addons.py.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.oracles import addons_inputs as given
from tgan_tf.objectives import augmentation
from tgan_tf.objectives.schedules import ScheduledAdam, WarmupCosine


@pytest.fixture(scope="module")
def addons():
    with np.load(Path(__file__).parent / "oracles" / "addons.npz") as file:
        return dict(file)


def assert_close(found, expected, tolerance=2e-6):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=tolerance, atol=tolerance)


def test_gelu(addons):
    x = given.numbers()
    assert_close(keras.activations.gelu(x, approximate=False), addons["gelu"])
    assert_close(keras.activations.gelu(x, approximate=True), addons["gelu_tanh"])


@pytest.mark.parametrize(("groups", "name"), [(-1, "instance_norm"), (given.GROUPS, "group_norm")])
def test_normalisation(addons, groups, name):
    layer = keras.layers.GroupNormalization(groups, epsilon=given.EPSILON)
    assert_close(layer(given.images()), addons[name], 2e-5)


def test_translate(addons):
    """Ours draws the shift; these numbers draw the one that addons was told."""
    x, ratio = given.images(), 0.5
    most = [int(size * ratio + 0.5) for size in x.shape[1:3]]
    u = [
        (shift + reach + 0.5) / (2 * reach + 1)
        for shift, reach in zip(given.SHIFT, most, strict=True)
    ]
    moved = augmentation.translation(tf.constant(x), tf.constant([u] * 2, tf.float32), ratio)
    np.testing.assert_array_equal(moved, addons["translate"])


def test_cutout(addons):
    """Of one size in pixels, as here the images' sides differ: one axis at a time."""
    x = given.images()
    inside = [
        augmentation._inside(
            size, tf.constant([(centre + 0.5) / (size + 1)] * 2), given.HOLE / size, tf.float32
        )
        for size, centre in zip(x.shape[1:3], given.CENTRE, strict=True)
    ]
    hole = np.einsum("bh,bw->bhw", *inside)[..., None]
    np.testing.assert_array_equal(x * (1 - hole), addons["cutout"])


def test_rotate(addons):
    """By Keras: the transform maps places of the result to places of the picture."""
    x = given.images()
    height, width = x.shape[1:3]
    c, s = np.cos(given.ANGLE), np.sin(given.ANGLE)
    centre = np.array([width - 1, height - 1]) / 2
    dx, dy = centre - np.array([[c, -s], [s, c]]) @ centre
    turned = keras.ops.image.affine_transform(
        x, np.float32([[c, -s, dx, s, c, dy, 0, 0]] * 2), "bilinear", "constant"
    )
    assert_close(turned, addons["rotate"], 1e-5)


def test_gaussian_filter(addons):
    """Away from the border, which Keras takes as zero and addons mirrors."""
    size, sigma = (given.BLUR,) * 2, (given.SIGMA,) * 2
    blurred = keras.ops.image.gaussian_blur(given.images(), size, sigma)
    assert_close(blurred[:, 1:-1, 1:-1], addons["gaussian_filter"][:, 1:-1, 1:-1], 1e-5)


def test_spectral_normalisation(addons):
    layer = keras.layers.Dense(5, use_bias=False)
    wrapped = keras.layers.SpectralNormalization(layer, power_iterations=50)
    wrapped.build((None, 6))
    layer.kernel.assign(given.kernel())
    wrapped(np.zeros((1, 6), np.float32), training=True)
    assert_close(layer.kernel, addons["spectral"], 1e-5)
    sigma = np.linalg.svd(given.kernel(), compute_uv=False)[0]
    assert_close(addons["spectral"], given.kernel() / sigma, 1e-5)


def trained(optimizer) -> np.ndarray:
    variable = keras.Variable(given.kernel())
    optimizer.build([variable])
    for gradient in given.gradients():
        optimizer.apply([tf.constant(gradient)], [variable])
    return variable.numpy()


def test_lamb(addons):
    assert_close(trained(keras.optimizers.Lamb(given.RATE, epsilon=1e-6)), addons["lamb"], 1e-4)


def test_adamw(addons):
    """Its weight decay was not multiplied by the learning rate: ours is, as in Keras."""
    rate = WarmupCosine(given.RATE, 0, 100, 1.0)
    ours = ScheduledAdam(rate, 0.0, 100, beta_1=0.9, beta_2=0.999, weight_decay=given.DECAY)
    assert_close(trained(ours), addons["adamw"], 1e-5)


def test_moving_average(addons):
    """It averages from the values before the first step on."""
    weight = average = given.kernel()
    for gradient in given.gradients():
        weight = weight - np.float32(given.RATE) * gradient
        average = average + np.float32(1 - given.AVERAGE) * (weight - average)
    assert_close(average, addons["moving_average"], 1e-5)
