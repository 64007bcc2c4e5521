"""How good samples are: the metrics of ``tgan_tf.metrics``, applied to a generator and its data.

Names of results carry the network that saw the samples, as in ``frechet_classifier``: a number is
comparable only with others of the same name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf import caption_metrics, other_metrics
from tgan_tf import generator_metrics as extra
from tgan_tf.config import Config, ConfigError
from tgan_tf.data.cache import cache_root
from tgan_tf.data.opaque import OpaqueRows, opaque
from tgan_tf.data.sources import load_source
from tgan_tf.data.types import Progress, Source
from tgan_tf.inference import Sampler, load
from tgan_tf.metrics import efficientnet_lite, intervals
from tgan_tf.metrics.classifier import Classifier
from tgan_tf.metrics.extractors import load_extractor
from tgan_tf.metrics.feature_statistics import Batch, gather
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.network import Network
from tgan_tf.metrics.protocols import PROTOCOLS, Protocol
from tgan_tf.metrics.suite import Definitions, Outcome, Result, compute_metrics, result_name
from tgan_tf.modalities import make_modality
from tgan_tf.modalities.pictures import save_png, tile
from tgan_tf.reference import AT_ONCE, Reference, classifier_of, statistics_of
from tgan_tf.training.likelihood import load_likelihood

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
# Need more than features: see ``generator_metrics`` and ``caption_metrics``.
_OF_GENERATORS = ("ppl", "cas", "memorisation", *caption_metrics.NAMES)
_MOST_REALS = 50_000  # as many as published distances use
_MOST_NEIGHBOURS = 10_000  # samples of either set in metrics that compare all pairs
_SHOWN = 64  # samples among which those nearest to training images are looked for
PICTURE_COLUMNS = 1 + extra.NEIGHBOURS  # of the picture "neighbours"


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
        pictures: uint8 ``[N, H, W, C]`` by name: "neighbours" has a sample and its five nearest
            training images, row by row.
    """

    results: Mapping[str, Result]
    reference: str
    reals: int
    fakes: int
    classifier_accuracy: float | None
    seconds: float
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)

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
            "reference": f"{self.reference} {make_modality(config).plural}",
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
    parts = (slice(start, start + AT_ONCE) for start in range(0, len(samples), AT_ONCE))
    fakes = ((opaque(samples[p]), None if labels is None else labels[p]) for p in parts)
    fake = gather([network], fakes, keep=keep)[network.name]
    real = gather([network], OpaqueRows(reals).batches(AT_ONCE), keep=keep)[network.name]
    return compute_metrics(
        real,
        fake,
        _expand(metrics),
        extractor=network,
        definitions=Definitions(neighbour=nearest_k, kernel_subset_size=0),
    )


def check(config: Config, source: Source, split: str = "auto") -> None:
    """Whether the metrics of a (resolved) configuration can be computed, before hours of training.

    Raises:
        ConfigError: naming the option.
    """
    e = config.evaluation
    if not e.metrics:
        return
    if source.modality != "image":
        other_metrics.check(config, source)
        return
    if "classifier" in e.extractors and len(source.class_names) < 2:
        raise ConfigError(
            f"--extractors=classifier: {source.name} has no labels to train a classifier on; use"
            " --extractors=efficientnet_lite0"
        )
    if clips := [name for name in e.extractors if name.startswith("i3d:")]:
        raise ConfigError(f"--extractors={clips[0]} is for video, not for images; leave it out")
    names = _extractor_names(config, source)
    of_features = e.extractors and set(e.metrics) - {"class_accuracy"}
    of_classes = "class_accuracy" in e.metrics and "classifier" in names and config.data.num_classes
    if not of_features and not of_classes:
        raise ConfigError(
            f"--metrics={','.join(e.metrics)} --extractors={','.join(e.extractors)}: nothing of it"
            " can be measured here: class_accuracy needs a conditional generator of two classes or"
            " more, all else a feature network; change them, or --metrics= (empty) measures nothing"
        )
    for name in ("cas", "intra_class_frechet"):
        if name in e.metrics and (not config.data.num_classes or len(source.class_names) < 2):
            raise ConfigError(
                f"--metrics={name} compares classes, and there are none: leave it out, or use data"
                " with labels and --conditional"
            )
    caption_metrics.check(e.metrics, source)
    count = len(Reference.of(source, split))
    fewest = min(e.eval_samples, count, _MOST_NEIGHBOURS)
    definitions = _definitions(config)
    k = definitions.neighbour
    if {"precision_recall", "density_coverage"} & set(e.metrics) and k >= fewest:
        raise ConfigError(
            f"--nearest_k={k}: only {fewest} samples are compared; use a smaller k, more"
            " --eval_samples, or leave precision_recall and density_coverage out of --metrics"
        )
    if "kernel" in e.metrics and definitions.kernel_subset_size > fewest:
        raise ConfigError(
            f"--protocol={e.protocol}: its kernel distance takes subsets of"
            f" {definitions.kernel_subset_size}, and only {fewest} samples are compared; give more"
            " --eval_samples and data, or leave kernel out of --metrics"
        )
    if "efficientnet_lite0" in names:
        try:
            efficientnet_lite.weights_file()
        except efficientnet_lite.MissingWeightsError as error:
            raise ConfigError(
                f"--extractors: {error}; --metrics= (empty) measures nothing"
            ) from error


