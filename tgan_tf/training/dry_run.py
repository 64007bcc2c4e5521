"""``--dry_run``: everything but the training, and nothing left behind."""

from __future__ import annotations

import time

import keras

from tgan_tf.config import Config
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import summary
from tgan_tf.training.loop import memory_gib
from tgan_tf.training.prepare import describe_source, prepare
from tgan_tf.training.progress import Console, duration
from tgan_tf.training.strategy import distribute, reading

_MIB = 2**20


def dry_run(config: Config, console: Console | None = None) -> None:
    """Prints the data set, the networks and what they cost, and takes one step of both.

    Args:
        config: not yet resolved.
        console: where to; None: stdout.

    Raises:
        ConfigError: the configuration cannot work.
    """
    console = console or Console()
    prepared = prepare(config, console)
    config, strategy = prepared.config, prepared.strategy
    console.say(f"Data      {describe_source(prepared.source, config)}")
    with strategy.scope():
        gan = TransformerGAN(config)
    replicas = strategy.num_replicas_in_sync
    batch = config.training.batch_size
    console.say(
        f"Training  {config.total_steps:,} steps of {batch} images, on {replicas} replica"
        + ("s" if replicas > 1 else "")
    )
    for name, network in (("Generator", gan.generator), ("Discriminator", gan.discriminator)):
        console.say(f"\n{name}\n{_table(network)}")

    costs = {
        "generator": summary.generator_cost(gan.generator, config),
        "discriminator": summary.discriminator_cost(gan.discriminator, config),
    }
    console.say("\nForward pass of one sample (a multiplication with its addition is 2)")
    for name, cost in costs.items():
        console.say(f"  {name:<14}{cost.flops / 1e6:10,.1f} MFLOP")
    state, working = summary.training_bytes(gan, config, replicas)
    console.say("\nMemory of one replica, estimated")
    console.say(f"  {'weights, their average, optimizers':<36}{state / _MIB:10,.1f} MiB")
    console.say(f"  {'activations and gradients, at most':<36}{working / _MIB:10,.1f} MiB")

    batches = distribute(strategy, prepared.source.train, config)
    train_one = gan.make_step()
    console.say("\nOne step ...")
    start = time.perf_counter()
    with reading(batches) as next_batch:
        logs = {name: float(value) for name, value in train_one(next_batch()).items()}
    console.say("  " + "  ".join(f"{name} {value:.4g}" for name, value in logs.items()))
    console.say(
        f"  compiled in {duration(time.perf_counter() - start)}; the process holds"
        f" {memory_gib():.2f} GiB"
    )


def _table(network: keras.Model) -> str:
    rows = [(f"  {name}", shapes, f"{n:,}") for name, shapes, n in summary.parameter_table(network)]
    total = ("  total", "", f"{summary.parameters(network):,}")
    return summary.table([("  part", "weights", "parameters"), *rows, total], right=(2,))
