"""Metrics of generators that are told captions: whether they listen, and what else they vary."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data.opaque import Joined, OpaqueRows, opaque
from tgan_tf.data.types import Progress, Source
from tgan_tf.inference import Sampler
from tgan_tf.metrics import intervals
from tgan_tf.metrics import retrieval as matching
from tgan_tf.metrics.diversity import diversity
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.suite import Outcome

NAMES = ("retrieval", "caption_diversity")
# Of the held-out pairs, the share that the matching network learns; the rest it is asked about.
_MATCHER_SHARE = 0.75
_DRAWINGS = 4  # of every caption
_GUIDANCE = (1.5, 2.0, 3.0)
_VARIED = 128  # captions whose drawings are compared with each other
_FEWEST_SHARED = 10  # captions of several real images, fewer of which say little
_BATCH = 64


def check(metrics: Sequence[str], source: Source) -> None:
    """Whether those of `NAMES` that are asked for can be measured.

    Raises:
        ConfigError: there are no captions, or too few are held out.
    """
    captions = source.val.captions
    wanted = [name for name in NAMES if name in metrics]
    if wanted and not captions:
        raise ConfigError(
            f"--metrics={wanted[0]}: {source.name} has no captions; use --captions, or leave it out"
        )
    if "caption_diversity" in wanted and len(set(captions)) < 2:
        raise ConfigError(
            "--metrics=caption_diversity: all held-out captions are equal; use a larger"
            " --val_fraction, or leave it out"
        )
    if "retrieval" not in wanted:
        return
    asked = [captions[row] for row in _caption_rows(source)[1]]
    if len(set(asked)) < matching.AMONG:
        raise ConfigError(
            f"--metrics=retrieval: of {len(captions)} held-out captions {len(set(asked))} different"
            f" ones are asked about, and {matching.AMONG} are needed; use a larger --val_fraction"
        )


def retrieval(
    sample: Callable[..., np.ndarray], source: Source, sampler: Sampler | None, progress: Progress
) -> Outcome:
    """Share of samples whose caption, which the generator never saw, is among the first 5 of 100.

    Each caption's drawings have a share, and these are averaged, so all captions weigh the same.

    A matching network learns most of the held-out pairs; captions of the others are drawn, four
    times each. Among the details: the same share of the real images (``real``), by chance, and,
    where the generator can be guided, ``with_guidance``: the share by how much, its ``gain`` over
    none with the same noise, and the gain's ``interval``.

    Args:
        sample: (seeds, vectors) -> uint8 ``[N, H, W, C]``.
        source: with captions.
        sampler: of the generator, for guidance.
        progress: called with steps of the matcher's training done and all.
    """
    learned, asked = _caption_rows(source)
    images, vectors = OpaqueRows(source.val.samples), source.val.labels
    assert vectors is not None
    matcher = matching.train_matcher(images[learned], vectors[learned], progress=progress)
    wanted = np.tile(vectors[asked], (_DRAWINGS, 1))
    seeds = range(len(wanted))

    def hits(made: np.ndarray, of: np.ndarray) -> np.ndarray:
        return matching.among_the_first(opaque(made), of, matcher)

    # A caption may be that of several images, by other designers: its drawings count together.
    _, caption = np.unique([source.val.captions[row] for row in asked], return_inverse=True)
    caption = np.tile(caption, _DRAWINGS)

    def heard(made: np.ndarray) -> np.ndarray:
        """Of each caption's drawings, which are hits together, the share."""
        return np.bincount(caption, hits(made, wanted)) / np.bincount(caption)

    shares = heard(sample(seeds, wanted))
    details: dict[str, object] = {
        "real": float(hits(images[asked], vectors[asked]).mean()),
        "chance": matching.FIRST / matching.AMONG,
        "captions": len(shares),
    }
    if sampler is not None and sampler.guided:
        details["with_guidance"] = guided = {}
        for scale in _GUIDANCE:
            there = heard(sampler.sample(seeds, wanted, 1.0, scale))
            guided[f"{scale:g}"] = {
                "share": float(there.mean()),
                "gain": float((there - shares).mean()),
                "interval": list(intervals.bootstrap_mean(there - shares)),
            }
    # The captions are resampled.
    interval = intervals.bootstrap_mean(shares)
    return Outcome(float(shares.mean()), len(learned), len(wanted), interval, details)


def caption_diversity(
    sample: Callable[..., np.ndarray],
    source: Source,
    network: FeatureExtractor,
    progress: Progress,
) -> Outcome:
    """Mean distance of images of one caption, as a share of that of images of different captions.

    Held-out captions are drawn four times each and compared in a network's features. Among the
    details: the same share of the real images whose caption is not theirs alone (``real``), where
    there are any.

    Args:
        sample: (seeds, vectors) -> uint8 ``[N, H, W, C]``.
        source: with captions.
        network: sees the images.
        progress: called with images that were seen and all.
    """
    captions, vectors = source.val.captions, source.val.labels
    assert vectors is not None
    _, rows = np.unique(captions, return_index=True)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _VARIED)).astype(np.int64)]
    wanted = np.repeat(vectors[rows], _DRAWINGS, axis=0)
    reals, of_reals = _sharing_a_caption(source)
    total = len(wanted) + len(reals)

    def seen(images: Callable[[slice], np.ndarray], count: int, before: int) -> np.ndarray:
        parts = []
        for start in range(0, count, _BATCH):
            part = slice(start, min(start + _BATCH, count))
            parts.append(network(opaque(images(part))))
            progress(before + part.stop, total)
        return np.concatenate(parts)

    features = seen(lambda part: sample(range(part.start, part.stop), wanted[part]), len(wanted), 0)
    made = diversity(features, np.repeat(np.arange(len(rows)), _DRAWINGS))
    details: dict[str, object] = {
        "within": float(made.within.mean()),
        "between": made.between,
        "captions": len(rows),
    }
    if len(reals):
        features = seen(reals.__getitem__, len(reals), len(wanted))
        details["real"] = float(diversity(features, of_reals).shares.mean())
        details["real_captions"] = int(of_reals.max()) + 1
    shares = made.shares
    interval = intervals.bootstrap_mean(shares)
    return Outcome(float(shares.mean()), len(reals), len(wanted), interval, details)


def _sharing_a_caption(source: Source) -> tuple[OpaqueRows, np.ndarray]:
    """Real images in groups of one caption, at most four of each, and the group of each.

    None of them if too few captions have two images.
    """
    captions = np.array([*source.train.captions, *source.val.captions])
    _, group, counts = np.unique(captions, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts >= 2)
    shared = shared[np.linspace(0, len(shared) - 1, min(len(shared), _VARIED)).astype(np.int64)]
    members = [np.flatnonzero(group == one)[:_DRAWINGS] for one in shared]
    if len(members) < _FEWEST_SHARED:
        members = []
    rows = np.concatenate([np.zeros(0, np.int64), *members])
    joined = Joined(source.train.samples, source.val.samples)
    return OpaqueRows(joined, rows), np.repeat(np.arange(len(members)), [*map(len, members)])


def _caption_rows(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Held-out rows that the matching network learns, and those that it is asked about.

    A caption of several images is among the ones or the others.
    """
    numbers: dict[str, int] = {}
    caption = np.array([numbers.setdefault(text, len(numbers)) for text in source.val.captions])
    order = np.random.default_rng(0).permutation(len(numbers))
    learned = np.isin(caption, order[: round(_MATCHER_SHARE * len(order))])
    return np.flatnonzero(learned), np.flatnonzero(~learned)