def measure(
    sample: Sample | OpaqueRows,
    source: Source,
    config: Config,
    *,
    sampler: Sampler | None = None,
    likelihood: Sampler | None = None,
    baselines: bool = True,
    split: str = "auto",
    strategy: tf.distribute.Strategy | None = None,
    counting: Counting = lambda what: nullcontext(lambda done, total: None),
) -> Evaluation:
    """Measures a generator, or any images, against a data set.

    The reference is the held-out split if it has 2,000 images or more, else the training split.
    Generated samples have the labels of the reference, in the same shares. Metrics that compare
    neighbours see as many of either. The classifier is trained on the training split (once, then
    cached); its accuracy on held-out real images is the bound of what a generator can reach.

    Args:
        sample: (seeds, labels or None) -> uint8 [N, H, W, C]; or images.
        source: the data.
        config: resolved.
        sampler: the generator, which the path length asks for floating point images; without it
            "ppl" is left out.
        likelihood: the generator after likelihood alone, to be measured beside; of texts and music.
        baselines: of texts, whether the trigram model and training texts are measured beside.
        split: see ``reference.SPLITS``.
        strategy: of one machine; its replicas share the networks' work.
        counting: called with what is being counted; gives a context with a progress callback.

    Raises:
        EvaluationError: the samples cannot be measured.
        ConfigError: see ``check``.
    """
    check(config, source, split)
    start = time.perf_counter()
    e = config.evaluation
    if source.modality != "image":
        reals, found = other_metrics.measure(
            sample, source, config, split, counting, likelihood, baselines
        )
        return Evaluation(
            results=found,
            reference=reals.name,
            reals=len(reals.samples),
            fakes=e.eval_samples,
            classifier_accuracy=None,
            seconds=time.perf_counter() - start,
        )
    reference = Reference.of(source, split, _MOST_REALS)
    keep = min(e.eval_samples, len(reference), _MOST_NEIGHBOURS)
    cache = cache_root(config.data.cache_dir) / "metrics"
    protocol = PROTOCOLS.get(e.protocol)
    scope = (strategy or tf.distribute.get_strategy()).scope
    extractors: dict[str, Any] = {}
    pictures: dict[str, np.ndarray] = {}
    shown: list[np.ndarray] = []
    try:
        for name in _extractor_names(config, source):
            if name == "classifier":
                with counting("training a classifier") as progress:
                    trained = classifier_of(source, cache, progress)
                with scope():
                    extractors[name] = trained.copied()
            else:
                with scope():
                    network = _load(name, protocol)
                extractors[network.name] = network
        networks = list(extractors.values())
        classifier = extractors.get("classifier")
        with counting("looking at real images") as progress:
            real = {n.name: statistics_of(n, reference, keep, cache, progress) for n in networks}
        with counting("looking at samples") as progress:
            fakes = _first_kept(_samples(sample, reference, config), shown)
            fake = gather(networks, fakes, total=e.eval_samples, keep=keep, progress=progress)
        results: dict[str, Result] = {}
        for network in networks:
            wanted = _applicable(e.metrics, network, config)
            results |= compute_metrics(
                real[network.name],
                fake[network.name],
                _expand([name for name in wanted if name not in _OF_GENERATORS]),
                extractor=network,
                definitions=_definitions(config),
            )
            if "ppl" in wanted and sampler is not None and isinstance(network, Network):
                with counting("walking in latent space") as progress:
                    outcome, seconds = _timed(
                        extra.path_length,
                        sampler,
                        network,
                        space="w" if e.protocol == "stylegan" else "z",
                        seed=_definitions(config).seed,
                        progress=progress,
                    )
                results |= _result("ppl", outcome, network, seconds)
            if "memorisation" in wanted:
                with counting("looking at training images") as progress:
                    (outcome, picture), seconds = _timed(
                        extra.memorised,
                        fake[network.name].features,
                        np.concatenate(shown),
                        network,
                        source,
                        progress,
                    )
                results |= _result("memorisation", outcome, network, seconds)
                pictures.setdefault("neighbours", picture)
            if "caption_diversity" in wanted:
                with counting("drawing captions") as progress:
                    outcome, seconds = _timed(
                        caption_metrics.caption_diversity, sample, source, network, progress
                    )
                results |= _result("caption_diversity", outcome, network, seconds)
        if "cas" in e.metrics and isinstance(classifier, Classifier):
            with counting("training on samples") as progress:
                outcome, seconds = _timed(
                    extra.classifier_accuracy_score,
                    _samples(sample, reference, config),
                    e.eval_samples,
                    source,
                    on_reals=classifier.accuracy,
                    progress=progress,
                )
            results |= _result("cas", outcome, classifier, seconds)
        retrieved: dict[str, Result] = {}
        if "retrieval" in e.metrics:
            with counting("matching captions") as progress:
                outcome, seconds = _timed(
                    caption_metrics.retrieval, sample, source, sampler, progress
                )
            retrieved["retrieval"] = Result(**vars(outcome), extractor="matcher", seconds=seconds)
    except ConfigError:  # names its option itself
        raise
    except ValueError as error:
        raise EvaluationError(
            f"the samples cannot be measured: {error}. To finish without, resume with --metrics="
        ) from error
    return Evaluation(
        results=_annotated(results, extractors, protocol) | retrieved,
        reference=reference.name,
        reals=len(reference),
        fakes=e.eval_samples,
        classifier_accuracy=classifier.accuracy if isinstance(classifier, Classifier) else None,
        seconds=time.perf_counter() - start,
        pictures=pictures,
    )


