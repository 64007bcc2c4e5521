"""Metrics of data that are not images: each modality has a module of its own.

Such a module of ``tgan_tf.metrics`` has a function
``measure(fakes, labels, reference, source, config, progress) -> dict[str, Outcome]``: generated
samples [N, *sample_shape], the classes that they were made for (int32 [N] or None), the real
samples that they are compared with (`Reals`), all the data, the configuration, and a callback that
takes (done, all). It may have a ``REFERENCE``, the split that samples are compared with unless
another is asked for, ``EXTRACTORS``, what may be asked for besides ``auto``, a function
``check(config, source)`` that refuses options early, ``LIKELIHOOD``: then ``measure`` takes
``likelihood`` too, None or a `Likelihood`, and measures it beside; and ``BASELINES``: then it takes
``baselines``, whether simple models and real samples are measured beside.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tgan_tf.config import METRICS, Config, ConfigError
from tgan_tf.data.opaque import OpaqueRows
from tgan_tf.data.types import Source
from tgan_tf.inference import Sampler
from tgan_tf.metrics.suite import Result
from tgan_tf.reference import AT_ONCE, split_of

# modality -> module
MODULES = {
    "music": "tgan_tf.metrics.music",
    "series": "tgan_tf.metrics.series",
    "text": "tgan_tf.metrics.text",
    "video": "tgan_tf.metrics.video",
}

# What names of results begin with that are of something else than the samples.
BESIDE = ("trigram_", "likelihood_", "real_")


@dataclass(frozen=True)
class Reals:
    """Real samples of a split.

    Attributes:
        name: "held-out", "training" or "all".
        samples: [N, *sample_shape].
        labels: int32 [N], or None.
    """

    name: str
    samples: np.ndarray
    labels: np.ndarray | None


@dataclass(frozen=True)
class Likelihood:
    """Samples of the generator as it was after likelihood alone.

    Attributes:
        sampler: that generator.
        labels: the classes that samples are made for, or None.
    """

    sampler: Sampler
    labels: np.ndarray | None

    @property
    def steered(self) -> bool:
        """Whether it has a temperature."""
        return self.sampler.steered

    def __call__(self, count: int, temperature: float = 1.0) -> np.ndarray:
        """Of the first so many of the seeds and classes that all samples have."""
        labels = None if self.labels is None else self.labels[:count]
        return self.sampler.sample(range(count), labels, temperature=temperature)


def check(config: Config, source: Source) -> None:
    """Whether a modality can be measured as the configuration asks.

    Raises:
        ConfigError: naming the option.
    """
    if source.modality not in MODULES:
        raise ConfigError(
            f"--metrics: there are none of {source.modality}; pass --metrics= (empty)"
        )
    if config.evaluation.metrics != METRICS:
        raise ConfigError(
            f"--metrics={','.join(config.evaluation.metrics)} chooses among metrics of images; of"
            f" {source.modality} all are measured: leave it out, or pass --metrics= (empty)"
        )
    if config.evaluation.protocol != "none":
        raise ConfigError(f"--protocol is for images, not for {source.modality}; leave it out")
    module = importlib.import_module(MODULES[source.modality])
    known = ("auto", *getattr(module, "EXTRACTORS", ()))
    for name in config.evaluation.extractors:
        if name.partition(":")[0] not in [other.partition(":")[0] for other in known]:
            raise ConfigError(
                f"--extractors={name} is not for {source.modality}, of which there are"
                f" {', '.join(known)}"
            )
    if more := getattr(module, "check", None):
        more(config, source)


def measure(
    sample: Callable[[Any, Any], np.ndarray] | OpaqueRows,
    source: Source,
    config: Config,
    split: str,
    counting: Callable[[str], AbstractContextManager[Callable[[int, int], None]]],
    likelihood: Sampler | None = None,
    baselines: bool = True,
) -> tuple[Reals, dict[str, Result]]:
    """Draws samples, with the labels of the real ones in the same shares, and measures them.

    Where the modality has them, the generator after likelihood alone (``likelihood``, from the same
    seeds) and ``baselines`` are measured beside.
    """
    if isinstance(sample, OpaqueRows):
        raise ValueError(f"files of {source.modality} cannot be measured: give a run")
    module = importlib.import_module(MODULES[source.modality])
    if split == "auto":
        split = getattr(module, "REFERENCE", split)
    name, reals, real_labels = split_of(source, split)
    count, labels = config.evaluation.eval_samples, None
    if config.data.condition and real_labels is not None:
        order = np.random.default_rng(0).permutation(len(real_labels))
        labels = real_labels[order[np.arange(count) % len(order)]]  # [N]
    parts = []
    with counting("drawing samples") as progress:
        for start in range(0, count, AT_ONCE):
            part = range(start, min(start + AT_ONCE, count))
            parts.append(sample(part, None if labels is None else labels[part.start : part.stop]))
            progress(part.stop, count)
    fakes = np.concatenate(parts)
    if fakes.dtype.kind == "f" and not np.isfinite(fakes).all():
        raise ValueError("samples are not finite; the training diverged")
    begun = time.perf_counter()
    reference = Reals(name, reals[:], real_labels)
    beside: dict[str, Any] = {}
    if likelihood is not None and getattr(module, "LIKELIHOOD", False):
        beside["likelihood"] = Likelihood(likelihood, labels)
    if getattr(module, "BASELINES", False):
        beside["baselines"] = baselines
    with counting("measuring") as progress:
        outcomes = module.measure(fakes, labels, reference, source, config, progress, **beside)
    seconds = time.perf_counter() - begun
    return reference, {key: Result(**vars(o), seconds=seconds) for key, o in outcomes.items()}
