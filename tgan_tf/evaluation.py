"""How good samples are: the metrics of ``tgan_tf.metrics``, applied to a generator and its data.

Names of results carry the network that saw the samples, as in ``frechet_classifier``: a number is
comparable only with others of the same name.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.cache import cache_root
from tgan_tf.data.opaque import OpaqueRows, opaque
from tgan_tf.data.sources import load_source
from tgan_tf.data.types import ImageSet, Source
from tgan_tf.files import replacing
from tgan_tf.inference import Sampler, load
from tgan_tf.metrics import efficientnet_lite
from tgan_tf.metrics.classifier import Classifier, train_classifier
from tgan_tf.metrics.extractors import load_extractor
from tgan_tf.metrics.feature_statistics import FeatureStatistics, gather
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.suite import Definitions, Result, compute_metrics

Progress = Callable[[int, int], None]
# Says what is counted, gives a progress callback.
Counting = Callable[[str], AbstractContextManager[Progress]]
# (seeds, label or None) -> uint8 [N, H, W, C]
Sample = Callable[[Sequence[int], Any], np.ndarray]

# The flags' names of what is computed together.
_GROUPS = {
    "frechet": ("frechet",),
    "kernel": ("kernel",),
    "precision_recall": ("precision", "recall"),
    "density_coverage": ("density", "coverage"),
    "class_accuracy": ("class_accuracy",),
}
# With fewer held-out images than this the training split is the reference.
_FEWEST_HELD_OUT = 2000
_MOST_REALS = 50_000  # as many as published distances use
_MOST_NEIGHBOURS = 10_000  # samples of either set in metrics that compare all pairs
_AT_ONCE = 256


class EvaluationError(RuntimeError):
    """Samples that cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and on what.

    Attributes:
        results: by name, see ``tgan_tf.metrics.suite``.
        reference: which real images: "held-out" or "training".
        reals: how many.
        fakes: generated samples, of the seeds 0 to ``fakes`` - 1.
        classifier_accuracy: of the data set's classifier on held-out real images; None: not used.
        seconds: of everything.
    """

    results: Mapping[str, Result]
    reference: str
    reals: int
    fakes: int
    classifier_accuracy: float | None
    seconds: float

    def row(self, step: int, config: Config) -> dict[str, Any]:
        """The row of ``metrics.jsonl``."""
        details = {name: result.to_dict() for name, result in self.results.items()}
        for detail in details.values():
            del detail["value"], detail["seconds"]
        return {
            "kind": "evaluation",
            "step": step,
            "kimg": step * config.training.batch_size / 1000,
            "metrics": {name: result.value for name, result in self.results.items()},
            "reference": f"{self.reference} images",
            "real_images": self.reals,
            "generated_images": self.fakes,
            "classifier_accuracy": self.classifier_accuracy,
            "options": options(config),
            "details": details,
            "seconds": self.seconds,
        }


def options(config: Config) -> dict[str, Any]:
    """What a row of ``metrics.jsonl`` was asked for: equal ones of one checkpoint are equal."""
    chosen = config.to_dict()["evaluation"]
    del chosen["eval_kimg"]
    return chosen


def evaluate(
    samples: np.ndarray,
    reals: np.ndarray,
    metrics: Sequence[str] = ("frechet", "kernel", "precision_recall", "density_coverage"),
    *,
    extractor: str | FeatureExtractor = "efficientnet_lite0",
    labels: np.ndarray | None = None,
    nearest_k: int = 5,
) -> dict[str, Result]:
    """Compares any images with real ones.

    Args:
        samples: uint8 [N, H, W, C].
        reals: uint8 [M, H, W, C].
        metrics: of "frechet", "kernel", "precision_recall", "density_coverage", "class_accuracy".
        extractor: the network that sees them: a name, or an extractor such as a ``Classifier``.
        labels: int [N], the class that each sample was made for; class_accuracy needs them, and a
            ``Classifier`` as the extractor.
        nearest_k: k of precision, recall, density and coverage.

    Returns:
        Results by name, such as ``frechet_efficientnet_lite0``; ``.value`` is the number.

    Raises:
        ValueError: unknown names, too few images or images of the wrong kind.
    """
    network = load_extractor(extractor) if isinstance(extractor, str) else extractor
    keep = min(len(samples), len(reals), _MOST_NEIGHBOURS)
    parts = (slice(start, start + _AT_ONCE) for start in range(0, len(samples), _AT_ONCE))
    fakes = ((opaque(samples[p]), None if labels is None else labels[p]) for p in parts)
    fake = gather([network], fakes, keep=keep)[network.name]
    real = gather([network], OpaqueRows(reals).batches(_AT_ONCE), keep=keep)[network.name]
    return compute_metrics(
        real,
        fake,
        _expand(metrics),
        extractor=network,
        definitions=_definitions(nearest_k),
    )


def check(config: Config, source: Source) -> None:
    """Whether the metrics of a (resolved) configuration can be computed, before hours of training.

    Raises:
        ConfigError: naming the option.
    """
    e = config.evaluation
    if not e.metrics:
        return
    if "classifier" in e.extractors and len(source.class_names) < 2:
        raise ConfigError(
            f"--extractors=classifier: {source.name} has no labels to train a classifier on; use"
            " --extractors=efficientnet_lite0"
        )
    names = _extractor_names(config, source)
    of_features = e.extractors and set(e.metrics) - {"class_accuracy"}
    of_classes = "class_accuracy" in e.metrics and "classifier" in names and config.data.num_classes
    if not of_features and not of_classes:
        raise ConfigError(
            f"--metrics={','.join(e.metrics)} --extractors={','.join(e.extractors)}: nothing of it"
            " can be measured here: class_accuracy needs a conditional generator of two classes or"
            " more, all else a feature network; change them, or --metrics= (empty) measures nothing"
        )
    fewest = min(e.eval_samples, len(_reference(source)[1]), _MOST_NEIGHBOURS)
    if {"precision_recall", "density_coverage"} & set(e.metrics) and e.nearest_k >= fewest:
        raise ConfigError(
            f"--nearest_k={e.nearest_k}: only {fewest} samples are compared; use a smaller k, more"
            " --eval_samples, or leave precision_recall and density_coverage out of --metrics"
        )
    if "efficientnet_lite0" in names:
        try:
            efficientnet_lite.weights_file()
        except efficientnet_lite.MissingWeightsError as error:
            raise ConfigError(
                f"--extractors: {error}; --metrics= (empty) measures nothing"
            ) from error


def measure(
    sample: Sample,
    source: Source,
    config: Config,
    *,
    counting: Counting = lambda what: nullcontext(lambda done, total: None),
) -> Evaluation:
    """Measures a generator against the data that it learned from.

    The reference is the held-out split if it has 2,000 images or more, else the training split.
    Generated samples have the labels of the reference, in the same shares. Metrics that compare
    neighbours see as many of either. The classifier is trained on the training split (once, then
    cached); its accuracy on held-out real images is the bound of what a generator can reach.

    Args:
        sample: (seeds, labels or None) -> uint8 [N, H, W, C].
        source: the data.
        config: resolved.
        counting: called with what is being counted; gives a context with a progress callback.

    Raises:
        EvaluationError: the samples cannot be measured.
        ConfigError: see ``check``.
    """
    check(config, source)
    start = time.perf_counter()
    e = config.evaluation
    reference, split = _reference(source)
    rows = _evenly(len(split), _MOST_REALS)
    reals = OpaqueRows(split.images, rows)
    labels = None if split.labels is None else split.labels[rows]
    keep = min(e.eval_samples, len(reals), _MOST_NEIGHBOURS)
    cache = cache_root(config.data.cache_dir) / "metrics"
    extractors: dict[str, Any] = {}
    try:
        for name in _extractor_names(config, source):
            if name == "classifier":
                with counting("training a classifier") as progress:
                    extractors[name] = _classifier(source, cache, progress)
            else:
                extractors[name] = load_extractor(name)
        networks = list(extractors.values())
        with counting("looking at real images") as progress:
            real = {n.name: _real_statistics(n, reals, keep, cache, progress) for n in networks}
        with counting("looking at samples") as progress:
            fakes = _samples(sample, labels, config)
            fake = gather(networks, fakes, total=e.eval_samples, keep=keep, progress=progress)
        results: dict[str, Result] = {}
        for network in networks:
            results |= compute_metrics(
                real[network.name],
                fake[network.name],
                _expand(_applicable(e.metrics, network, config)),
                extractor=network,
                definitions=_definitions(e.nearest_k),
            )
    except ConfigError:  # names its option itself
        raise
    except ValueError as error:
        raise EvaluationError(
            f"the samples cannot be measured: {error}. To finish without, resume with --metrics="
        ) from error
    classifier = extractors.get("classifier")
    return Evaluation(
        results=results,
        reference=reference,
        reals=len(reals),
        fakes=e.eval_samples,
        classifier_accuracy=classifier.accuracy if isinstance(classifier, Classifier) else None,
        seconds=time.perf_counter() - start,
    )


def evaluate_run(
    run: str | os.PathLike[str] | Sampler,
    *,
    counting: Counting = lambda what: nullcontext(lambda done, total: None),
    **options: Any,
) -> dict[str, Any]:
    """Measures a run's last checkpoint, or any of its checkpoints.

    Args:
        run: a run directory, a checkpoint's prefix, or what ``tgan_tf.load`` made of one.
        counting: as for ``measure``.
        **options: leaves of the configuration to change, such as ``metrics`` or ``eval_samples``.

    Returns:
        A row of ``metrics.jsonl``; it is not written.

    Raises:
        FileNotFoundError: there is no such run or checkpoint.
        ConfigError, EvaluationError: as for ``measure``.
    """
    sampler = run if isinstance(run, Sampler) else load(run)
    config = sampler.config.replace(**options)
    if not config.evaluation.metrics:
        raise ConfigError("--metrics is empty: name what to measure")
    with counting(f"preparing {config.data.dataset}") as progress:
        source = load_source(config.data, progress=progress)
    result = measure(sampler.sample, source, config, counting=counting)
    return result.row(sampler.step, config)


def table(row: Mapping[str, Any]) -> str:
    """A row of ``metrics.jsonl`` for a person."""
    lines = [
        f"{row['generated_images']:,} samples against {row['real_images']:,} {row['reference']}"
    ]
    width = max(map(len, row["metrics"]))
    for name, value in row["metrics"].items():
        interval = row["details"][name]["interval"]
        bounds = f"  (95 %: {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        lines.append(f"  {name:<{width}}  {value:9.4f}{bounds}")
    if row["classifier_accuracy"] is not None:
        lines.append(
            f"The classifier's accuracy on held-out images: {row['classifier_accuracy']:.4f}"
        )
    return "\n".join(lines)


def _reference(source: Source) -> tuple[str, ImageSet]:
    """What generated samples are compared with, and its name."""
    if len(source.val) < _FEWEST_HELD_OUT:
        return "training", source.train
    return "held-out", source.val


def _definitions(nearest_k: int) -> Definitions:
    """The usual ones, but a set of fewer than 1,000 samples is no error: it is taken whole."""
    return Definitions(neighbour=nearest_k, kernel_subset_size=0)


def _expand(groups: Sequence[str]) -> list[str]:
    return [name for group in groups for name in _GROUPS.get(group, (group,))]


def _extractor_names(config: Config, source: Source) -> list[str]:
    """Without "auto", each once; the classifier too where class accuracy wants it."""
    labelled = len(source.class_names) >= 2
    auto = "classifier" if labelled else "efficientnet_lite0"
    names = [auto if name == "auto" else name for name in config.evaluation.extractors]
    if "class_accuracy" in config.evaluation.metrics and labelled and config.data.num_classes:
        names.append("classifier")
    return list(dict.fromkeys(names))


def _applicable(metrics: Sequence[str], network: FeatureExtractor, config: Config) -> list[str]:
    """Class accuracy is for samples made for a class; other metrics are for networks asked for."""
    asked = {"auto", network.name} & set(config.evaluation.extractors)
    accuracy = isinstance(network, Classifier) and config.data.num_classes
    return [m for m in metrics if (accuracy if m == "class_accuracy" else asked)]


def _samples(
    sample: Sample, real_labels: np.ndarray | None, config: Config
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Generated images and the labels that they were made for, some at a time."""
    count, labels = config.evaluation.eval_samples, None
    if config.data.num_classes and real_labels is not None:
        order = np.random.default_rng(0).permutation(len(real_labels))
        labels = real_labels[order[np.arange(count) % len(order)]]  # [N]
    for start in range(0, count, _AT_ONCE):
        part = range(start, min(start + _AT_ONCE, count))
        of_class = None if labels is None else labels[part.start : part.stop]
        yield opaque(sample(part, of_class)), of_class


