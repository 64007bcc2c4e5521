"""All metrics by name: two sets of features in, named results out.

A family of metrics shares one computation (the four of `manifold` share the distances). A new
family is one function and one `register_family`; a new network is an extractor (see `features`);
the definitions of another paper or package are other `Definitions`. None needs an edit here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tgan_tf.metrics import influence, intervals
from tgan_tf.metrics.class_accuracy import class_report
from tgan_tf.metrics.feature_statistics import FeatureStatistics
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.inception_score import inception_score
from tgan_tf.metrics.kernel import kernel_distance
from tgan_tf.metrics.manifold import manifold


@dataclass(frozen=True)
class Definitions:
    """The choices in which published implementations differ.

    Attributes:
        covariance_ddof: 1 divides by N - 1, 0 by N.
        kernel_subsets: subsets that the kernel distance is averaged over.
        kernel_subset_size: samples in each; 0 takes 1000, or all where there are fewer (StyleGAN).
        neighbour: k of precision, recall, density and coverage.
        closed_balls: `<=` (True) or `<` (False) in precision and recall.
        score_splits: parts of the inception score.
        score_shuffle: whether samples are shuffled before they are split.
        seed: of subsets, shuffles and intervals.
    """

    covariance_ddof: int = 1
    kernel_subsets: int = 100
    kernel_subset_size: int = 1000
    neighbour: int = 5
    closed_balls: bool = False
    score_splits: int = 10
    score_shuffle: bool = True
    seed: int = 2020


@dataclass(frozen=True)
class Outcome:
    """What a family says of one metric.

    Attributes:
        value: the number.
        real, fake: samples that it rests on (0: none needed).
        interval: 95 % confidence bounds, where they are cheap.
        details: everything else that a reader of the number needs, JSON types only.
    """

    value: float
    real: int
    fake: int
    interval: intervals.Interval | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result(Outcome):
    """An outcome with its origin.

    Attributes:
        extractor: identity of the network that saw the samples.
        seconds: time of the family's computation, without that of the network.
    """

    extractor: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON types, for records."""
        record = asdict(self)
        if self.interval is not None:
            record["interval"] = list(self.interval)
        return record


Compute = Callable[[FeatureStatistics, FeatureStatistics, Definitions], dict[str, Outcome]]


@dataclass(frozen=True)
class Family:
    """Metrics that are computed together.

    Attributes:
        metrics: their names.
        compute: real and generated statistics to one outcome for each name.
    """

    metrics: tuple[str, ...]
    compute: Compute


_FAMILIES: dict[str, Family] = {}

DEFAULT = ("frechet", "kernel", "precision", "recall", "density", "coverage")


def register_family(metrics: Sequence[str], compute: Compute) -> None:
    """Makes metrics known by name.

    Raises:
        ValueError: a name is taken.
    """
    family = Family(tuple(metrics), compute)
    for name in family.metrics:
        if name in _FAMILIES:
            raise ValueError(f"a metric named {name!r} exists already")
        _FAMILIES[name] = family


def metric_names() -> list[str]:
    """Names of all metrics."""
    return sorted(_FAMILIES)


def compute_metrics(
    real: FeatureStatistics | Iterable[np.ndarray],
    fake: FeatureStatistics | Iterable[np.ndarray],
    which: Sequence[str] = DEFAULT,
    *,
    extractor: FeatureExtractor,
    definitions: Definitions | None = None,
) -> dict[str, Result]:
    """Compares generated samples with real ones.

    Args:
        real, fake: statistics (see `feature_statistics.gather`), or streams of features
            ``[B, dim]``.
        which: names of metrics, see `metric_names`.
        extractor: the network that made the features; only its name and identity are used.
        definitions: the choices in which implementations differ.

    Returns:
        Results by name. A name is the metric's and the network's, as in
        'frechet_efficientnet_lite0'; only 'class_accuracy' of the data set's own classifier stands
        alone. In the order of `which`.

    Raises:
        ValueError: an unknown metric, too few samples, NaN, or features of different networks.
    """
    unknown = [name for name in which if name not in _FAMILIES]
    if unknown:
        raise ValueError(
            f"there is no metric {', '.join(unknown)}; known are {', '.join(metric_names())}"
        )
    definitions = definitions or Definitions()
    real, fake = _statistics(real), _statistics(fake)
    if real.moments.dim != fake.moments.dim:
        raise ValueError(
            f"real features have {real.moments.dim} numbers and generated ones {fake.moments.dim}: "
            "both must come from one network"
        )
    done: dict[Family, tuple[dict[str, Outcome], float]] = {}
    results = {}
    for name in which:
        family = _FAMILIES[name]
        if family not in done:
            start = time.perf_counter()
            outcomes = family.compute(real, fake, definitions)
            done[family] = outcomes, time.perf_counter() - start
        outcomes, seconds = done[family]
        results[result_name(name, extractor)] = Result(
            **vars(outcomes[name]), extractor=extractor.identity, seconds=seconds
        )
    return results


def _statistics(features: FeatureStatistics | Iterable[np.ndarray]) -> FeatureStatistics:
    if isinstance(features, FeatureStatistics):
        return features
    statistics = FeatureStatistics()
    for batch in features:
        statistics.update(batch)
    return statistics


def result_name(metric: str, extractor: FeatureExtractor) -> str:
    """What a number is called: it says which network saw the samples.

    'class_accuracy' and 'cas' of the data set's own classifier stand alone. A network whose
    features define a published name (`inception.Inception2015`) has those, with its resizing, as
    in 'fid_clean': nothing else is ever called FID, KID or plainly inception score.
    """
    published = getattr(extractor, "published", {})
    if metric in published:
        return f"{published[metric]}_{extractor.name.rpartition('_')[2]}"
    if metric in ("class_accuracy", "cas") and extractor.name == "classifier":
        return metric
    return f"{metric}_{extractor.name}"


