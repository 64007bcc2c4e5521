"""Attributes and vectors as conditions: what is asked for, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tgan_tf
from export import kit
from export.serving.__main__ import read_label
from tests.exporting.samplers import ATTRIBUTES, VECTOR, make_config, make_run, make_sampler
from tests.games import configure
from tests.test_inference import assert_same, render
from tgan_tf import Sampler, TransformerGAN, conditions
from tgan_tf.conditions import condition_of
from tgan_tf.control import find
from tgan_tf.data.types import SampleSet
from tgan_tf.exporting import to_saved_model, to_tflite
from tgan_tf.exporting.portable_random import classes_numpy, normal_numpy
from tgan_tf.exporting.reader import ExportedSampler
from tgan_tf.training.preview import Preview

SEEDS = [3, 4, 5]


def test_guided_truncated_samples():
    """As of classes; the mean is that of the label, over 64 latents."""
    sampler, count = make_sampler(0, condition_dropout=0.1, **VECTOR), 3
    label = np.random.default_rng(0).normal(size=(3, count)).astype(np.float32)
    mapping = sampler.generator.mapping
    z = normal_numpy(SEEDS, 8)
    padded = np.pad(label, [(0, 0), (0, 1)])
    none = np.eye(count + 1, dtype=np.float32)[[count]]
    w, null = mapping(z, padded).numpy(), mapping(z, np.repeat(none, 3, 0)).numpy()
    latents = normal_numpy(np.arange(64), 8)
    means = np.stack([mapping(latents, np.tile(row, (64, 1))).numpy().mean(0) for row in padded])
    mean_null = mapping(normal_numpy(np.arange(4096), 8), np.tile(none, (4096, 1))).numpy().mean(0)
    assert np.abs(w - null).max() > 0.1
    for psi, scale in ((1.0, 1.0), (0.5, 1.0), (1.0, 2.5), (0.5, 2.5)):
        guided = null + np.float32(scale) * (w - null)
        mean = mean_null + np.float32(scale) * (means - mean_null)
        expected = render(sampler, mean + np.float32(psi) * (guided - mean))
        assert_same(sampler.sample(SEEDS, label, psi, scale), expected)
    film = sampler.interpolate(3, 4, 3, label[:2], guidance=2.5)
    assert_same(film[[0, 2]], sampler.sample([3, 4], label[:2], guidance=2.5))


def test_ways_to_name_attributes():
    sampler = make_sampler(0, **ATTRIBUTES)
    one = sampler.sample(SEEDS, np.float32([0, 1]))
    for label in ("smile", ["smile"], {"smile": 1}, {"smile": 1, "hat": 0}, [[0, 1]] * 3):
        np.testing.assert_array_equal(one, sampler.sample(SEEDS, label))
    both = sampler.sample(SEEDS, ["hat", "smile"])
    assert (both != one).any()
    np.testing.assert_array_equal(sampler.sample(SEEDS, []), sampler.sample(SEEDS, {}))
    with pytest.raises(ValueError, match="no attribute is named 'hatt'; did you mean 'hat'"):
        sampler.sample([1], "hatt")
    with pytest.raises(ValueError, match=r"shape \[3\]; give \[2\] for all samples, or \[1, 2\]"):
        sampler.sample([1], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="all numbers must be finite"):
        sampler.sample([1], {"hat": np.nan})


def test_at_the_prompt(tmp_path):
    attributes = condition_of(make_config(0, **ATTRIBUTES))
    assert attributes.parse("hat:0.5, smile") == {"hat": 0.5, "smile": 1.0}
    assert attributes.parse("none") == {}
    with pytest.raises(ValueError, match=r"'hat:x': give names, like hat or hat:0.5"):
        attributes.parse("hat:x")
    names, rows = attributes.rows(2)
    assert names == ("none", "hat")
    np.testing.assert_array_equal(rows, [[0, 0], [1, 0]])
    assert attributes.tag(rows[1]) == "attributes10"
    vector = condition_of(make_config(0, **VECTOR))
    np.save(tmp_path / "v.npy", [1.0, 2, 3])
    asked = vector.check(vector.parse(str(tmp_path / "v.npy")), [4, 5])
    np.testing.assert_array_equal(asked, [[1, 2, 3]] * 2)
    with pytest.raises(ValueError, match=r"label: .*w.npy: no .npy file"):
        vector.parse(str(tmp_path / "w.npy"))
    with pytest.raises(ValueError, match="label: could not convert"):
        vector.check("hat", [4])
    assert vector.rows()[0] == ()
    assert read_label([]) is None
    np.testing.assert_array_equal(read_label(["1", "0.5"]), np.float32([1, 0.5]))
    with pytest.raises(ValueError, match="--label=hat: give numbers"):
        read_label(["hat"])


def test_seeds_take_what_the_run_keeps(tmp_path):
    """Without, what is made up: any attributes, a vector of length 1."""
    made_up = make_sampler(0, **VECTOR).condition.of_seeds(range(100))
    np.testing.assert_allclose(np.linalg.norm(made_up, axis=1), 1, rtol=1e-6)
    some = make_sampler(0, **ATTRIBUTES).condition.of_seeds(range(100))
    assert set(np.unique(some)) == {0, 1}
    assert 30 < some[:, 0].sum() < 70
    run = make_run(tmp_path / "run", 0, **VECTOR)
    of_data = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    kept = conditions.chosen(SampleSet(np.zeros((700, 1, 1, 1), np.uint8), of_data))
    conditions.save(kept, run)
    assert kept.numbers.shape == (256, 3)
    sampler = tgan_tf.load(run)
    own = kept.numbers[classes_numpy(SEEDS, 256)]
    assert_same(sampler.sample(SEEDS), sampler.sample(SEEDS, own))
    assert (
        conditions.chosen(SampleSet(np.zeros((5, 1), np.uint8), np.arange(5, dtype=np.int32)))
        is None
    )
    (run / conditions.FILE).write_bytes(b"no")
    with pytest.raises(ValueError, match=r"conditions.npz cannot be read"):
        tgan_tf.load(run)
    conditions.save(conditions.Kept(kept.numbers[:, :2]), run)
    with pytest.raises(ValueError, match="of another generator; delete it"):
        tgan_tf.load(run)


def test_training(tmp_path):
    """A step of the game learns the vectors of all conditions, and of none."""
    config = configure(0, condition_dropout=0.5, batch_size=8, precision="float32")
    config = config.resolve(image_size=(8, 8), channels=1, **ATTRIBUTES)
    gan = TransformerGAN(config)
    label = np.random.default_rng(0).normal(size=(8, config.data.condition_width))
    rows = [gan.generator.mapping_network.embedding, gan.discriminator.embedding]
    before = [row.numpy() for row in rows]
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), np.uint8)
    gan.make_step()((tf.constant(pixels), tf.constant(label)))
    for row, old in zip(rows, before, strict=True):
        assert (row.numpy() != old).any(axis=1).all()
    with pytest.raises(ValueError, match=r"labels of shape \(8, 7\): give \d numbers for each"):
        gan.train_step((tf.constant(pixels), tf.zeros((8, 7))))
    kept = conditions.Kept(label.astype(np.float32))
    preview = Preview(gan, tmp_path, kept)
    sampler = Sampler(config, gan.ema_generator, gan.modality, kept=kept)
    assert_same(preview.sample(SEEDS), sampler.sample(SEEDS))
    assert preview.classes().shape[0] > 3 * 8


@pytest.mark.parametrize("kind", ["attributes", "vector"])
def test_exports(kind, tmp_path):
    """Every signature against Keras, and the reader of the file."""
    path = tmp_path / "model"
    if kind == "attributes":
        sampler = make_sampler(0, **ATTRIBUTES)
        kept = to_saved_model(sampler, path)
        assert "One attribute a row" in (kept.path / "README.md").read_text()
    else:
        sampler = make_sampler(0, condition_dropout=0.1, **VECTOR)
        kept = to_tflite(sampler, path)
        with pytest.raises(ValueError, match="controls for label; the model takes condition"):
            kit.describe(path, "")
    assert max(kept.errors.values()) <= 1
    label = sampler.condition.of_seeds([1, 2])
    exported = ExportedSampler(path)
    assert exported.condition == sampler.condition.name
    assert_same(exported.sample([1, 2], label), sampler.sample([1, 2], label))


def test_boundaries_of_attributes():
    sampler = make_sampler(0, **ATTRIBUTES)
    found = find(sampler, "boundary", 0)
    assert found.names == ("to_hat", "to_smile")
    z = tf.constant(normal_numpy(range(200), 8))
    with_hat, without = (
        sampler.generator.mapping(z, tf.constant([[hat, 0.0]] * 200)).numpy().mean(0)
        for hat in (1.0, 0.0)
    )
    assert (with_hat - without) @ found.vectors[0] > 0
    with pytest.raises(ValueError, match="needs classes or attributes"):
        find(make_sampler(0, **VECTOR), "boundary", 0)
