"""From a picture back to w: which w makes it, as nearly as the generator can (inversion).

Of many random w the one whose picture is nearest is the start; gradient descent on w goes on from
there (Zhu et al. 2016, sec. 3.1), by the mean squared difference of pixels in [-1, 1] plus a tenth
of 1 - cosine between features, in steps that grow and shrink as those of Karras et al. (2020, app.
D).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tgan_tf.conditions import Label
from tgan_tf.exporting import portable_random
from tgan_tf.files import replacing
from tgan_tf.metrics import efficientnet_lite
from tgan_tf.metrics.extractors import EfficientNetLite0

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

FEATURES = ("auto", "efficientnet_lite0", "none")
_AT_ONCE = 64
_FEATURES_WEIGH = 0.1
_RATE = 0.1  # of Adam, in standard deviations of w
_WARM_UP, _COOL_DOWN = 0.05, 0.25  # shares of the steps

Array = npt.NDArray[np.float32]
# [B, ...] -> features [B, dim] of length 1
Features = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Inversion:
    """What was found for N samples.

    Attributes:
        w: float32 ``[N, w_dim]``, for `Sampler.synthesize`.
        label: of each, ``[N]`` or ``[N, K]``, towards whose mean truncation moves; zeros of an
            unconditional generator.
        reconstructions: what w makes, ``[N, *sample_shape]``.
        psnr: of a range of 2, which is that of pixels in [-1, 1], in dB, ``[N]``.
        losses: before each step, and at the end, ``[steps + 1, N]``.
    """

    w: Array
    label: npt.NDArray
    reconstructions: npt.NDArray
    psnr: Array
    losses: Array

    def save(self, path: Path) -> None:
        """Writes w and the labels to a .npz file, beside and then renamed."""
        with replacing(path) as beside, beside.open("wb") as file:
            np.savez(file, w=self.w, label=self.label)


def load_w(path: str | Path, sampler: Sampler) -> tuple[Array, npt.NDArray]:
    """w and labels that `Inversion.save` wrote.

    Raises:
        ValueError: the file cannot be read, or is of another generator.
    """
    try:
        with np.load(path) as file:
            w, label = file["w"], file["label"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no file of python -m tgan_tf.invert ({error})") from error
    if w.shape[1:] != sampler.w_mean.shape[1:] or label.shape[1:] != sampler.condition.shape:
        raise ValueError(f"{path} is of another generator, with other w or labels")
    return w, label


class _Targets:
    """The samples that are looked for, and how far others are from them."""

    def __init__(self, sampler: Sampler, samples: npt.NDArray, features: str) -> None:
        self.sampler, modality = sampler, sampler.modality
        self.of_images = modality.name == "image"
        given = tf.constant(samples)
        signals = tf.cast(given, tf.float32) / 127.5 - 1 if self.of_images else None
        self.signals = modality.encode(given) if signals is None else signals  # [N, ...]
        self._seen = self._features(features)
        self.features = self._seen(self.signals)  # [N, dim]

    def make(self, w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Signals ``[B, ...]`` and their features ``[B, dim]``."""
        signals = self.sampler.generator.synthesis(w)
        signals = self.sampler.modality.show(signals) if self.of_images else signals
        return signals, self._seen(signals)

    def far(self, w: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Of each w from the target ``rows``: the loss and the mean squared difference, ``[B]``."""
        signals, features = self.make(w)
        error = _mean(tf.square(signals - tf.gather(self.signals, rows)))
        cosine = tf.reduce_sum(features * tf.gather(self.features, rows), axis=1)
        return error + _FEATURES_WEIGH * (1 - cosine), error

    def all_far(self, w: tf.Tensor, rows: npt.NDArray) -> npt.NDArray:
        """Losses of all w from all ``rows``, ``[B, rows]``."""
        signals, features = self.make(w)
        a, b = (np.reshape(x, (len(x), -1)) for x in (signals, tf.gather(self.signals, rows)))
        squares = np.square(a).mean(axis=1)[:, np.newaxis] + np.square(b).mean(axis=1)
        cosines = features.numpy() @ tf.gather(self.features, rows).numpy().T
        return squares - 2 * a @ b.T / a.shape[1] + _FEATURES_WEIGH * (1 - cosines)

    def _features(self, name: str) -> Features:
        if name not in FEATURES:
            raise ValueError(f"features={name!r}: not one of {', '.join(FEATURES)}")
        if name == "auto" and self.of_images:
            try:
                return _of_network(EfficientNetLite0())
            except efficientnet_lite.MissingWeightsError:
                pass
        if name == "efficientnet_lite0":
            if not self.of_images:
                raise ValueError(f"features={name} is for images; use none")
            return _of_network(EfficientNetLite0())
        return lambda signals: tf.ones((tf.shape(signals)[0], 1))


def invert(
    sampler: Sampler,
    samples: npt.NDArray,
    label: Label = None,
    *,
    steps: int = 200,
    candidates: int = 1024,
    features: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Inversion:
    """Finds the w of given samples.

    Args:
        sampler: the generator.
        samples: ``[N, *sample_shape]``, of images uint8 ``[N, H, W, C]``.
        label: what the samples show, as for `Sampler.sample`: the start is looked for among w of
            that label; None: among those of all labels.
        steps: of gradient descent.
        candidates: random w (for each label) among which the start is looked for.
        features: network whose features are compared besides the pixels, of `FEATURES`; auto:
            EfficientNet-Lite0, of images, where the package with its weights is installed.
        progress: called with (steps done, steps).

    Raises:
        ValueError: samples of another shape, or a number that cannot be.
    """
    modality, samples = sampler.modality, np.asarray(samples)
    expected = (modality.sample_dtype, modality.sample_shape)
    if (samples.dtype, samples.shape[1:]) != expected or not len(samples):
        raise ValueError(
            f"samples: {samples.dtype} {list(samples.shape)}; give {modality.sample_dtype}"
            f" [N, {', '.join(map(str, modality.sample_shape))}]"
        )
    if steps < 0 or candidates < 1:
        raise ValueError(f"steps={steps}, candidates={candidates}: give 0 or more, and 1 or more")
    targets = _Targets(sampler, samples, features)
    start, labels, spread = _start(targets, label, candidates)
    parts = [np.arange(len(start))[i : i + _AT_ONCE] for i in range(0, len(start), _AT_ONCE)]
    found = []
    for index, rows in enumerate(parts):
        done = index * steps

        def tell(step: int, done: int = done) -> None:
            if progress is not None:
                progress(done + step, len(parts) * steps)

        found.append(_descend(targets, rows, start[rows], spread, steps, tell))
    w = np.concatenate([part[0] for part in found])
    errors, losses = (np.concatenate([part[i] for part in found], axis=-1) for i in (1, 2))
    psnr = 10 * np.log10(4 / np.maximum(errors, 1e-10))
    return Inversion(w, labels, sampler.synthesize(w), psnr.astype(np.float32), losses)


def _start(targets: _Targets, label: Label, candidates: int) -> tuple[Array, npt.NDArray, Array]:
    """Of random w the nearest to each target, its label, and the standard deviations of w."""
    sampler, count = targets.sampler, len(targets.signals)
    condition, seeds = sampler.condition, np.arange(candidates)
    z = portable_random.normal_numpy(seeds, sampler.latent_dim)
    groups = [(condition.of_seeds(seeds), np.arange(count))]  # labels of candidates, targets
    if label is not None:
        own = condition.check(label, np.arange(count))
        unique, group = np.unique(own, axis=0, return_inverse=True)
        groups = [
            (np.repeat(one[np.newaxis], candidates, axis=0), np.flatnonzero(group.ravel() == index))
            for index, one in enumerate(unique)
        ]
    start = np.zeros((count, sampler.w_mean.shape[1]), np.float32)
    labels = np.zeros((count, *condition.shape), condition.dtype.as_numpy_dtype)
    squares = np.zeros(start.shape[1])
    for asked, rows in groups:
        nearest = np.full(len(rows), np.inf)
        for first in range(0, candidates, _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            given = tf.constant(asked[part]) if condition.name else None
            w = sampler.generator.mapping(tf.constant(z[part]), given)
            squares += np.square(w - sampler.means_of(given)).sum(axis=0)
            far = targets.all_far(w, rows)  # [B, rows]
            best, better = far.argmin(axis=0), far.min(axis=0) < nearest
            nearest = np.minimum(nearest, far.min(axis=0))
            start[rows[better]] = w.numpy()[best[better]]
            labels[rows[better]] = asked[part][best[better]]
    deviations = np.sqrt(squares / (candidates * len(groups)))
    return start, labels, np.maximum(deviations, 1e-6).astype(np.float32)


def _descend(
    targets: _Targets,
    rows: npt.NDArray,
    start: Array,
    spread: Array,
    steps: int,
    tell: Callable[[int], None],
) -> tuple[Array, Array, Array]:
    """Adam from the start: the best w on the way, its squared differences, all losses."""

    @tf.function(autograph=False)
    def look(w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(w)
            losses, errors = targets.far(w, tf.constant(rows))
            total = tf.reduce_sum(losses)
        return losses, errors, tape.gradient(total, w)

    w, curve = start.copy(), []
    best, nearest, of_best = start.copy(), np.full(len(w), np.inf), np.zeros(len(w), np.float32)
    first, second = np.zeros_like(w), np.zeros_like(w)  # moments
    for step in range(steps + 1):
        losses, errors, gradient = (x.numpy() for x in look(tf.constant(w)))
        better = losses < nearest
        nearest[better], best[better], of_best[better] = losses[better], w[better], errors[better]
        curve.append(losses)
        t = step + 1
        gradient = gradient * spread  # as of w in standard deviations
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        change = first / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
        w = (w - _rate(step / max(1, steps)) * spread * change).astype(np.float32)
        tell(step)
    return best, of_best, np.stack(curve)


def _rate(t: float) -> float:
    """Rises in a line, and falls by a cosine at the end; t from 0 to 1."""
    fall = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / _COOL_DOWN))
    return _RATE * min(1.0, (t + 0.01) / _WARM_UP) * fall


def _mean(x: tf.Tensor) -> tf.Tensor:
    """Over all axes but the first, ``[B]``."""
    return tf.reduce_mean(tf.reshape(x, (tf.shape(x)[0], -1)), axis=1)


def _of_network(network: EfficientNetLite0) -> Features:
    def features(signals: tf.Tensor) -> tf.Tensor:
        images = 127.5 * (tf.clip_by_value(signals, -1.0, 1.0) + 1)  # [B, H, W, C]
        if images.shape[-1] == 4:  # composed on white
            alpha = images[..., 3:] / 255
            images = images[..., :3] * alpha + 255 * (1 - alpha)
        return tf.math.l2_normalize(network.of_tensors(images), axis=1)

    return features
