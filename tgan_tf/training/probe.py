"""A look at both networks from outside the game: the same few samples, now and then.

What the steps log are means over augmented batches. Whether D knows its training images by heart,
whether the samples still differ from each other, and whether labels do anything, shows only here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.data.opaque import opaque
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.exporting import portable_random
from tgan_tf.gan import TransformerGAN
from tgan_tf.metrics.feature_statistics import FeatureStatistics
from tgan_tf.metrics.frechet import frechet_distance
from tgan_tf.metrics.manifold import manifold, neighbour_distances
from tgan_tf.metrics.random_features import RandomFeatures, RandomSignalFeatures

# (seeds, labels or None) -> [N, *sample_shape]
Sample = Callable[[Sequence[int], Any], np.ndarray]
Numbers = dict[str, Any]

_MOST_CLASSES = 16  # are looked at one by one
_FEWEST_OF_CLASS = 8  # from which a class's spread is worth a number
_MOST_LOGITS = 256  # images of each kind that D is asked about
_AT_ONCE = 64
_NEIGHBOUR = 5
# Classes that explain less than this of the real features' variance cannot be missed.
_LEAST_EXPLAINED = 0.02


class Probe:
    """Measures on fixed latents and fixed real images; changes nothing.

    Args:
        gan: whose discriminator and generator are asked.
        source: the data.
        sample: draws with the averaged generator.
        samples: how many of them, at least 32.
    """

    def __init__(self, gan: TransformerGAN, source: Source, sample: Sample, samples: int) -> None:
        self._gan, self._sample = gan, sample
        self._names = source.class_names
        labelled = bool(gan.config.data.condition)
        train, val = source.train, source.val
        rows = _chosen(train, samples, labelled)
        self._labels = train.labels[rows] if labelled and train.labels is not None else None
        self._images = source.modality == "image"
        if self._images:
            self._extractor: Any = RandomFeatures(3 if source.channels == 4 else source.channels)
        else:
            self._extractor = RandomSignalFeatures(gan.modality.encode, gan.modality.signal_shape)
        self._real = self._statistics(self._seen(np.asarray(train.samples[rows])))
        self._train = _part(train, rows[_mixed(len(rows))], labelled)
        self._val = _part(val, _mixed(len(val)), labelled)
        self._judge = tf.function(self._logits, autograph=False)
        self._draw = tf.function(self._fakes, autograph=False)

    def __call__(self) -> Numbers:
        """Fields of a row of ``metrics.jsonl``.

        * ``d_train``, ``d_val``, ``d_fake``: mean logits, without augmentation; ``d_fake`` of the
          generator that is being trained.
        * ``overfit``: r_v = (d_train - d_val) / (d_train - d_fake) (Karras et al. 2020, eq. 1), 0
          to 1, None where D does not tell real from fake; ``overfit_error``: its standard error.
        * ``logit_scale``: standard deviation of the logits, over d_train's and d_fake's.
        * ``sign_train``, ``sign_val``, ``sign_fake``: mean signs of the same logits.
        * ``diversity``: root of the trace of the features' covariance, generated / real, of the
          averaged generator; ``class_diversity``: within each class; ``spacing``: median distance
          to the fifth nearest sample of the same set, generated / real, near 0 where samples
          repeat.
        * ``conditioning``: share of the features' variance that the class explains, generated /
          real; 0: labels do nothing.
        * ``probe_frechet`` and so on: metrics in random features; of few samples, so biased, but
          always alike.
        """
        start = time.perf_counter()
        numbers = self._of_logits()
        count = self._real.count
        fake = self._statistics(self._seen(self._sample(range(count), self._labels)))
        k = min(_NEIGHBOUR, count - 1)
        m = manifold(self._real.features, fake.features, k=k)
        numbers["diversity"] = _ratio(_spread(fake.features), _spread(self._real.features))
        apart = [float(np.median(neighbour_distances(s.features, k))) for s in (fake, self._real)]
        numbers["spacing"] = _ratio(*apart)
        if self._labels is not None and self._labels.ndim == 1:
            numbers |= self._of_classes(fake.features)
        numbers |= {
            "probe_frechet": frechet_distance(self._real.moments, fake.moments),
            "probe_precision": m.precision,
            "probe_recall": m.recall,
            "probe_density": m.density,
            "probe_coverage": m.coverage,
            "probe_seconds": time.perf_counter() - start,
        }
        return numbers

    def _of_logits(self) -> Numbers:
        train, val = self._logits_of(*self._train), self._logits_of(*self._val)
        count = len(train)
        z = portable_random.normal_numpy(np.arange(count), self._gan.config.generator.latent_dim)
        label = self._train[1]
        fake = np.concatenate([self._draw(*part)[:n] for n, part in _parts(z, label)])
        gap = train.mean() - fake.mean()
        # D must tell them apart before it can be asked how much of that it knows by heart.
        error = np.sqrt(train.var() / count + fake.var() / count)
        knows = gap > 3 * error
        of_val = np.sqrt(train.var() / count + val.var() / len(val))
        return {
            "d_train": float(train.mean()),
            "d_val": float(val.mean()),
            "d_fake": float(fake.mean()),
            "overfit": float((train.mean() - val.mean()) / gap) if knows else None,
            "overfit_error": float(of_val / gap) if knows else None,
            "logit_scale": float(np.concatenate([train, fake]).std()),
            "sign_train": float(np.sign(train).mean()),
            "sign_val": float(np.sign(val).mean()),
            "sign_fake": float(np.sign(fake).mean()),
        }

    def _of_classes(self, fake: np.ndarray) -> Numbers:
        assert self._labels is not None
        real = self._real.features
        numbers: Numbers = {}
        diversity = {}
        for label in np.unique(self._labels):
            of_class = self._labels == label
            if of_class.sum() >= _FEWEST_OF_CLASS:
                ratio = _ratio(_spread(fake[of_class]), _spread(real[of_class]))
                diversity[self._names[label]] = ratio
        if diversity:
            numbers["class_diversity"] = diversity
        in_reals = _explained(real, self._labels)
        if in_reals > _LEAST_EXPLAINED:
            numbers["conditioning"] = max(0.0, _explained(fake, self._labels)) / in_reals
        return numbers

    def _seen(self, samples: np.ndarray) -> np.ndarray:
        return opaque(samples) if self._images else samples

    def _statistics(self, images: np.ndarray) -> FeatureStatistics:
        statistics = FeatureStatistics()
        statistics.update(self._extractor(images))
        return statistics

    def _logits_of(self, images: np.ndarray, label: np.ndarray | None) -> np.ndarray:
        parts = [self._judge(*part).numpy()[:n] for n, part in _parts(images, label)]
        return np.concatenate(parts).astype(np.float64)

    def _logits(self, image: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        return self._gan.discriminator(self._gan.modality.encode(image), label)

    def _fakes(self, z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        return self._gan.discriminator(self._gan.generator(z, label), label)


def _parts(rows: np.ndarray, label: np.ndarray | None) -> list[tuple[int, tuple[Any, Any]]]:
    """(how many count, (rows, labels)) of one size each, filled up: functions are traced once."""
    parts = []
    for start in range(0, len(rows), _AT_ONCE):
        part = np.arange(start, start + _AT_ONCE) % len(rows)
        own = None if label is None else tf.constant(label[part])
        parts.append((min(_AT_ONCE, len(rows) - start), (tf.constant(rows[part]), own)))
    return parts


def _part(
    images: SampleSet, rows: np.ndarray, labelled: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    label = images.labels[rows] if labelled and images.labels is not None else None
    return np.asarray(images.samples[rows]), label


def _evenly(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def _mixed(count: int) -> np.ndarray:
    """Numbers below ``count``, evenly spread and shuffled, in whole batches if they fill one.

    A discriminator may look at a batch as a whole: classes are mixed in it as in training.
    """
    most = min(count, _MOST_LOGITS)
    chosen = _evenly(count, most // _AT_ONCE * _AT_ONCE or most)
    return np.random.default_rng(0).permutation(chosen)


def _chosen(images: SampleSet, count: int, labelled: bool) -> np.ndarray:
    """Rows: evenly spaced, or as many of each of (at most 16) classes."""
    if not labelled or images.classes is None:
        return _evenly(len(images), count)
    classes = np.unique(images.classes)
    classes = classes[_evenly(len(classes), _MOST_CLASSES)]
    rows = []
    for label in classes:
        members = np.flatnonzero(images.classes == label)
        rows.append(members[_evenly(len(members), max(1, count // len(classes)))])
    return np.sort(np.concatenate(rows))


def _spread(features: np.ndarray) -> float:
    """Root of the sum of the variances, ``[N, dim]`` -> a number."""
    return float(np.sqrt(features.var(axis=0, dtype=np.float64, ddof=1).sum()))


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _explained(features: np.ndarray, labels: np.ndarray) -> float:
    """Share of the variance that the class explains: omega squared (Hays 1963), over all features.

    Around 0 where it explains nothing, however few samples there are.
    """
    x = features.astype(np.float64)
    total = ((x - x.mean(axis=0)) ** 2).sum()
    classes = np.unique(labels)
    within = sum(
        ((x[labels == label] - x[labels == label].mean(axis=0)) ** 2).sum() for label in classes
    )
    if len(x) <= len(classes) or not total:
        return 0.0
    mean_within = within / (len(x) - len(classes))
    between = total - within - (len(classes) - 1) * mean_within
    return float(between / (total + mean_within))
