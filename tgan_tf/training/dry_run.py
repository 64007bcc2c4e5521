"""``--dry_run``: everything but the training, and nothing left behind."""

from __future__ import annotations

import time

import keras
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.tfds import known
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import summary
from tgan_tf.training.loop import memory_gib as memory_in_use
from tgan_tf.training.prepare import Prepared, describe_source, prepare
from tgan_tf.training.progress import Console, duration
from tgan_tf.training.strategy import distribute, make_strategy, reading

_MIB, _GIB = 2**20, 2**30

# Some seconds on a CPU. What is more is not taken: the answer would come too late.
_STEP_FLOPS = 1e12


def dry_run(config: Config, console: Console | None = None, *, memory_gib: float = 0) -> None:
    """Prints the networks, what they cost and the data set, and takes one step if it is quick.

    The costs come from graphs: neither weights nor activations are allocated. Where the
    configuration, or the name of a well-known data set, says what a sample is, they come before
    the data, which need not be there.

    Args:
        config: not yet resolved.
        console: where to; None: stdout.
        memory_gib: of one device, to say which batch fits into it; 0: leave that out.

    Raises:
        ConfigError: the configuration cannot work.
    """
    console = console or Console()
    if memory_gib < 0:
        raise ConfigError(f"--memory_gib={memory_gib:g}: must not be negative")
    # First of all: MultiWorkerMirrored must be made before any operation.
    strategy = make_strategy(config.training.strategy, config.training.batch_size)
    replicas = strategy.num_replicas_in_sync
    expected = _without_data(config)
    # For a step that is left out no data are wanted, which may be a long download.
    if expected and not _is_quick(expected, replicas, memory_gib, console):
        return
    try:
        prepared = prepare(config, console, strategy)
    except ConfigError as error:
        if expected is None:
            raise
        console.say(f"\nData      cannot be read, so no step is taken: {error}")
        return
    console.say(f"\nData      {describe_source(prepared.source, prepared.config)}")
    if expected or _is_quick(prepared.config, replicas, memory_gib, console):
        _take_step(prepared, strategy, console)


def _without_data(config: Config) -> Config | None:
    """The resolved configuration, where what the data would say is known before they are read."""
    data = config.data
    if config.is_resolved and not data.conditional:
        return config
    kind, _, name = data.dataset.partition(":")
    names = {"tfds": name, "fashion_mnist": kind}
    height, width, channels, classes = known(names.get(kind, ""))
    if any(data.image_size):
        height, width = data.image_size
    channels = data.channels or channels
    if not (height and channels and classes) or data.captions or data.autoencoder:
        return None
    return config.resolve(image_size=(height, width), channels=channels, num_classes=classes)


def _is_quick(config: Config, replicas: int, memory_gib: float, console: Console) -> bool:
    """Shows what a resolved configuration comes to, and says if one step would take too long."""
    plan = summary.plan(config)
    _show(plan, replicas, memory_gib, console)
    flops = plan.step_flops * config.training.batch_size
    if flops > _STEP_FLOPS:
        console.say(
            f"\nOne step is left out: it is about {flops / 1e12:,.1f} TFLOP, too much for a dry run"
        )
    return flops <= _STEP_FLOPS


def _show(plan: summary.Plan, replicas: int, memory_gib: float, console: Console) -> None:
    """What is known without the data."""
    config, batch = plan.config, plan.config.training.batch_size
    console.say(
        f"Training  {config.total_steps:,} steps of {batch} images, on {replicas} replica"
        + ("s" if replicas > 1 else "")
    )
    for name, network in plan.networks.items():
        console.say(f"\n{name.capitalize()}\n{_table(network)}")
    local = batch // replicas // config.training.micro_batches
    rows = [("Forward pass", "a sample", f"activations of {local}")]
    for name, cost in plan.costs.items():
        activations = f"{local * cost.activation_bytes / _MIB:,.1f} MiB"
        rows.append((f"  {name}", f"{cost.flops / 1e6:,.1f} MFLOP", activations))
    console.say("\n" + summary.table(rows, right=(1, 2)))
    console.say("  (a multiplication with its addition is 2 FLOP)")
    state, working = plan.state_bytes, local * plan.working_bytes
    made = plan.fixed_bytes - state
    memory = [
        ("Memory of one replica, estimated", ""),
        ("  weights, their average, optimizers", f"{state / _MIB:,.1f} MiB"),
        ("  gradients, and what is made of weights", f"{made / _MIB:,.1f} MiB"),
        (f"  activations and gradients of {local}, at most", f"{working / _MIB:,.1f} MiB"),
    ]
    console.say("\n" + summary.table(memory, right=(1,)))
    if memory_gib:
        largest = replicas * plan.largest_batch(memory_gib * _GIB)
        text = f"--batch_size={largest:,}" if largest else "none, not even of one sample"
        text += " (a tenth of it stays free)"
        console.say(f"  largest batch in {memory_gib:g} GiB: {text}")


def _take_step(prepared: Prepared, strategy: tf.distribute.Strategy, console: Console) -> None:
    config = prepared.config
    with strategy.scope():
        gan = TransformerGAN(config)
    source = prepared.source
    batches = distribute(strategy, source.signals or source.train, config)
    train_one = gan.make_step()
    console.say("\nOne step ...")
    start = time.perf_counter()
    with reading(batches) as next_batch:
        logs = {name: float(value) for name, value in train_one(next_batch()).items()}
    console.say("  " + "  ".join(f"{name} {value:.4g}" for name, value in logs.items()))
    console.say(
        f"  compiled in {duration(time.perf_counter() - start)}; the process holds"
        f" {memory_in_use():.2f} GiB"
    )


def _table(network: keras.Model) -> str:
    rows = [(f"  {name}", shapes, f"{n:,}") for name, shapes, n in summary.parameter_table(network)]
    total = ("  total", "", f"{summary.parameters(network):,}")
    return summary.table([("  part", "weights", "parameters"), *rows, total], right=(2,))
