"""Training throughput: images a second of the whole step, and whether the data keep up with it.

    python -m benchmarks.training --flagfile=configs/fashion_mnist.flags
    python -m benchmarks.training --flagfile=configs/fashion_mnist.flags --jit_compile --profile

takes the flags of train.py, compiles, warms up, and times several windows of steps, without
snapshots and metrics. Prints the median over the windows, their range, the most memory held, and
how many times more images a second the data pipeline alone delivers; below 20 times is an error.
`--profile` adds where the time of the operations goes on the CPU. Takes about a minute.
"""

from __future__ import annotations

import itertools
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

import tgan_tf.config
from tgan_tf import command

if TYPE_CHECKING:
    from tgan_tf.training.prepare import Prepared

PIPELINE_FACTOR = 20
# A node's name and its operation; oneDNN's forms of an operation count as the operation.
_OPERATION = re.compile(r"([^:]+):(?:_Mkl)?(?:Native)?(\w+)")
_ROWS = 15


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    tgan_tf.config.define_flags(values)
    flags.DEFINE_integer("windows", 7, "windows that are timed", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "window_steps",
        20,
        "steps of a window; rounded up so that each has as many penalties",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_bool("profile", False, "show where the time goes", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Times the training, then the data pipeline, and compares."""
    from benchmarks.data import images_per_second
    from tgan_tf.training.prepare import prepare
    from tgan_tf.training.progress import Console

    prepared = prepare(tgan_tf.config.from_flags(values), Console())
    trained = time_training(prepared, values)
    piped = images_per_second(
        prepared.source,
        batch_size=prepared.config.training.batch_size,
        mirror=prepared.config.data.mirror,
        seconds=3,
    )
    print(f"data pipeline alone {piped:12,.0f} images/s, {piped / trained:,.0f} times the training")
    if piped < PIPELINE_FACTOR * trained:
        raise RuntimeError(f"the data pipeline must be {PIPELINE_FACTOR} times as fast")


def time_training(prepared: Prepared, values: flags.FlagValues) -> float:
    """Prints what is trained and how fast; gives the median images a second."""
    from tgan_tf.gan import TransformerGAN
    from tgan_tf.training.loop import memory_gib
    from tgan_tf.training.strategy import distribute

    config, source = prepared.config, prepared.source
    batch_size, every = config.training.batch_size, config.objective.penalty_every
    with prepared.strategy.scope():
        gan = TransformerGAN(config)
    print(
        f"{source.name}, {'x'.join(map(str, source.train.sample_shape))}, batch {batch_size},"
        f" {gan.generator.count_params():,} + {gan.discriminator.count_params():,} parameters,"
        f" {prepared.strategy.num_replicas_in_sync} replica(s)"
    )
    steps = -(-values.window_steps // every) * every
    step = gan.make_step()
    batches = iter(distribute(prepared.strategy, source.train, config))

    start = time.perf_counter()
    timed(step, batches, 2)  # with a penalty and without
    print(f"first two steps     {time.perf_counter() - start:12.1f} s, mostly compilation")
    timed(step, batches, 2 * every)
    seconds = [timed(step, batches, steps) for _ in range(values.windows)]
    rates = steps * batch_size / np.array(seconds)
    print(
        f"training            {np.median(rates):12,.1f} images/s, median of {values.windows}"
        f" windows of {steps} steps ({rates.min():,.1f} to {rates.max():,.1f})"
    )
    print(f"most memory held    {memory_gib():12.2f} GiB")
    if values.profile:
        print_profile(profile(lambda: timed(step, batches, every)))
    return float(np.median(rates))


def timed(step: Callable[[Any], dict[str, Any]], batches: Iterator[Any], count: int) -> float:
    """Seconds of ``count`` steps, until their numbers are there."""
    start = time.perf_counter()
    for batch in itertools.islice(batches, count):
        logs = step(batch)
    for value in logs.values():
        float(value)
    return time.perf_counter() - start


def profile(work: Callable[[], object]) -> list[tuple[str, str, float]]:
    """(operation's name, its type, milliseconds) of all that ``work`` runs on the CPU's threads."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory(prefix="tgan_tf-") as folder:
        with tf.profiler.experimental.Profile(folder):
            work()
        space = xplane_pb2.XSpace()
        for file in Path(folder).rglob("*.xplane.pb"):
            space.MergeFromString(file.read_bytes())
    operations = []
    for plane in space.planes:
        for event in (e for line in plane.lines for e in line.events):
            match = _OPERATION.fullmatch(plane.event_metadata[event.metadata_id].name)
            if match and plane.name.startswith("/host:CPU"):
                operations.append((match[1], match[2], event.duration_ps / 1e9))
    return operations


def print_profile(operations: Iterable[tuple[str, str, float]]) -> None:
    """Two tables: by type of operation and by part of the step."""
    by_operation: dict[str, list[float]] = defaultdict(list)
    by_part: dict[str, list[float]] = defaultdict(list)
    for name, kind, milliseconds in operations:
        by_operation[kind].append(milliseconds)
        by_part[part_of_step(name)].append(milliseconds)
    for title, table in (("operation", by_operation), ("part of the step", by_part)):
        total = sum(map(sum, table.values()))
        print(f"\n{title:<36}{'ms':>10}{'share':>8}{'calls':>8}")
        for row, times in sorted(table.items(), key=lambda item: -sum(item[1]))[:_ROWS]:
            print(f"{row:<36}{sum(times):10.1f}{sum(times) / total:8.1%}{len(times):8,}")
    print()


def part_of_step(name: str) -> str:
    """Which part of the step an operation of the graph belongs to, by its name."""
    direction = "backward" if name.startswith("gradient_tape/") else "forward"
    for network in ("generator", "discriminator"):
        if re.search(rf"(^|/){network}(_\d+)?/", name):
            return f"{network}, {direction}"
    return "losses, optimizers, average, data"


if __name__ == "__main__":
    command.start(define_flags, run)