# ------------------------------------------------------------------------------------ families


def _frechet(
    real: FeatureStatistics, fake: FeatureStatistics, d: Definitions
) -> dict[str, Outcome]:
    value = frechet_distance(real.moments, fake.moments, ddof=d.covariance_ddof)
    error = influence.frechet_error(real.moments, fake.moments, fake.features)
    interval = influence.around(value, error, low=0.0)
    details = {"ddof": d.covariance_ddof}
    return {"frechet": Outcome(value, real.count, fake.count, interval, details)}


def _kernel(real: FeatureStatistics, fake: FeatureStatistics, d: Definitions) -> dict[str, Outcome]:
    size = d.kernel_subset_size or min(1000, real.kept, fake.kept)
    distance = kernel_distance(
        real.features, fake.features, subsets=d.kernel_subsets, subset_size=size, seed=d.seed
    )
    blocks = [
        kernel_distance(
            real.features[rows], fake.features[rows], subsets=1, subset_size=rows.stop - rows.start
        ).mean
        for rows in influence.blocks_of(min(real.kept, fake.kept))
    ]
    interval = influence.kernel_interval(distance.mean, np.array(blocks)) if blocks else None
    details = {
        "std": distance.std,
        "subsets": d.kernel_subsets,
        "subset_size": size,
        "seed": d.seed,
    }
    return {"kernel": Outcome(distance.mean, real.kept, fake.kept, interval, details)}


def _manifold(
    real: FeatureStatistics, fake: FeatureStatistics, d: Definitions
) -> dict[str, Outcome]:
    m = manifold(real.features, fake.features, k=d.neighbour, closed=d.closed_balls)
    details = {"k": d.neighbour, "closed": d.closed_balls}

    def outcome(values: np.ndarray) -> Outcome:
        interval = intervals.bootstrap_mean(values, seed=d.seed)
        return Outcome(float(values.mean()), real.kept, fake.kept, interval, details)

    return {
        "precision": outcome(m.fake_inside),
        "recall": outcome(m.real_inside),
        "density": outcome(m.real_balls / m.k),
        "coverage": outcome(m.real_covered),
    }


def _score(real: FeatureStatistics, fake: FeatureStatistics, d: Definitions) -> dict[str, Outcome]:
    score = inception_score(
        _required(fake.logits, "inception_score", "a network that sorts into classes"),
        splits=d.score_splits,
        shuffle=d.score_shuffle,
        seed=d.seed,
    )
    details = {"std": score.std, "splits": d.score_splits, "shuffle": d.score_shuffle}
    interval = influence.around(score.mean, score.error, low=1.0)
    return {"inception_score": Outcome(score.mean, 0, fake.kept, interval, details)}


def _intra_class(
    real: FeatureStatistics, fake: FeatureStatistics, d: Definitions
) -> dict[str, Outcome]:
    """Mean over the classes of the Frechet distance within each (Miyato and Koyama 2018)."""
    what = "labels of the real and of the generated images"
    real_labels = _required(real.labels, "intra_class_frechet", what)
    fake_labels = _required(fake.labels, "intra_class_frechet", what)
    values, errors, counts = [], [], []
    for label in np.unique(real_labels):
        sets = [
            x.features[labels == label] for x, labels in ((real, real_labels), (fake, fake_labels))
        ]
        if min(map(len, sets)) < 2:
            raise ValueError(
                f"intra_class_frechet: class {label} has {len(sets[0])} real and {len(sets[1])} "
                "generated images; measure more, or leave it out"
            )
        there, here = Moments(), Moments()
        there.update(sets[0])
        here.update(sets[1])
        values.append(frechet_distance(there, here, ddof=d.covariance_ddof))
        errors.append(influence.frechet_error(there, here, sets[1]))
        counts.append(min(map(len, sets)))
    value = float(np.mean(values))
    error = float(np.linalg.norm(errors) / len(errors))
    details = {"per_class": values, "fewest_of_a_class": min(counts), "ddof": d.covariance_ddof}
    interval = influence.around(value, error, low=0.0)
    return {"intra_class_frechet": Outcome(value, real.kept, fake.kept, interval, details)}


def _class_accuracy(
    real: FeatureStatistics, fake: FeatureStatistics, d: Definitions
) -> dict[str, Outcome]:
    logits = _required(fake.logits, "class_accuracy", "the data set's classifier")
    labels = _required(fake.labels, "class_accuracy", "samples with the labels they were made for")
    report = class_report(logits.argmax(axis=1), labels, logits.shape[1])
    details = {
        # JSON has no NaN: None where no sample of a class was made.
        "per_class": [None if np.isnan(a) else float(a) for a in report.per_class_accuracy],
        "missing": report.missing(),
    }
    interval = intervals.proportion(int(np.trace(report.confusion)), report.count)
    return {"class_accuracy": Outcome(report.accuracy, 0, report.count, interval, details)}


def _required(column: np.ndarray | None, metric: str, what: str) -> np.ndarray:
    if column is None:
        raise ValueError(f"{metric} needs {what}: leave it out, or provide it")
    return column


register_family(["frechet"], _frechet)
register_family(["kernel"], _kernel)
register_family(["precision", "recall", "density", "coverage"], _manifold)
register_family(["inception_score"], _score)
register_family(["intra_class_frechet"], _intra_class)
register_family(["class_accuracy"], _class_accuracy)
