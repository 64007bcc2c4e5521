"""From pictures back to w."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from PIL import Image

from tests.exporting.samplers import make_config, make_generator, make_run, make_sampler
from tests.test_inference import assert_same
from tgan_tf import Sampler, generate, invert
from tgan_tf.exporting.portable_random import normal_numpy
from tgan_tf.inversion import load_w
from tgan_tf.metrics import efficientnet_lite

PIXELS = {"features": "none", "candidates": 128}


@pytest.fixture(scope="module")
def sampler():
    """Of pictures that differ much."""
    config = make_config(g_norm="layer")
    generator = make_generator(config)
    for layer, gain in ((generator.mapping_network, 1.5), (generator.outputs_of_levels[0], 4)):
        for weight in layer.weights:
            weight.assign(gain * weight)
    return Sampler(config, generator, make_sampler().modality)


def test_a_generated_picture_is_found_again(sampler):
    """To a grey level or so, though the noise's seed is none of the candidates."""
    images = sampler.sample([1000, 1001, 1002], [0, 1, 2])
    start = sampler.invert(images, steps=0, **PIXELS)
    told = []
    found = sampler.invert(images, steps=100, progress=lambda *n: told.append(n), **PIXELS)
    assert found.losses.shape == (101, 3)
    np.testing.assert_array_equal(found.losses[0], start.losses[0])
    assert (found.losses.min(axis=0) < 0.01 * start.losses[0]).all()
    assert (found.psnr > 40).all()
    assert np.abs(found.reconstructions.astype(int) - images).mean() < 1.5
    w = sampler.generator.mapping(normal_numpy([1000, 1001, 1002], 8), tf.constant([0, 1, 2]))
    away, before = (np.linalg.norm(one.w - w, axis=1) for one in (found, start))
    print(away, before)
    assert (away < 0.5 * before).all()
    assert told[-1] == (100, 100)
    assert_same(sampler.synthesize(found.w), found.reconstructions)
    # The start is the nearest of all candidates, by hand.
    seeds = np.arange(128)
    signals = sampler.modality.encode(sampler.sample(seeds)).numpy()[:, None]
    far = np.square(signals - sampler.modality.encode(images).numpy()).mean(axis=(2, 3, 4))
    nearest = far.argmin(axis=0)
    label = sampler.condition.of_seeds(seeds)[nearest]
    np.testing.assert_array_equal(start.label, label)
    z = tf.constant(normal_numpy(nearest, 8))
    np.testing.assert_allclose(start.w, sampler.generator.mapping(z, label), atol=1e-6)


def test_label_of_the_start(sampler):
    images = sampler.sample([5, 6], 0)
    found = sampler.invert(images, ["dog", 2], steps=0, **PIXELS)
    np.testing.assert_array_equal(found.label, [1, 2])
    means = sampler.synthesize(found.w, found.label, truncation=0)
    assert_same(means, sampler.sample([0, 0], [1, 2], truncation=0))
    with pytest.raises(ValueError, match="give the label"):
        sampler.synthesize(found.w, truncation=0.5)


def test_features_pull_too(sampler):
    try:
        efficientnet_lite.weights_file()
    except efficientnet_lite.MissingWeightsError:
        pytest.skip("the weights are not installed")
    images = sampler.sample([1000])
    found = sampler.invert(images, steps=3, candidates=8)
    plain = sampler.invert(images, steps=0, candidates=8, features="none")
    assert found.losses[0] > plain.losses[0]
    assert found.losses.min() < found.losses[0]


def test_refusals(sampler, monkeypatch):
    images = sampler.sample([1])
    with pytest.raises(ValueError, match=r"float32 \[1, 8, 12, 3\]; give uint8 \[N, 8, 12, 3\]"):
        sampler.invert(images.astype(np.float32))
    with pytest.raises(ValueError, match="candidates=0"):
        sampler.invert(images, candidates=0)
    with pytest.raises(ValueError, match="features='vgg': not one of auto"):
        sampler.invert(images, features="vgg")

    def missing():
        raise efficientnet_lite.MissingWeightsError("not there")

    monkeypatch.setattr(efficientnet_lite, "load", missing)
    sampler.invert(images, steps=0, candidates=4)  # of pixels alone
    with pytest.raises(efficientnet_lite.MissingWeightsError):
        sampler.invert(images, features="efficientnet_lite0")


def call(module, *arguments: str) -> None:
    values = flags.FlagValues()
    module.define_flags(values)
    values(["command", *arguments])
    module.run(values)


def test_commands(tmp_path, capsys):
    """A picture, what the generator makes of it, and on from there along with truncation."""
    run = make_run(tmp_path / "00000-pets", 0)
    (tmp_path / "photos").mkdir()
    for name, value in (("a.png", 40), ("b.jpg", 200)):
        Image.new("RGB", (30, 20), (value, 90, 120)).save(tmp_path / "photos" / name)
    call(
        invert, f"--run={run}", f"--images={tmp_path}/photos", "--steps=2", "--candidates=8",
        "--features=none",
    )  # fmt: skip
    said = capsys.readouterr().out
    assert all(text in said for text in ("a.png: ", "b.jpg: ", "dB"))
    with Image.open(run / "generated" / "inverted.png") as picture:
        assert picture.size[0] < picture.size[1] * 2  # two columns, two rows
    kept = run / "generated" / "inverted.npz"
    call(generate, f"--run={run}", f"--w={kept}", "--truncation=0.5")
    assert (run / "generated" / "inverted-psi0.5-step70.png").is_file()
    with pytest.raises(ValueError, match="--seeds: --w says what is drawn"):
        call(generate, f"--run={run}", f"--w={kept}", "--seeds=1")
    with pytest.raises(ValueError, match="of another generator"):
        load_w(kept, make_sampler(3, w_dim=24))
    with pytest.raises(ValueError, match=r"no file of python -m tgan_tf.invert"):
        load_w(tmp_path / "none.npz", make_sampler(0))
    with pytest.raises(ValueError, match="there is no such file or folder"):
        invert.find_images([str(tmp_path / "x.png")])
    (tmp_path / "photos" / "c.png").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"c.png cannot be read"):
        invert.read_images([tmp_path / "photos" / "c.png"], make_sampler(0))
