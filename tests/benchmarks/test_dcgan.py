"""The baseline is what its docstring says, and learns."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.dcgan import BATCH_SIZE, DCGAN
from tgan_tf.data.pipeline import make_dataset
from tgan_tf.data.types import SampleSet


def bright_and_dark(count: int = 256) -> SampleSet:
    """Class 0 is nearly black, class 1 nearly white."""
    labels = np.arange(count, dtype=np.int32) % 2
    noise = np.random.default_rng(0).integers(0, 30, (count, 4, 4, 1))
    images = noise + 225 * labels[:, None, None, None]
    return SampleSet(images.astype(np.uint8), labels)


def test_parameters_at_28():
    gan = DCGAN((28, 28, 1), 10, learning_rate=2e-4)
    assert gan.generator.count_params() == 815_009
    assert gan.discriminator.count_params() == 148_801


@pytest.mark.parametrize("half_life", [0.0, 0.1])
def test_classes_are_learned(half_life):
    images = bright_and_dark()
    gan = DCGAN((4, 4, 1), 2, learning_rate=2e-3, ema_half_life_kimg=half_life)
    batches = make_dataset(images, batch_size=BATCH_SIZE, seed=0)
    for batch in batches.take(300):
        gan.step(batch)
    assert int(gan.images_shown) == 300 * BATCH_SIZE
    samples = gan.sample(range(40), np.arange(40) % 2)
    assert samples.shape == (40, 4, 4, 1)
    assert samples.dtype == np.uint8
    assert samples[1::2].mean() > samples[::2].mean() + 60
    np.testing.assert_array_equal(samples, gan.sample(range(40), np.arange(40) % 2))


def test_trains_for_the_time_given():
    gan = DCGAN((4, 4, 1), 2, learning_rate=2e-3)
    assert gan.train(bright_and_dark(), minutes=0.01) >= 0.6
    assert int(gan.images_shown) >= BATCH_SIZE


def test_size():
    with pytest.raises(ValueError, match="multiples of 4"):
        DCGAN((30, 28, 1), 10, learning_rate=2e-4)