def draw_neighbours(
    sampler: Sampler, source: Source, path: str | os.PathLike[str], progress: Progress
) -> Path:
    """A picture of samples and the training images most like each, as pixels; the nearest first.

    Args:
        sampler: its seeds 0 to 63 are looked at.
        source: the data.
        path: a PNG, replaced if it exists.
        progress: called with training images done and all.
    """
    samples = opaque(sampler.sample(range(_SHOWN)))
    images = extra.nearest_in_pixels(samples, source, progress)
    return save_neighbours(images, path)


def save_neighbours(images: np.ndarray, path: str | os.PathLike[str]) -> Path:
    """The picture "neighbours" of an ``Evaluation``, two samples and their neighbours in a row."""
    return save_png(tile(images, columns=2 * PICTURE_COLUMNS), path)


def evaluate_run(
    run: str | os.PathLike[str] | Sampler,
    *,
    split: str = "auto",
    strategy: tf.distribute.Strategy | None = None,
    counting: Counting = lambda what: nullcontext(lambda done, total: None),
    **options: Any,
) -> tuple[Evaluation, dict[str, Any]]:
    """Measures a run's last checkpoint, or any of its checkpoints.

    Args:
        run: a run directory, a checkpoint's prefix, or what ``tgan_tf.load`` made of one.
        split, strategy, counting: as for ``measure``.
        **options: leaves of the configuration to change, such as ``metrics`` or ``eval_samples``.

    Returns:
        What was measured, and its row of ``metrics.jsonl``, which is not written.

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
    result = measure(
        sampler.sample,
        source,
        config,
        sampler=sampler,
        likelihood=load_likelihood(sampler.path, sampler.step),
        split=split,
        strategy=strategy,
        counting=counting,
    )
    return result, result.row(sampler.step, config)


def table(row: Mapping[str, Any]) -> str:
    """A row of ``metrics.jsonl`` for a person."""
    lines = [
        f"{row['generated_images']:,} samples against {row['real_images']:,} {row['reference']}"
    ]
    width = max(map(len, row["metrics"]))
    for name, value in row["metrics"].items():
        found = row["details"][name]
        interval, real = found["interval"], found["details"].get("real")
        beside = f"  (95 %: {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        beside += "" if real is None else f"  (other real ones: {real:.4f})"
        lines.append(f"  {name:<{width}}  {value:9.4f}{beside}")
        for scale, there in found["details"].get("with_guidance", {}).items():
            gain = intervals.gain(there["gain"], there["interval"])
            lines.append(f"  {f'  guidance {scale}':<{width}}  {there['share']:9.4f}  {gain}")
    lines += [
        d["details"]["not_installed"]
        for d in row["details"].values()
        if "not_installed" in d["details"]
    ]
    if row["classifier_accuracy"] is not None:
        lines.append(
            f"The classifier's accuracy on held-out images: {row['classifier_accuracy']:.4f}"
        )
    return "\n".join(lines)


def _definitions(config: Config) -> Definitions:
    """Those of the protocol; else the usual ones, but that fewer than 1,000 samples are no error.

    Sets that small are taken whole by the kernel distance.
    """
    if config.evaluation.protocol in PROTOCOLS:
        return PROTOCOLS[config.evaluation.protocol].definitions
    return Definitions(neighbour=config.evaluation.nearest_k, kernel_subset_size=0)


def _load(name: str, protocol: Protocol | None) -> FeatureExtractor:
    options: dict[str, Any] = {}
    if protocol is not None and name.startswith("inception:"):
        options = {"resize": protocol.resize, "logits_bias": protocol.logits_bias}
    try:
        return load_extractor(name, **options)
    except (ValueError, FileNotFoundError) as error:
        raise ConfigError(f"--extractors={name}: {error}") from error


def _result(
    metric: str, outcome: Outcome, network: FeatureExtractor, seconds: float
) -> dict[str, Result]:
    name = result_name(metric, network)
    return {name: Result(**vars(outcome), extractor=network.identity, seconds=seconds)}


def _timed(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    return function(*arguments, **options), time.perf_counter() - start


def _annotated(
    results: Mapping[str, Result], extractors: Mapping[str, Any], protocol: Protocol | None
) -> dict[str, Result]:
    """With whose numbers each can be compared, or why with nobody's."""
    if protocol is None:
        return dict(results)
    for name, result in results.items():
        network = next(n for n in extractors.values() if n.identity == result.extractor)
        metric = next(m for m in _METRICS if result_name(m, network) == name)
        reason = protocol.comparable(metric, network.name)
        result.details["protocol"] = protocol.name
        result.details["comparable"] = reason is None
        if reason:
            result.details["not_comparable_because"] = reason
    return dict(results)