def _evenly(count: int, most: int) -> np.ndarray:
    """Rows 0 to ``count`` - 1, or ``most`` of them, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def _classifier(source: Source, cache: Path, progress: Progress) -> Classifier:
    """The data set's classifier, trained or from the cache."""
    train, val = source.train, source.val
    assert train.labels is not None  # see ``check``
    assert val.labels is not None
    key = _digest(train.images, train.labels, val.images, val.labels)
    path = cache / f"classifier-{source.name}-{key}.npz"
    if path.is_file():
        try:
            return Classifier.load(path)
        except ValueError:  # damaged, or of another version
            path.unlink()
    classifier = train_classifier(
        OpaqueRows(train.images),
        train.labels,
        len(source.class_names),
        held_out=(OpaqueRows(val.images), val.labels),
        progress=progress,
    )
    _make(cache)
    classifier.save(path)
    return classifier


def _real_statistics(
    network: FeatureExtractor, reals: OpaqueRows, keep: int, cache: Path, progress: Progress
) -> FeatureStatistics:
    """What a network sees in the real images, computed or from the cache."""
    key = hashlib.sha256(f"{network.identity}/{keep}/{_digest(reals)}".encode())
    path = cache / f"features-{network.name}-{key.hexdigest()[:16]}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return FeatureStatistics.from_arrays(dict(stored))
        except Exception:  # a damaged archive raises whatever its part raises
            path.unlink()
    batches = reals.batches(_AT_ONCE)
    statistics = gather([network], batches, total=len(reals), keep=keep, progress=progress)
    _make(cache)
    with replacing(path) as beside, beside.open("wb") as file:
        arrays: dict[str, Any] = statistics[network.name].to_arrays()
        np.savez(file, **arrays)
    return statistics[network.name]


def _make(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--cache_dir: cannot write {cache} ({error}); pass a directory that can be written"
        ) from error


def _digest(*arrays: np.ndarray | OpaqueRows) -> str:
    """Of shapes and contents, read in parts: some are memory maps larger than memory."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        for start in range(0, len(array), _AT_ONCE):
            digest.update(np.ascontiguousarray(array[start : start + _AT_ONCE]).data)
    return digest.hexdigest()[:16]
