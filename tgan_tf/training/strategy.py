"""Which devices train, and how a batch is spread over them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.pipeline import make_dataset
from tgan_tf.data.types import SampleSet


def make_strategy(name: str, batch_size: int) -> tf.distribute.Strategy:
    """The strategy of ``--strategy``. Call it before any other TensorFlow operation.

    * ``one``: TensorFlow's default: the first GPU if there is one, else the CPU.
    * ``mirrored``: all GPUs of this machine; without one, all logical CPUs (for tests).
    * ``multi_worker``: every machine that TF_CONFIG lists, and all their GPUs. The run directory
      must be on a file system that they share, and each runs the same command.
    * ``tpu``: the TPU that TPU_NAME names ("local" on a TPU VM). Written to TensorFlow's
      documentation; it could not be tried.
    * ``auto``: multi_worker if TF_CONFIG lists several workers, tpu if TPU_NAME is set, mirrored
      if there are several GPUs, else one.

    Args:
        name: one of the above.
        batch_size: the global batch, which the replicas share equally.

    Raises:
        ConfigError: the environment lacks what the strategy needs, or the batch does not divide.
    """
    if name == "auto":
        name = _automatic()
    if name == "multi_worker":
        strategy = _multi_worker()
    elif name == "tpu":
        strategy = _tpu()
    elif name == "mirrored":
        strategy = _mirrored()
    else:
        strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ConfigError(
            f"--batch_size={batch_size} cannot be shared by {replicas} replicas; use"
            f" {batch_size // replicas * replicas or replicas} or"
            f" {-(-batch_size // replicas) * replicas}, or --strategy=one"
        )
    return strategy


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files and talks."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not getattr(resolver, "task_type", None):
        return True
    if resolver.task_type == "worker":
        return resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict()
    return resolver.task_type == "chief"


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Whether other processes take part."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def distribute(
    strategy: tf.distribute.Strategy, images: SampleSet, config: Config, start_step: int = 0
) -> Any:
    """The batches of a run from ``start_step`` on, spread over the replicas.

    Each worker reads only its own share. Elements are as of ``make_dataset``.
    """
    if not config.data.condition:
        images = SampleSet(images.samples)

    def shard(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return make_dataset(
            images,
            batch_size=config.training.batch_size,
            seed=config.training.seed,
            start_step=start_step,
            mirror=config.data.mirror,
            num_shards=context.num_input_pipelines,
            shard=context.input_pipeline_id,
            replicas_per_shard=context.num_replicas_in_sync // context.num_input_pipelines,
            name=config.data.modality,
        )

    return strategy.distribute_datasets_from_function(shard)


@contextlib.contextmanager
def reading(batches: Any) -> Iterator[Callable[[], Any]]:
    """A function that gives the next batch; the pipeline ends with the context.

    TensorFlow may wait for ever when Python exits with an iterator over several devices alive, be
    it in the traceback of an error.

    Args:
        batches: what ``distribute`` gave.
    """
    alive = [iter(batches)]
    try:
        yield lambda: next(alive[0])
    finally:
        alive.clear()


def from_chief(strategy: tf.distribute.Strategy, text: str, *, size: int = 4096) -> str:
    """``text`` as the chief has it, on all workers: only it knows the run's directory.

    Args:
        text: ignored on other workers.
        size: greatest length, in bytes.
    """
    if not is_multi_worker(strategy):
        return text
    message = np.zeros(size, np.int32)
    if is_chief(strategy):
        encoded = text.encode()
        message[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return bytes(_sum(strategy, message).astype(np.uint8)).rstrip(b"\0").decode()


def any_worker(strategy: tf.distribute.Strategy, flag: bool) -> bool:
    """Whether ``flag`` is set on any worker; all get the same answer."""
    if not is_multi_worker(strategy):
        return flag
    return bool(_sum(strategy, np.array([flag], np.int32))[0])


def _sum(strategy: tf.distribute.Strategy, values: np.ndarray) -> np.ndarray:
    """Sum over the workers of an int32 vector; each gives its own by its first replica."""
    first = min(
        strategy.experimental_local_results(
            strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(context.replica_id_in_sync_group)
            )
        )
    )
    mine = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            values if context.replica_id_in_sync_group == int(first) else np.zeros_like(values)
        )
    )
    return strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None).numpy()


def _automatic() -> str:
    workers = _workers()
    if workers > 1:
        return "multi_worker"
    if os.environ.get("TPU_NAME"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "one"


def _workers() -> int:
    """Workers that TF_CONFIG lists; 0 without it."""
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0
    try:
        cluster = json.loads(text).get("cluster", {})
        return sum(len(cluster.get(role, [])) for role in ("chief", "worker"))
    except (AttributeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"--strategy: the environment variable TF_CONFIG is not legal ({error}); see"
            " https://www.tensorflow.org/guide/distributed_training, or unset it"
        ) from error


def _multi_worker() -> tf.distribute.Strategy:
    if not _workers():
        raise ConfigError(
            "--strategy=multi_worker: the environment variable TF_CONFIG does not list the workers;"
            ' set it to {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker",'
            ' "index": 0}} on each of them, or use --strategy=one'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def _mirrored() -> tf.distribute.Strategy:
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ.get("TPU_NAME"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise ConfigError(
            f"--strategy=tpu: no TPU can be reached ({error}); set TPU_NAME, or use --strategy=one"
        ) from error
    return tf.distribute.TPUStrategy(resolver)
