"""How far generated clips are from real ones: what frames show, and how they change.

Frechet and kernel distances are taken of features of frames, and of features of the differences of
neighbouring frames, for a distance of whole clips hardly sees motion beside content. The network is
a classifier of the frames where clips have labels, else EfficientNet-Lite0; its name stands in the
results, which are no FVD: that is another network's, see `i3d`. Of moving objects, whose physics is
known, see `motion`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tgan_tf.config import MOVING, Config, ConfigError
from tgan_tf.data.moving import SPEEDS
from tgan_tf.data.types import Source
from tgan_tf.metrics import i3d, motion
from tgan_tf.metrics.classifier import Classifier, train_classifier
from tgan_tf.metrics.extractors import EfficientNetLite0
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.kernel import kernel_distance
from tgan_tf.metrics.suite import Outcome

EXTRACTORS = ("i3d:PATH",)
_MOST = 1000  # clips that are compared
_PAIR_EVERY = 3  # of the pairs of neighbouring frames, every so many-th is looked at
_FRAMES_TO_LEARN = 40_000  # shown to the classifier


class Features(NamedTuple):
    """What a network sees in N clips.

    Args:
        frames: [N, F, dim].
        changes: of differences, [N, pairs, dim].
        classes: int [N, F]; None without a classifier.
    """

    frames: np.ndarray
    changes: np.ndarray
    classes: np.ndarray | None

    @property
    def clips(self) -> np.ndarray:
        """Means over time, of frames and of changes: [N, 2 dim]."""
        return np.concatenate([self.frames.mean(axis=1), self.changes.mean(axis=1)], axis=-1)


def features_of(clips: np.ndarray, network: FeatureExtractor) -> Features:
    """Features of uint8 clips ``[N, F, H, W, C]``."""
    count, frames, *shape = clips.shape
    flat = clips.reshape(-1, *shape)
    classes = None
    if isinstance(network, Classifier):
        features, logits = network.features_and_logits(flat)
        classes = logits.argmax(axis=1).reshape(count, frames)
    else:
        features = network(flat)
    changes = differences(clips)
    seen = network(changes.reshape(-1, *shape))
    return Features(
        features.reshape(count, frames, -1),
        seen.reshape(count, changes.shape[1], -1),
        classes,
    )


def differences(clips: np.ndarray) -> np.ndarray:
    """Every third pair of neighbouring frames as a picture of its change, grey where there is none:
    uint8 ``[N, F, H, W, C]`` -> ``[N, pairs, H, W, C]``."""
    first = np.arange(0, clips.shape[1] - 1, _PAIR_EVERY)
    change = clips[:, first + 1].astype(np.int16) - clips[:, first]
    return (128 + change // 2).clip(0, 255).astype(np.uint8)


def distances(real: Features, fake: Features) -> dict[str, float]:
    """Of frames, of changes, and of clips (a kernel distance)."""

    def frechet(a: np.ndarray, b: np.ndarray) -> float:
        moments = []
        for x in (a, b):
            moments.append(Moments())
            moments[-1].update(x.reshape(-1, x.shape[-1]))
        return frechet_distance(*moments)

    size = min(len(real.clips), len(fake.clips))
    return {
        "frechet_frames": frechet(real.frames, fake.frames),
        "frechet_motion": frechet(real.changes, fake.changes),
        "kernel_clips": kernel_distance(real.clips, fake.clips, subset_size=size, subsets=1).mean,
    }


def physics(
    clips: np.ndarray, labels: np.ndarray | None, seen: Features, room: float
) -> dict[str, float]:
    """Of clips of one object that bounces: see `motion`.

    Args:
        clips: uint8 ``[N, F, H, W, C]``.
        labels: what each was made to show; None: nothing.
        seen: their features.
        room: pixels that the object's corner can move on each axis.
    """
    top_speed = 1.5 * SPEEDS[1] * clips.shape[2]
    flight = motion.fit_flights(motion.centres(clips), room, top_speed)
    found = {
        "flight_residual": float(np.median(flight.residual)),
        "flight_speed": float(np.median(flight.speed)),
        "object_change": float(np.median(motion.object_changes(clips))),
    }
    if seen.classes is not None:
        found["same_class"] = float(motion.same_class_share(seen.classes).mean())
    if seen.classes is not None and labels is not None:
        found["frame_accuracy"] = float((seen.classes == labels[:, None]).mean())
    return found


def check(config: Config, source: Source) -> None:
    """Whether there is an I3D where one is asked for.

    Raises:
        ConfigError: there is none.
    """
    for name in config.evaluation.extractors:
        if name != "auto":
            try:
                i3d.check_folder(name.partition(":")[2])
            except ValueError as error:
                raise ConfigError(f"--extractors={name}: {error}") from error


def measure(
    fakes: np.ndarray,
    labels: np.ndarray | None,
    reference: Any,
    source: Source,
    config: Config,
    progress: Callable[[int, int], None],
) -> dict[str, Outcome]:
    """All of the above, and FVD where it is asked for, see `tgan_tf.other_metrics`; more than 1,000
    clips are not compared.

    Beside each number stands what other real clips have, those of the split that is not the
    reference (``details["real"]``), and beside the distances what the generated clips would have if
    they stood still at their first frame (``details["still"]``).
    """
    other = source.train if reference.name == "held-out" else source.val
    real, _ = some(reference.samples, reference.labels)
    others, other_labels = some(other.samples, other.labels)
    fakes, labels = fakes[:_MOST], None if labels is None else labels[:_MOST]
    outcomes: dict[str, Outcome] = {}
    for name in config.evaluation.extractors:
        if name != "auto":
            clip_network = i3d.I3D(name.partition(":")[2])
            outcomes |= i3d.measure(real, others, fakes, clip_network, progress)
    if "auto" in config.evaluation.extractors:
        network = frame_network(source, progress)
        outcomes |= _measure_frames(real, others, other_labels, fakes, labels, network, config)
    return outcomes


def _measure_frames(
    real: np.ndarray,
    others: np.ndarray,
    other_labels: np.ndarray | None,
    fakes: np.ndarray,
    labels: np.ndarray | None,
    network: FeatureExtractor,
    config: Config,
) -> dict[str, Outcome]:
    """What is seen frame by frame, and the physics where it is known."""
    seen_real, seen_other, seen = (features_of(x, network) for x in (real, others, fakes))
    first = np.repeat(seen.frames[:, :1], fakes.shape[1], axis=1)
    nothing = network(np.full((1, *fakes.shape[2:]), 128, np.uint8))
    still = Features(first, np.broadcast_to(nothing, seen.changes.shape), None)
    in_others, in_still = (distances(seen_real, x) for x in (seen_other, still))
    outcomes = {
        f"{key}_{network.name}": Outcome(
            value,
            len(real),
            len(fakes),
            details={"real": in_others[key], "still": in_still[key]},
        )
        for key, value in distances(seen_real, seen).items()
    }
    if config.data.dataset.partition(":")[0] in MOVING:
        room = fakes.shape[2] - fakes.shape[2] // 2
        in_others = physics(others, other_labels, seen_other, room)
        for key, value in physics(fakes, labels, seen, room).items():
            outcomes[key] = Outcome(value, 0, len(fakes), details={"real": in_others.get(key)})
    return outcomes


def some(samples: np.ndarray, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Up to 1,000 clips, chosen at random, always the same."""
    rows = np.sort(np.random.default_rng(0).permutation(len(samples))[:_MOST])
    return np.asarray(samples[rows]), None if labels is None else labels[rows]


def frame_network(source: Source, progress: Callable[[int, int], None]) -> FeatureExtractor:
    """What looks at frames; trained on those of clips with labels."""
    train = source.train
    if train.labels is None:
        return EfficientNetLite0()
    rng = np.random.default_rng(0)
    frames = train.sample_shape[0]
    rows = np.arange(len(train))
    images = train.samples[rows, rng.integers(0, frames, len(rows))]  # one of each clip
    return train_classifier(
        images, train.labels, source.num_classes, budget=_FRAMES_TO_LEARN, progress=progress
    )
