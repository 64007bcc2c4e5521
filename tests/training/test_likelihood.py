"""What is kept of likelihood alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tests.exporting.samplers import make_config, make_generator, make_run
from tgan_tf.training.likelihood import keep, load_likelihood


def test_is_kept_once_and_found_by_later_steps(tmp_path):
    run = make_run(tmp_path / "00000-digits", steps=(30, 70))
    assert load_likelihood(run, 70) is None
    assert load_likelihood(None, 70) is None
    sampler = None
    # A training that went back comes to the same step with other weights.
    for seed in (1, 2):
        config = make_config()
        generator = make_generator(config, seed=seed)
        gan = SimpleNamespace(ema_generator=generator, step=tf.Variable(50, dtype=tf.int64))
        keep(run / "likelihood", gan, 50)
        sampler = load_likelihood(run, 51)
        for one, two in zip(sampler.generator.weights, generator.weights, strict=True):
            np.testing.assert_array_equal(one, two)
    assert (sampler.step, sampler.path) == (50, run)
    assert load_likelihood(run, 50) is None
    assert {path.name for path in run.glob("checkpoints/*.index")} == {
        "ckpt-30.index",
        "ckpt-70.index",
    }
