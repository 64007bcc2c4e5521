"""What is measured of a few samples, where the answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.runs import resolved
from tgan_tf.config import DataConfig
from tgan_tf.data.sources import load_source
from tgan_tf.data.types import Source
from tgan_tf.gan import TransformerGAN
from tgan_tf.training.probe import Probe, _chosen, _explained


@pytest.fixture(scope="module")
def source() -> Source:
    return load_source(DataConfig())


@pytest.fixture(scope="module")
def gan() -> TransformerGAN:
    return TransformerGAN(resolved(g_depths=(0,)))


def of_samples(gan: TransformerGAN, source: Source, change) -> dict[str, Any]:
    """What is said of generated images that are ``change`` of the real ones."""
    rows = _chosen(source.train, 160, True)
    images = np.asarray(source.train.samples[rows])

    def sample(seeds, label) -> np.ndarray:
        np.testing.assert_array_equal(label, source.train.labels[rows])
        return change(images, label)

    return Probe(gan, source, sample, 160)()


def test_real_images_are_as_good_as_real_images(gan, source) -> None:
    numbers = of_samples(gan, source, lambda images, label: images)
    for name in ("diversity", "spacing", "conditioning", "probe_coverage", "probe_precision"):
        assert numbers[name] == pytest.approx(1)
    assert numbers["class_diversity"] == pytest.approx({str(i): 1 for i in range(10)})
    assert numbers["probe_frechet"] == pytest.approx(0, abs=1e-3)


def test_labels_that_do_nothing_explain_nothing(gan, source) -> None:
    def shuffled(images, label):
        return images[np.random.default_rng(0).permutation(len(images))]

    numbers = of_samples(gan, source, shuffled)
    assert numbers["conditioning"] < 0.1
    assert numbers["diversity"] == pytest.approx(1)


def test_one_sample_for_all_has_no_spread(gan, source) -> None:
    numbers = of_samples(gan, source, lambda images, label: images[:1].repeat(160, axis=0))
    assert numbers["diversity"] == pytest.approx(0, abs=1e-3)
    assert numbers["spacing"] == pytest.approx(0, abs=1e-2)
    assert numbers["probe_coverage"] < 0.1


def test_one_sample_for_a_class(gan, source) -> None:
    def change(images, label):
        first = images[np.argmax(label == 4)]
        return np.where((label == 4)[:, None, None, None], first, images)

    classes = of_samples(gan, source, change)["class_diversity"]
    assert classes.pop("4") == pytest.approx(0, abs=1e-3)
    assert min(classes.values()) == pytest.approx(1)


def test_logits_are_those_of_the_discriminator(gan, source) -> None:
    probe = Probe(gan, source, lambda seeds, label: source.train.samples[seeds], 160)
    numbers, (images, label) = probe(), probe._train
    # Whole batches, of all classes.
    assert len(images) == 128
    assert set(label[:64]) == set(range(10))
    logits = gan.discriminator(gan.modality.encode(images), label).numpy()
    assert numbers["d_train"] == pytest.approx(logits.mean(), rel=1e-4)
    assert numbers["sign_train"] == pytest.approx(np.sign(logits).mean())


def test_overfitting_is_the_share_of_the_gap(gan, source, monkeypatch) -> None:
    """Logits 4, 3 and 0: a quarter of what D tells apart it knows by heart."""
    spread = np.array([-1.0, 1.0])
    answers = [4 + spread.repeat(50), 3 + spread.repeat(50)]
    probe = Probe(gan, source, lambda seeds, label: np.zeros((160, 8, 8, 1), np.uint8), 160)
    monkeypatch.setattr(probe, "_logits_of", lambda images, label: answers.pop(0))
    monkeypatch.setattr(probe, "_draw", lambda z, label: 0 * z.numpy()[:, 0])
    numbers = probe._of_logits()
    assert numbers["overfit"] == pytest.approx(0.25)
    # Both means have a standard error of a tenth.
    assert numbers["overfit_error"] == pytest.approx(np.sqrt(2) * 0.1 / 4)
    assert numbers["logit_scale"] == pytest.approx(np.sqrt(0.5 + 4))


def test_without_labels_nothing_is_said_of_classes(source) -> None:
    gan = TransformerGAN(resolved(g_depths=(0,), conditional=False, num_classes=0))
    numbers = Probe(gan, source, lambda seeds, label: source.train.samples[seeds], 64)()
    assert not {"class_diversity", "conditioning"} & set(numbers)
    assert numbers["d_val"] is not None


def test_what_classes_explain() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 4
    noise = rng.standard_normal((2000, 3))
    assert _explained(noise, labels) == pytest.approx(0, abs=0.01)
    # Means with variance 5 / 4 beside noise of variance 1.
    moved = noise[:, :1] + labels[:, None]
    assert _explained(moved, labels) == pytest.approx(1.25 / 2.25, abs=0.02)


def test_every_class_has_as_many(source) -> None:
    rows = _chosen(source.train, 160, True)
    assert np.bincount(source.train.labels[rows]).tolist() == [16] * 10
    assert len(np.unique(rows)) == 160
