"""One judge for all generators: the same real images, networks and number of samples.

The metrics are those of `tgan_tf.evaluation`, in the features of the data set's classifier and,
where the package with its weights is installed, of EfficientNet-Lite0. Whether samples are of the
class that they were made for is also said by a second classifier of another architecture, which
nothing else in the project uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks import tables
from tgan_tf import evaluation
from tgan_tf.config import Config
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.inference import Sampler
from tgan_tf.metrics import efficientnet_lite
from tgan_tf.metrics.class_accuracy import class_report
from tgan_tf.networks import build_discriminator
from tgan_tf.training.journal import Journal
from tgan_tf.training.progress import Console

METRICS = ("frechet", "precision_recall", "density_coverage", "class_accuracy")

Sample = Callable[[Sequence[int], np.ndarray], np.ndarray]  # (seeds, labels) -> uint8 [N, H, W, C]
Row = dict[str, Any]


@dataclass(frozen=True)
class Contestant:
    """A trained generator as the judge sees it.

    Attributes:
        name: for the table.
        sample: (seeds, classes), N of each -> uint8 ``[N, H, W, C]``.
        minutes: of training, wall-clock.
        images_shown: real images shown in training.
        parameters: of the generator and of the discriminator.
    """

    name: str
    sample: Sample
    minutes: float
    images_shown: int
    parameters: tuple[int, int]

    @classmethod
    def from_run(cls, sampler: Sampler, folder: Path) -> Contestant:
        """A run as its files tell; its time includes compilation and snapshots.

        Raises:
            ValueError: the run is unconditional, or its metrics.jsonl has no row.
        """
        ticks = Journal(folder / "metrics.jsonl").rows("tick")
        if not ticks or not sampler.num_classes:
            raise ValueError(
                f"--run={folder}: the comparison needs a trained run with classes; this one has"
                f" {len(ticks)} rows in metrics.jsonl and {sampler.num_classes} classes"
            )
        discriminator = build_discriminator(sampler.config)
        return cls(
            name="transformer",
            sample=sampler.sample,
            minutes=ticks[-1]["seconds"] / 60,
            images_shown=round(1000 * ticks[-1]["kimg"]),
            parameters=(sampler.generator.count_params(), discriminator.count_params()),
        )

    def about(self) -> Row:
        """What is known without a judge."""
        return {
            "name": self.name,
            "minutes": self.minutes,
            "images_per_second": self.images_shown / (60 * self.minutes),
            "images_shown": self.images_shown,
            "generator_parameters": self.parameters[0],
            "discriminator_parameters": self.parameters[1],
        }


class Judge:
    """Compares generators with the held-out real images of a labelled data set.

    Args:
        source: trains the classifiers with its training split.
        config: resolved; says how many samples are judged, and where the first classifier is kept.
        console: shows what goes on.
    """

    def __init__(self, source: Source, config: Config, console: Console) -> None:
        self._source, self._console = source, console
        extractors = ["classifier", "efficientnet_lite0"]
        try:
            efficientnet_lite.weights_file()
        except efficientnet_lite.MissingWeightsError as error:
            console.say(f"without efficientnet_lite0: {error}")
            extractors.pop()
        self._config = config.replace(metrics=METRICS, extractors=extractors)
        console.say("training the second classifier ...")
        self._second = second_classifier(*labelled(source.train), source.num_classes)

    def rank(self, contestants: Sequence[Contestant]) -> list[Row]:
        """All that is known of each, in a row; a last row is for real training images."""
        return [one.about() | self.measure(one.sample) for one in contestants] + [self._of_reals()]

    def measure(self, sample: Sample) -> Row:
        """Numbers by name; ``class_accuracy_second`` is the second classifier's."""
        result = self._measure(sample)
        count = self._config.evaluation.eval_samples
        labels = np.arange(count, dtype=np.int32) % self._source.num_classes
        return {
            **{name: metric.value for name, metric in result.results.items()},
            "class_accuracy_second": self._recognised(sample(range(count), labels), labels),
        }

    def _measure(self, sample: Sample) -> evaluation.Evaluation:
        return evaluation.measure(
            sample, self._source, self._config, counting=self._console.counting
        )

    def _of_reals(self) -> Row:
        """What a generator would reach that draws from the training split.

        The classifiers were trained on these very images, so their accuracy is that on the
        held-out ones.
        """
        images, labels = labelled(self._source.train)
        members = [np.flatnonzero(labels == label) for label in range(self._source.num_classes)]

        def draw(seeds: Sequence[int], labels: np.ndarray) -> np.ndarray:
            rows = [
                members[label][seed % len(members[label])]
                for seed, label in zip(seeds, labels, strict=True)
            ]
            return images[rows]

        result = self._measure(draw)
        return {
            "name": "real images",
            **{name: metric.value for name, metric in result.results.items()},
            "class_accuracy": result.classifier_accuracy,
            "class_accuracy_second": self._recognised(*labelled(self._source.val)),
        }

    def _recognised(self, images: np.ndarray, labels: np.ndarray) -> float:
        logits = self._second.predict(images, batch_size=500, verbose=0)  # [N, num_classes]
        return class_report(logits.argmax(axis=1), labels, self._source.num_classes).accuracy


def write_table(rows: Sequence[Row], path: Path) -> str:
    """Writes PATH.json and PATH.md, a column for each contestant; gives the Markdown."""
    cells = [["", *(row["name"] for row in rows)], ["---"] * (len(rows) + 1)]
    cells += [[key, *(_text(row.get(key)) for row in rows)] for key in rows[0] if key != "name"]
    text = "".join(f"| {' | '.join(line)} |\n" for line in cells)
    return tables.save(text, rows, path)


def _text(value: float | int | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def second_classifier(images: np.ndarray, labels: np.ndarray, num_classes: int) -> keras.Model:
    """uint8 images -> logits: 5x5 convolutions, max pooling, two dense layers (LeCun et al. 1998).

    The features' classifier has 3x3 convolutions, strides, batch normalisation and mean pooling.
    Three passes over 60,000 images of 28x28 take about a minute.
    """
    keras.utils.set_random_seed(1998)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input(images.shape[1:], dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(num_classes),
        ],
        name="second_classifier",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-3), loss)
    network.fit(images, labels, batch_size=128, epochs=3, verbose=0)
    return network


def labelled(images: SampleSet) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, which must be there."""
    if images.labels is None:
        raise ValueError("--dataset: the comparison needs a data set with labels")
    return images.samples, images.labels
