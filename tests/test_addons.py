"""What takes the place of tensorflow-addons computes what it did: docs/from-addons.md.

The numbers are those of the real package, see tests/oracles/addons.py.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.games import BATCH, configure, dataset
from tests.oracles import addons_inputs as given
from tgan_tf.gan import TransformerGAN
from tgan_tf.layers import Normalization, SpectralNorm, to_tokens
from tgan_tf.layers.transformer import ACTIVATIONS
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
    assert_close(ACTIVATIONS["gelu"](x), addons["gelu"])


@pytest.mark.parametrize(("groups", "name"), [(-1, "instance_norm"), (given.GROUPS, "group_norm")])
def test_normalisation(addons, groups, name):
    layer = keras.layers.GroupNormalization(groups, epsilon=given.EPSILON)
    assert_close(layer(given.images()), addons[name], 2e-5)


def test_instance_norm_of_tokens(addons):
    x = given.images()
    tokens = to_tokens(tf.constant(x))
    ours = Normalization("instance", epsilon=given.EPSILON)(tokens)
    assert_close(tf.reshape(ours, x.shape), addons["instance_norm"], 2e-5)


def drawn(*numbers: float) -> tf.Tensor:
    """What the augmentations draw, uniform in [0, 1): the same for both images."""
    return tf.constant([numbers] * 2, tf.float32)


def test_translate(addons):
    """Ours draws the shift; these numbers draw the one that addons was told."""
    x, ratio = given.images(), 0.5
    most = [int(size * ratio + 0.5) for size in x.shape[1:3]]
    u = drawn(
        *(
            (shift + reach + 0.5) / (2 * reach + 1)
            for shift, reach in zip(given.SHIFT, most, strict=True)
        )
    )
    moved = augmentation.augment(tf.constant(x), u, ("translation",), translation_ratio=ratio)
    np.testing.assert_array_equal(moved, addons["translate"])


def test_cutout(addons):
    """In a square of the images' columns: ours cuts a part of each side, addons so many pixels.

    Ours draws the centre; these numbers draw the one that addons was told.
    """
    x = given.images()
    side = x.shape[1]
    assert max(given.CENTRE) + given.HOLE // 2 <= side  # and nothing is cut behind them
    u = drawn(*((centre + 0.5) / (side + 1) for centre in given.CENTRE))
    square = tf.constant(x[:, :, :side])
    cut = augmentation.augment(square, u, ("cutout",), cutout_ratio=given.HOLE / side)
    np.testing.assert_array_equal(cut, addons["cutout"][:, :, :side])

    hole = augmentation.augment(tf.ones_like(x), drawn(0.5, 0.5), ("cutout",)) == 0
    rows, columns = (tf.reduce_any(hole[0, ..., 0], axis=axis) for axis in (1, 0))
    assert (sum(rows.numpy()), sum(columns.numpy())) == (x.shape[1] // 2, x.shape[2] // 2)


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
    """Ours begins with 30 iterations, and leaves the kernel as it is: what addons overwrote."""
    layer = keras.layers.Dense(5, use_bias=False)
    network = keras.Sequential([keras.Input((6,)), layer])
    layer.kernel.assign(given.kernel())
    spectral = SpectralNorm(network)
    for _ in range(20):
        spectral.iterate()
    with spectral.scope():
        normalised = network(np.eye(6, dtype=np.float32))
    assert_close(normalised, addons["spectral"], 1e-5)
    np.testing.assert_array_equal(layer.kernel, given.kernel())

    wrapped = keras.layers.SpectralNormalization(layer, power_iterations=50)
    wrapped.build((None, 6))
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
    """Training averages from the values before the first step on, as that did, without a ramp."""
    half_life = BATCH * np.log(0.5) / np.log(given.AVERAGE)
    # The generator stays where the test puts it.
    plain = {"g_lr": 1e-30, "augment": (), "r1_gamma": 0, "r2_gamma": 0}
    gan = TransformerGAN(configure(**plain, ema_half_life_kimg=half_life / 1000, ema_ramp=0.0))
    moving = given.kernel().ravel()
    index = next(i for i, w in enumerate(gan.generator.weights) if np.size(w) >= moving.size)
    weight, average = (network.weights[index] for network in (gan.generator, gan.ema_generator))

    def put(variable: keras.Variable) -> None:
        values = variable.numpy().ravel()
        values[: moving.size] = moving
        variable.assign(values.reshape(variable.shape))

    put(weight)
    put(average)
    for batch, gradient in zip(dataset(given.STEPS), given.gradients(), strict=True):
        moving = moving - np.float32(given.RATE) * gradient.ravel()
        put(weight)
        gan.train_step(batch)
    averaged = average.numpy().ravel()[: moving.size].reshape(given.kernel().shape)
    assert_close(averaged, addons["moving_average"], 1e-5)
