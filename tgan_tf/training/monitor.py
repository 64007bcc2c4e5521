"""What a row says beyond the losses: norms of weights and updates, and the probe's numbers."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.data.types import Source
from tgan_tf.gan import TransformerGAN
from tgan_tf.training.probe import Probe, Sample

_NETWORKS = (("g", "generator"), ("d", "discriminator"))


class Monitor:
    """Adds to each tick what only the whole networks show.

    All it says is a function of the step and the weights, so a resumed run says the same.

    Args:
        config: resolved.
        gan: what is watched.
        source: its data.
        sample: draws with the averaged generator.
    """

    def __init__(self, config: Config, gan: TransformerGAN, source: Source, sample: Sample) -> None:
        self._config, self._gan = config, gan
        self._tick_every = config.steps(config.run.tick_kimg)
        self._probe = None
        if config.health.health_kimg:
            self._probe_every = config.steps(config.health.health_kimg)
            self._probe = Probe(gan, source, sample, config.health.health_samples)
        self._before: dict[str, list[tf.Tensor]] = {}

    def before_step(self, step: int) -> None:
        """Remembers the weights before the step that ends a tick; ``step`` are done."""
        if not self._ends_tick(step + 1):
            return
        for short, name in _NETWORKS:
            weights = getattr(self._gan, name).trainable_variables
            self._before[short] = [tf.identity(weight.value) for weight in weights]

    def numbers(self, step: int) -> dict[str, Any]:
        """Fields of the tick at ``step``."""
        fields: dict[str, Any] = {}
        for short, name in _NETWORKS:
            weights = [w.value for w in getattr(self._gan, name).trainable_variables]
            fields[f"{short}_weight_norm"] = float(tf.linalg.global_norm(weights))
            if before := self._before.pop(short, None):
                moved = [now - then for now, then in zip(weights, before, strict=True)]
                fields[f"{short}_update_norm"] = float(tf.linalg.global_norm(moved))
        # The first tick at or after each multiple.
        if self._probe is not None and step // self._probe_every > (
            (step - 1) // self._tick_every * self._tick_every // self._probe_every
        ):
            fields |= self._probe()
        return fields

    def weights_are_finite(self) -> bool:
        """Whether these weights may be saved: the losses of a step are of the weights before it."""
        networks = [self._gan.generator, self._gan.discriminator, self._gan.ema_generator]
        networks += [] if self._gan.encoder is None else [self._gan.encoder]
        return all(
            math.isfinite(float(tf.linalg.global_norm([w.value for w in network.weights])))
            for network in networks
        )

    def _ends_tick(self, step: int) -> bool:
        return step % self._tick_every == 0 or step == self._config.total_steps