def _first_kept(batches: Iterator[Batch], kept: list[np.ndarray]) -> Iterator[Batch]:
    """The same batches; the first images stay in `kept`."""
    for batch in batches:
        images = batch[0] if isinstance(batch, tuple) else batch
        missing = _SHOWN - sum(map(len, kept))
        if missing > 0:
            kept.append(images[:missing].copy())
        yield batch


_METRICS = [name for group in _GROUPS.values() for name in group] + [
    "inception_score",
    "intra_class_frechet",
    *_OF_GENERATORS,
]


def _expand(groups: Sequence[str]) -> list[str]:
    return [name for group in groups for name in _GROUPS.get(group, (group,))]


def _extractor_names(config: Config, source: Source) -> list[str]:
    """Without "auto", each once; the classifier too where metrics of classes want it."""
    labelled = len(source.class_names) >= 2
    auto = "classifier" if labelled else "efficientnet_lite0"
    names = [auto if name == "auto" else name for name in config.evaluation.extractors]
    of_classes = {"class_accuracy", "cas"} & set(config.evaluation.metrics)
    if of_classes and labelled and config.data.num_classes:
        names.append("classifier")
    return list(dict.fromkeys(names))


def _applicable(metrics: Sequence[str], network: FeatureExtractor, config: Config) -> list[str]:
    """Class accuracy is for samples made for a class; other metrics are for networks asked for.

    The inception score needs a network that sorts into classes.
    """
    asked = {"auto", network.name} & set(config.evaluation.extractors) or any(
        ":" in name and network.name.startswith(name.partition(":")[0])
        for name in config.evaluation.extractors
    )
    accuracy = isinstance(network, Classifier) and config.data.num_classes
    return [m for m in metrics if (accuracy if m == "class_accuracy" else asked)]


def _samples(
    sample: Sample | OpaqueRows, reference: Reference, config: Config
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Images and the labels that they were made for, some at a time."""
    count, labels = config.evaluation.eval_samples, None
    if isinstance(sample, OpaqueRows):
        for start in range(0, count, AT_ONCE):
            yield sample[start : start + AT_ONCE], None
        return
    if config.data.condition and reference.labels is not None:
        order = np.random.default_rng(0).permutation(len(reference))
        labels = reference.labels[order[np.arange(count) % len(order)]]  # [N]
    for start in range(0, count, AT_ONCE):
        part = range(start, min(start + AT_ONCE, count))
        of_class = None if labels is None else labels[part.start : part.stop]
        images = opaque(sample(part, of_class))
        if images.shape[1:] != reference.images.shape[1:]:
            raise ValueError(
                f"samples are {list(images.shape[1:])} and the real images "
                f"{list(reference.images.shape[1:])}: both must have one size and channels"
            )
        yield images, of_class
