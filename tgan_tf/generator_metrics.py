"""Metrics that need more than two sets of features: the generator or the training images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tgan_tf.data.opaque import OpaqueRows
from tgan_tf.data.types import Progress, Source
from tgan_tf.inference import Sampler
from tgan_tf.metrics import influence, intervals, neighbours
from tgan_tf.metrics.classifier import train_classifier
from tgan_tf.metrics.features import FeatureExtractor
from tgan_tf.metrics.network import Network
from tgan_tf.metrics.path_length import kept_distances
from tgan_tf.metrics.suite import Outcome

PATHS = 1000  # pairs of the path length
EPSILON = 1e-4
_BATCH = 50
_QUERIES = 2000  # samples, and unseen images, whose nearest training image is looked for
NEIGHBOURS = 5  # training images in each row of the picture
_SHOWN = 16  # rows of the picture
_AVERAGED_SIDE = 32  # pixels, where pixels are compared


def path_length(
    sampler: Sampler, network: Network, *, space: str, seed: int, progress: Progress
) -> Outcome:
    """Perceptual path length in a network's features, see `metrics.path_length`.

    Distances are squared Euclidean distances of features, of images that were not rounded.

    Args:
        sampler: the generator.
        network: sees the images.
        space: "z", between z and z + epsilon (z' - z) (torch-fidelity), or "w", between w and
            w + epsilon (w' - w) (StyleGAN, "end").
        seed: of the latents and labels.
        progress: called with the pairs done and all.
    """
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, PATHS, sampler.latent_dim), np.float32)
    labels = sampler.condition.of_seeds(rng.integers(0, 2**31, PATHS, np.int32))
    distances = []
    for start in range(0, PATHS, _BATCH):
        rows = slice(start, start + _BATCH)
        images = _ends(sampler, first[rows], second[rows], labels[rows], space)
        features, _ = network.of_floats(images)
        here, there = np.split(features.astype(np.float64), 2)
        distances.append(np.square(here - there).sum(axis=1) / EPSILON**2)
        progress(min(start + _BATCH, PATHS), PATHS)
    kept = kept_distances(np.concatenate(distances))
    mean = float(kept.mean())
    details = {"std": float(kept.std()), "space": space, "epsilon": EPSILON, "seed": seed}
    interval = influence.around(mean, float(kept.std()) / len(kept) ** 0.5, low=0.0)
    return Outcome(mean, 0, PATHS, interval, details)


def _ends(
    sampler: Sampler, z: np.ndarray, other: np.ndarray, labels: np.ndarray, space: str
) -> np.ndarray:
    """Images at both ends of short steps, float32 ``[2 B, H, W, 1 or 3]``, 0..255."""
    label = tf.constant(labels) if sampler.condition.name else None
    mapping = sampler.generator.mapping
    if space == "z":
        near, far = (mapping(tf.constant(x), label) for x in (z, z + EPSILON * (other - z)))
    else:
        near, far = (mapping(tf.constant(x), label) for x in (z, other))
        far = near + EPSILON * (far - near)
    images = sampler.generator.synthesis(tf.concat([near, far], axis=0)).numpy()
    images = 127.5 * (images + 1)
    if images.shape[-1] == 4:  # composed on white
        alpha = images[..., 3:] / 255
        images = images[..., :3] * alpha + 255 * (1 - alpha)
    return images


def classifier_accuracy_score(
    batches: Iterable[tuple[np.ndarray, np.ndarray | None]],
    count: int,
    source: Source,
    *,
    on_reals: float,
    progress: Progress,
) -> Outcome:
    """CAS: a classifier learns from generated images and is asked about real ones.

    Source: Ravuri and Vinyals, "Classification Accuracy Score for Conditional Generative Models"
    (2019). The classifier is `metrics.classifier`'s, which `on_reals` is the accuracy of when it
    learns from the training images.

    Args:
        batches: uint8 images and the classes that they were made for.
        count: of all.
        source: the held-out images ask.
        on_reals: for comparison, 0..1.
        progress: called with images shown and all.
    """
    val, labels = source.val, []
    assert val.labels is not None
    with tempfile.TemporaryDirectory(prefix="tgan_tf_") as folder:
        height, width, _ = val.sample_shape
        channels = OpaqueRows(val.samples).shape[-1]
        # On disk: memory does not grow with the number of samples.
        images = np.lib.format.open_memmap(
            Path(folder) / "samples.npy", "w+", np.uint8, (count, height, width, channels)
        )
        start = 0
        for batch, of_class in batches:
            assert of_class is not None
            images[start : start + len(batch)] = batch
            labels.append(of_class)
            start += len(batch)
        trained = train_classifier(
            images,
            np.concatenate(labels),
            source.num_classes,
            held_out=(OpaqueRows(val.samples), val.labels),
            progress=progress,
        )
    right = round(trained.accuracy * len(val))
    details = {"trained_on_reals": on_reals, "reals": len(val)}
    return Outcome(
        trained.accuracy, len(val), count, intervals.proportion(right, len(val)), details
    )


def memorised(
    fakes: np.ndarray,
    images: np.ndarray,
    network: FeatureExtractor,
    source: Source,
    progress: Progress,
) -> tuple[Outcome, np.ndarray]:
    """Whether samples are copies of training images, see `metrics.neighbours`.

    Args:
        fakes: features of samples, ``[N, dim]``.
        images: some samples, uint8 ``[n, H, W, 1 or 3]``.
        network: the one that saw them.
        source: the training images are searched, the held-out ones are what unseen means.
        progress: called with training images done and all.

    Returns:
        The score; and a picture's images, a sample and its nearest training images in each row,
        the nearest sample first: uint8 ``[rows * 6, H, W, 1 or 3]``.
    """
    val = OpaqueRows(source.val.samples)
    unseen = np.concatenate(
        [network(part) for part in OpaqueRows(val, _some(len(val))).batches(_BATCH)]
    )
    chosen = fakes[_some(len(fakes))]
    queries = np.concatenate([chosen, unseen, network(images)])
    train = OpaqueRows(source.train.samples)

    def features() -> Iterator[np.ndarray]:
        done = 0
        for batch in train.batches(256):
            yield network(batch)
            done += len(batch)
            progress(done, len(train))

    found = neighbours.nearest(queries, features(), k=min(NEIGHBOURS, len(train)))
    nearest = found.distances[:, 0]
    of_fakes, of_unseen = np.split(nearest[: -len(images)], [len(chosen)])
    result = neighbours.memorisation(of_fakes, of_unseen)
    interval = influence.around(result.score, result.error, low=0.0)
    details = {"copies": result.copies, "unseen_images": len(unseen), "training": len(train)}
    outcome = Outcome(result.score, len(unseen), len(chosen), interval, details)
    of_images = neighbours.Neighbours(*(part[-len(images) :] for part in found))
    return outcome, _rows(images, of_images, train)


def nearest_in_pixels(images: np.ndarray, source: Source, progress: Progress) -> np.ndarray:
    """A picture's images: samples, and what of the training images is most like each.

    By Euclidean distance of pixels, of images that are first averaged to at most 32 pixels a side:
    that needs no network, and finds copies.

    Args:
        images: some samples, uint8 ``[n, H, W, 1 or 3]``.
        source: the training images are searched.
        progress: called with training images done and all.

    Returns:
        As of `memorised`: uint8 ``[rows * 6, H, W, 1 or 3]``.
    """
    train = OpaqueRows(source.train.samples)

    def features() -> Iterator[np.ndarray]:
        done = 0
        for batch in train.batches(1024):
            yield _averaged(batch)
            done += len(batch)
            progress(done, len(train))

    found = neighbours.nearest(_averaged(images), features(), k=min(NEIGHBOURS, len(train)))
    return _rows(images, found, train)


def _averaged(images: np.ndarray) -> np.ndarray:
    """uint8 ``[N, H, W, C]`` -> float32 ``[N, dim]``, means of whole blocks of pixels."""
    height, width = images.shape[1:3]
    block = max(1, -(-max(height, width) // _AVERAGED_SIDE))
    images = images[:, : height // block * block, : width // block * block]
    shape = (len(images), height // block, block, width // block, block, images.shape[-1])
    return images.reshape(shape).mean(axis=(2, 4), dtype=np.float32).reshape(len(images), -1)


def _rows(images: np.ndarray, found: neighbours.Neighbours, train: OpaqueRows) -> np.ndarray:
    """Samples, each followed by its nearest training images; the nearest pairs first."""
    shown = np.argsort(found.distances[:, 0], kind="stable")[:_SHOWN]
    rows = [np.concatenate([images[i : i + 1], train[found.rows[i]]]) for i in shown]
    return np.concatenate(rows)


def _some(count: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, _QUERIES)).astype(np.int64)
