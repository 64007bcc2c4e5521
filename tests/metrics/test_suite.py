"""The suite with networks made of two lines: names, records, streams, plug-ins."""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from tgan_tf.metrics import suite
from tgan_tf.metrics.feature_statistics import FeatureStatistics, gather
from tgan_tf.metrics.features import check_images
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.suite import Definitions, compute_metrics


class Pixels:
    """The first pixels of an image as its features."""

    name, identity, dim = "pixels", "pixels/first-12", 12

    def __call__(self, images):
        return check_images(images).reshape(len(images), -1)[:, :12].astype(np.float32)


class Brightness(Pixels):
    """Also a classifier of two classes: dark and bright."""

    name, identity = "classifier", "brightness/1"

    def features_and_logits(self, images):
        features = self(images)
        bright = features.mean(1) - 127.5
        return features, np.stack([-bright, bright], 1)


def images(seed, count=300, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (count, 4, 4, 3), dtype=np.uint8)


def batches(data, size, labels=None):
    for start in range(0, len(data), size):
        part = data[start : start + size]
        yield part if labels is None else (part, labels[start : start + size])


SMALL = Definitions(kernel_subset_size=100, kernel_subsets=5)


def test_all_metrics_of_one_pass_over_the_images():
    labels = np.arange(300) % 2
    fake = images(1)
    fake[labels == 1] |= 128
    fake[labels == 0] &= 127
    fake[:30] = 255 - fake[:30]  # these are wrong
    extractors = [Pixels(), Brightness()]
    seen = []
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    real = gather(extractors, batches(images(0), 100))
    made = gather(extractors, batches(fake, 77, labels), total=300, progress=progress)
    assert seen[-1] == (300, 300)

    results = {}
    for extractor in extractors:
        which = [*suite.DEFAULT, "inception_score", "class_accuracy"]
        results |= compute_metrics(
            real[extractor.name],
            made[extractor.name],
            which if extractor.name == "classifier" else suite.DEFAULT,
            extractor=extractor,
            definitions=SMALL,
        )
    assert list(results) == [
        *(f"{name}_pixels" for name in suite.DEFAULT),
        *(f"{name}_classifier" for name in suite.DEFAULT),
        "inception_score_classifier",
        "class_accuracy",
    ]
    accuracy = results["class_accuracy"]
    assert accuracy.value == pytest.approx(0.9)
    assert accuracy.interval.low < 0.9 < accuracy.interval.high
    assert accuracy.details["per_class"] == pytest.approx([0.9, 0.9])
    assert accuracy.details["missing"] == []
    assert results["inception_score_classifier"].value == pytest.approx(2, rel=0.05)
    frechet = results["frechet_pixels"]
    assert (frechet.real, frechet.fake) == (300, 300)
    assert frechet.extractor == "pixels/first-12"
    precision = results["precision_pixels"]
    assert precision.interval.low <= precision.value <= precision.interval.high
    assert precision.details == {"k": 5, "closed": False}
    record = json.loads(json.dumps({name: r.to_dict() for name, r in results.items()}))
    assert record["precision_pixels"]["interval"] == list(precision.interval)
    assert record["kernel_pixels"]["details"]["subset_size"] == 100


def test_streams_of_features_are_statistics_too():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400, 5)).astype(np.float32)
    moments_a, moments_b = Moments(), Moments()
    moments_a.update(a)
    moments_b.update(b)
    results = compute_metrics(
        batches(a, 30), batches(b, 400), ["frechet"], extractor=Pixels(), definitions=SMALL
    )
    assert results["frechet_pixels"].value == pytest.approx(
        frechet_distance(moments_a, moments_b), rel=1e-9
    )


def test_kernel_subsets_shrink_only_when_asked():
    a, b = np.random.default_rng(0).normal(size=(2, 50, 5))
    with pytest.raises(ValueError, match="1000 samples and there are 50"):
        compute_metrics([a], [b], ["kernel"], extractor=Pixels())
    definitions = Definitions(kernel_subset_size=0)
    results = compute_metrics([a], [b], ["kernel"], extractor=Pixels(), definitions=definitions)
    assert results["kernel_pixels"].details["subset_size"] == 50


