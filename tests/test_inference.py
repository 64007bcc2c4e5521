"""Seeds, classes and truncation to pictures."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tgan_tf
from tests.exporting.samplers import make_config, make_generator, make_run, make_sampler
from tgan_tf.exporting.portable_random import classes_numpy, normal_numpy


def assert_same(images, others):
    """Within one grey level: another batch size may sum in another order."""
    assert images.shape == others.shape
    assert np.abs(images.astype(int) - others.astype(int)).max() <= 1


def render(sampler, w):
    return sampler.modality.decode(sampler.generator.synthesis(tf.constant(w))).numpy()


def test_sample_is_decoded_synthesis_of_truncated_w():
    sampler, seeds, label = make_sampler(), [3, 4, 5, 6], np.int32([0, 1, 2, 2])
    w = sampler.generator.mapping(normal_numpy(seeds, 8), tf.constant(label)).numpy()
    mean = sampler.w_mean.numpy()[label]
    for psi in (1.0, 0.5, 0.0, -1.0):
        images = sampler.sample(seeds, label, psi)
        assert (images.dtype, images.shape) == (np.uint8, (4, 8, 12, 3))
        assert_same(images, render(sampler, mean + np.float32(psi) * (w - mean)))


def test_guidance():
    """s in w_null + s (w - w_null): 0 forgets the class, 1 is the class, more is further away."""
    sampler, seeds, label = make_sampler(condition_dropout=0.1), [3, 4, 5], np.int32([0, 1, 2])
    assert sampler.guided
    z = normal_numpy(seeds, 8)
    w = sampler.generator.mapping(z, tf.constant(label)).numpy()
    null = sampler.generator.mapping(z, tf.fill([3], 3)).numpy()
    assert np.abs(w - null).max() > 0.1
    means = sampler.w_mean.numpy()
    for scale in (0.0, 1.0, 2.5):
        guided = null + np.float32(scale) * (w - null)
        assert_same(sampler.sample(seeds, label, guidance=scale), render(sampler, guided))
        mean = means[3] + np.float32(scale) * (means[label] - means[3])
        images = sampler.sample(seeds, label, 0.5, scale)
        assert_same(images, render(sampler, mean + 0.5 * (guided - mean)))
    np.testing.assert_array_equal(
        sampler.sample(seeds, 0, guidance=0), sampler.sample(seeds, 1, guidance=0)
    )
    film = sampler.interpolate(3, 4, 3, [0, 1], guidance=2.5)
    assert_same(film[[0, 2]], sampler.sample([3, 4], [0, 1], guidance=2.5))
    with pytest.raises(ValueError, match=r"guidance=2: .* train one with --condition_dropout=0.1"):
        make_sampler().sample(seeds, guidance=2.0)


def test_samples_differ_between_seeds_and_classes():
    sampler = make_sampler()
    images = np.concatenate([sampler.sample(range(6), label) for label in range(3)])
    assert len(np.unique(images.reshape(18, -1), axis=0)) == 18
    means = sampler.sample([1, 2, 1], [0, 0, 1], truncation=0)
    np.testing.assert_array_equal(means[0], means[1])
    assert (means[0] != means[2]).any()


@pytest.mark.parametrize("num_classes", [3, 0])
def test_mean_w(num_classes):
    sampler = make_sampler(num_classes)
    z = normal_numpy(np.arange(4096), 8)
    for index in range(max(1, num_classes)):
        label = tf.fill([4096], index) if num_classes else None
        mean = sampler.generator.mapping(z, label).numpy().mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(sampler.w_mean[index], mean, atol=1e-5)


def test_ways_to_name_a_class():
    sampler, seeds = make_sampler(), range(5)
    own = sampler.sample(seeds)
    np.testing.assert_array_equal(own, sampler.sample(seeds, classes_numpy(seeds, 3)))
    one = sampler.sample(seeds, 2)
    for label in ("T-shirt/top", np.int64(2), [2] * 5, ["T-shirt/top", 2, 2, 2, 2], np.full(5, 2)):
        np.testing.assert_array_equal(one, sampler.sample(seeds, label))


def test_batches_change_nothing_and_trace_once():
    sampler, done = make_sampler(), []
    whole = sampler.sample(range(10))
    parts = sampler.sample(
        iter(range(10)), batch_size=4, progress=lambda *counts: done.append(counts)
    )
    assert_same(whole, parts)
    assert_same(whole[7:8], sampler.sample([7]))
    assert done == [(4, 10), (8, 10), (10, 10)]
    assert sampler._render.experimental_get_tracing_count() == 1


def test_unconditional():
    sampler = make_sampler(0)
    images = sampler.sample([1, 2, 3])
    z = normal_numpy([1, 2, 3], 8)
    assert_same(images, sampler.modality.decode(sampler.generator(z)).numpy())
    assert_same(sampler.interpolate(1, 2, 3)[[0, 2]], images[:2])


def test_interpolation():
    sampler = make_sampler()
    film = sampler.interpolate(11, 12, 5, label="dog", truncation=0.8, batch_size=2)
    assert film.shape == (5, 8, 12, 3)
    assert_same(film[[0, -1]], sampler.sample([11, 12], 1, 0.8))
    z = normal_numpy([11, 12], 8)
    w = sampler.generator.mapping(z, tf.constant([1, 1])).numpy()
    mean = sampler.w_mean[1].numpy()
    middle = mean + np.float32(0.8) * (w.mean(axis=0) - mean)
    assert_same(film[2:3], render(sampler, middle[np.newaxis]))


def test_interpolation_between_classes():
    sampler = make_sampler()
    assert_same(sampler.interpolate(5, 6, 3, ["cat", 2])[[0, 2]], sampler.sample([5, 6], [0, 2]))
    assert_same(sampler.interpolate(5, 6, 2), sampler.sample([5, 6]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": []}, "seeds is empty"),
        ({"seeds": [1.5]}, "seeds must be integers"),
        ({"seeds": 3}, "seeds must be integers"),
        ({"seeds": [2**31]}, "2147483648 is outside of int32"),
        ({"seeds": [1], "label": 3}, "3 is not a class; they are 0 to 2"),
        ({"seeds": [1], "label": -1}, "-1 is not a class"),
        ({"seeds": [1], "label": "dig"}, "did you mean 'dog'?"),
        ({"seeds": [1], "label": "xyz"}, "they are cat, dog, T-shirt/top"),
        ({"seeds": [1], "label": 1.0}, "label must be"),
        ({"seeds": [1, 2], "label": [0, 1, 2]}, "3 classes for 2 seeds"),
        ({"seeds": [1], "truncation": float("nan")}, "truncation must be a finite number"),
        ({"seeds": [1], "batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_what_cannot_work_is_named(arguments, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        make_sampler().sample(**arguments)


def test_other_errors():
    with pytest.raises(ValueError, match="the generator is unconditional"):
        make_sampler(0).sample([1], label=0)
    with pytest.raises(ValueError, match="steps must be at least 2"):
        make_sampler().interpolate(1, 2, 1)


def test_load_from_run_and_from_checkpoint(tmp_path):
    run = make_run(tmp_path / "00001-x", steps=(20, 30))
    for path, step in ((run, 30), (run / "checkpoints" / "ckpt-20", 20)):
        sampler = tgan_tf.load(path)
        assert (sampler.step, sampler.path) == (step, run)
        weights = make_generator(make_config(), seed=step).get_weights()
        for loaded, saved in zip(sampler.generator.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(loaded, saved)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "float64"])
def test_load_rebuilds_in_float32(tmp_path, precision):
    run = make_run(tmp_path / "run", precision=precision, penalty="exact")
    sampler = tgan_tf.load(str(run))
    assert sampler.generator.compute_dtype == sampler.generator.variable_dtype == "float32"
    assert_same(sampler.sample(range(4)), make_sampler_of(run).sample(range(4)))


def make_sampler_of(run):
    """From the same weights, without `load`."""
    config = make_config()
    generator = make_generator(config, seed=70)
    return tgan_tf.Sampler(config, generator, make_sampler().modality)


def test_load_says_what_to_give(tmp_path):
    with pytest.raises(FileNotFoundError, match="give a run directory"):
        tgan_tf.load(tmp_path)
    run = make_run(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="no checkpoint here"):
        tgan_tf.load(run / "checkpoints" / "ckpt-999")
