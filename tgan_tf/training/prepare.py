"""What comes before a run: devices, data, a configuration with nothing left open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import tensorflow as tf

from tgan_tf import evaluation
from tgan_tf.config import Config, ConfigError
from tgan_tf.data.latents import encoded
from tgan_tf.data.sources import load_source
from tgan_tf.data.types import Source
from tgan_tf.modalities import make_modality
from tgan_tf.training.progress import Console
from tgan_tf.training.strategy import is_chief, make_strategy
from tgan_tf.training.tensorboard import check_installed


@dataclass(frozen=True)
class Prepared:
    """A configuration that is known to work, and what it works with.

    Attributes:
        config: resolved.
        flags: as it was given.
        chief: whether this process writes files.
    """

    config: Config
    flags: Config
    source: Source
    strategy: tf.distribute.Strategy
    chief: bool


def prepare(
    config: Config, console: Console, strategy: tf.distribute.Strategy | None = None
) -> Prepared:
    """Makes the strategy, loads the data, resolves the configuration. Writes nothing but caches.

    Args:
        config: not yet resolved.
        console: where to say how far it is.
        strategy: where it is made already.

    Raises:
        ConfigError: naming the option that cannot work here.
    """
    if config.run.tensorboard:
        check_installed()
    if strategy is None:
        # First of all: MultiWorkerMirrored must be made before any operation.
        strategy = make_strategy(config.training.strategy, config.training.batch_size)
    console.quiet |= not is_chief(strategy)
    with console.counting(f"preparing {config.data.dataset}") as progress:
        source = load_source(config.data, progress=progress)
    resolved = source.resolve(config)
    _check_labels(resolved, source)
    evaluation.check(resolved, source)
    if config.data.autoencoder:
        with console.counting("encoding the images") as progress:
            source = replace(source, signals=encoded(source, resolved, progress))
    return Prepared(resolved, config, source, strategy, is_chief(strategy))


def _check_labels(config: Config, source: Source) -> None:
    asked = {
        "condition_dropout": config.data.condition_dropout,
        "ac_weight": config.objective.ac_weight,
    }
    for name, value in asked.items():
        if value and not config.data.condition:
            raise ConfigError(f"--{name}={value:g}: {source.name} has no labels; leave it out")


def describe_source(source: Source, config: Config) -> str:
    """One line: name, sizes, shape, classes; a second one for what is left out or incomplete."""
    parts = [
        f"{len(source.train):,} to train on, {len(source.val):,} held out",
        make_modality(config).describe(),
        _condition(source, config),
    ]
    text = f"{source.name}: {'; '.join(parts)}"
    if source.skipped:
        text += f"\n{'':10}{len(source.skipped):,} left out or incomplete: {source.skipped[0]}"
        text += ", ..." if len(source.skipped) > 1 else ""
    return text


def _condition(source: Source, config: Config) -> str:
    names = source.class_names or source.attribute_names
    if not names and not source.vector_width:
        return "without labels"
    used = "" if config.data.condition else ", not used (--noconditional)"
    if not names:
        return f"vectors of {source.vector_width} numbers{used}"
    shown = ", ".join(names if len(names) <= 12 else [*names[:10], "..."])
    return f"{len(names)} {'classes' if source.class_names else 'attributes'}{used}: {shown}"
