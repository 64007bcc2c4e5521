"""An endless stream of batches in which every sample is a pure function of its number.

Sample i of a run is ``images[p(i mod N)]``, where p is a permutation chosen by (seed, i // N); it
is mirrored when a hash of (seed, i) says so. Step s shows the samples s B to (s + 1) B - 1. So
there is no shuffle buffer and no iterator state: a run resumes at step s by starting there, and
any number of replicas together see what one alone would.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.data.types import SampleSet

# TensorFlow's own index_shuffle makes 4 rounds of its cipher, after which differences between
# neighbours repeat a hundred times in 1,797 samples; 8 rounds leave nothing to be seen.
_CIPHER_ROUNDS = 8


def make_dataset(
    images: SampleSet,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    mirror: bool = False,
    num_shards: int = 1,
    shard: int = 0,
    replicas_per_shard: int = 1,
    name: str = "image",
) -> tf.data.Dataset:
    """The batches of a run from ``start_step`` on, without end.

    Args:
        images: the training split; a memory map is read row by row.
        batch_size: B, over all replicas.
        seed: of the run.
        start_step: the first step to show.
        mirror: flip half of the samples left to right.
        num_shards: input pipelines (workers).
        shard: which of them this is.
        replicas_per_shard: replicas that take turns at this pipeline; elements
            k R to (k + 1) R - 1 are those of the k-th step.
        name: of samples in the elements.

    Returns:
        Elements ``{"image": uint8 [b, H, W, C], "label": int32 [b]}`` (of attributes and vectors
        float32 [b, K]), without ``label`` where there are none; b = B / (num_shards
        replicas_per_shard). The batches of one step, in order of shard and then replica, are the
        rows of the step's global batch.

    Raises:
        ConfigError: when the replicas do not divide the batch, or there are no images.
    """
    replicas = num_shards * replicas_per_shard
    if batch_size % replicas:
        raise ConfigError(
            f"--batch_size={batch_size} is not a multiple of the {replicas} replicas; use"
            f" {max(batch_size // replicas, 1) * replicas}"
        )
    if not 0 <= shard < num_shards:
        raise ValueError(f"shard {shard} is not one of {num_shards}")
    if not len(images):
        raise ConfigError("--dataset: no images to train on")
    local_batch = batch_size // replicas

    def batch(element: tf.Tensor) -> dict[str, tf.Tensor]:
        step, turn = element // replicas_per_shard, element % replicas_per_shard
        first = step * batch_size + (shard * replicas_per_shard + turn) * local_batch
        samples = first + tf.range(local_batch, dtype=tf.int64)  # [b]
        flips = mirrored(samples, seed) if mirror else tf.zeros_like(samples, tf.bool)
        return _read(images, name, _rows(samples, len(images), seed), flips)

    options = tf.data.Options()
    options.deterministic = True
    # Sharding is done above, by number.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return (
        tf.data.Dataset.counter(start_step * replicas_per_shard, dtype=tf.int64)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(4 * replicas_per_shard)
        .with_options(options)
    )


def shuffled_rows(samples: np.ndarray, num_images: int, seed: int) -> np.ndarray:
    """Which image each sample of a run is.

    Args:
        samples: int64 [n], numbers of samples, from 0 on.
        num_images: N.
        seed: of the run.

    Returns:
        int64 [n] in 0..N-1; over k N to (k + 1) N - 1 a permutation.
    """
    return _rows(tf.constant(samples, tf.int64), num_images, seed).numpy()


def _rows(samples: tf.Tensor, num_images: int, seed: int) -> tf.Tensor:
    epochs = samples // num_images
    # For small sets the cipher looks at no more than the lowest byte of each of its three words:
    # spread (seed, epoch) over all of them, or the order would repeat after 256 epochs.
    mixed = _hash(epochs, seed, stream=0)
    words = [tf.bitwise.right_shift(mixed, tf.constant(bits, tf.uint64)) for bits in (0, 21, 42)]
    return tf.raw_ops.RandomIndexShuffle(
        index=samples % num_images,
        seed=tf.cast(tf.stack(words, axis=-1) & tf.constant(2**21 - 1, tf.uint64), tf.int64),
        max_index=tf.fill(tf.shape(samples), tf.constant(num_images - 1, tf.int64)),
        rounds=_CIPHER_ROUNDS,
    )


def mirrored(samples: tf.Tensor, seed: int) -> tf.Tensor:
    """Whether each sample of a run (int64 [n]) is mirrored: bool [n]."""
    return tf.cast(_hash(samples, seed, stream=1) & tf.constant(1, tf.uint64), tf.bool)


def _hash(values: tf.Tensor, seed: int, stream: int) -> tf.Tensor:
    """uint64 [n] from int64 [n], another function for every (seed, stream)."""
    start = _splitmix(tf.constant(2 * seed + stream, tf.uint64))
    return _splitmix(start + tf.cast(values, tf.uint64))


def _splitmix(values: tf.Tensor) -> tf.Tensor:
    """One output of SplitMix64 from each state (Steele, Lea and Flood 2014), modulo 2^64."""

    def shifted(x: tf.Tensor, bits: int) -> tf.Tensor:
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(bits, tf.uint64)))

    mixed = values * tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    mixed = shifted(mixed, 30) * tf.constant(0xBF58476D1CE4E5B9, tf.uint64)
    mixed = shifted(mixed, 27) * tf.constant(0x94D049BB133111EB, tf.uint64)
    return shifted(mixed, 31)


def _read(images: SampleSet, name: str, rows: tf.Tensor, flips: tf.Tensor) -> dict[str, tf.Tensor]:
    """The images and labels of ``rows`` (int64 [b]), those of ``flips`` (bool [b]) mirrored.

    NumPy reads them, which touches no more of a memory map than these rows, and keeps the data
    out of the graph.
    """
    arrays = {name: images.samples}
    if images.labels is not None:
        arrays["label"] = images.labels

    def gather(rows: np.ndarray, flips: np.ndarray) -> list[np.ndarray]:
        parts = [np.asarray(array[rows]) for array in arrays.values()]
        if flips.any():
            parts[0][flips] = parts[0][flips, :, ::-1]  # along W of [b, H, W, C]
        return parts

    types = [array.dtype for array in arrays.values()]
    parts = tf.numpy_function(gather, [rows, flips], types, stateful=False)
    for part, array in zip(parts, arrays.values(), strict=True):
        part.set_shape((rows.shape[0], *array.shape[1:]))
    return dict(zip(arrays, parts, strict=True))