def test_a_new_metric_plugs_in(monkeypatch):
    monkeypatch.setattr(suite, "_FAMILIES", dict(suite._FAMILIES))

    def shift(real, fake, definitions):
        value = float(np.linalg.norm(real.moments.mean - fake.moments.mean))
        return {"shift": suite.Outcome(value, real.count, fake.count)}

    suite.register_family(["shift"], shift)
    results = compute_metrics([np.zeros((3, 4))], [np.ones((3, 4))], ["shift"], extractor=Pixels())
    assert results["shift_pixels"].value == 2
    with pytest.raises(ValueError, match="exists already"):
        suite.register_family(["shift"], shift)


def test_kept_samples_are_a_uniform_choice():
    """A set sorted by class: the kept ones must not be its start, and rows stay together."""
    kept = FeatureStatistics(keep=500, seed=0)
    for start in range(0, 10_000, 64):
        rows = np.arange(start, min(start + 64, 10_000))
        kept.update(rows[:, None].astype(np.float32), labels=rows)
    assert (kept.count, kept.kept) == (10_000, 500)
    np.testing.assert_array_equal(kept.features[:, 0], kept.labels)
    assert len(np.unique(kept.labels)) == 500
    # mean of 500 uniform draws from 0..9999: 5000 +- 130
    assert abs(kept.labels.mean() - 5000) < 4 * 130
    assert kept.moments.mean[0] == pytest.approx(4999.5)


def test_all_samples_are_kept_in_order_when_they_fit():
    statistics = FeatureStatistics(keep=100)
    features = np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)
    for batch in batches(features, 9):
        statistics.update(batch)
    np.testing.assert_array_equal(statistics.features, features)
    back = FeatureStatistics.from_arrays(statistics.to_arrays())
    np.testing.assert_array_equal(back.features, features)
    assert (back.count, back.labels) == (70, None)
    np.testing.assert_array_equal(back.moments.cov(), statistics.moments.cov())


def test_memory_does_not_grow_with_the_number_of_images():
    """Ten times as many images take no more; one of their batches has 12 kB, all have 1.2 MB."""

    def most(count):
        stream = (images(number, 256) for number in range(count))
        tracemalloc.start()
        gather([Pixels()], stream, keep=300)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(2)
    few, many = most(10), most(100)
    assert many < few + 12_000


def test_numbers_need_no_tensorflow():
    code = "import sys, tgan_tf.metrics.suite; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_refusals():
    with pytest.raises(ValueError, match=r"no metric fid; known are .*frechet"):
        compute_metrics([], [], ["fid"], extractor=Pixels())
    with pytest.raises(ValueError, match="both must come from one network"):
        compute_metrics([np.ones((3, 2))], [np.ones((3, 4))], extractor=Pixels())
    with pytest.raises(ValueError, match="NaN"):
        compute_metrics([np.ones((3, 2))], [np.full((3, 2), np.nan)], extractor=Pixels())
    with pytest.raises(ValueError, match="class_accuracy needs the data set's classifier"):
        compute_metrics(
            [np.ones((3, 2))], [np.ones((3, 2))], ["class_accuracy"], extractor=Pixels()
        )
    with pytest.raises(ValueError, match="no images"):
        gather([Pixels()], [])
    with pytest.raises(ValueError, match="same name"):
        gather([Pixels(), Pixels()], [images(0)])
    with pytest.raises(ValueError, match=r"uint8.*float32 and hold NaN"):
        gather([Pixels()], [np.full((2, 4, 4, 3), np.nan, np.float32)])
    statistics = FeatureStatistics()
    statistics.update(np.ones((2, 3)), labels=np.zeros(2))
    with pytest.raises(ValueError, match="earlier ones had features, labels"):
        statistics.update(np.ones((2, 3)))
    with pytest.raises(ValueError, match="1 labels for 2"):
        statistics.update(np.ones((2, 3)), labels=np.zeros(1))
