"""The random numbers of a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# One stream of random numbers for each use, so that adding a use changes no other.
(
    LATENT,
    AUGMENT_REAL,
    AUGMENT_FAKE,
    DISTURB_REAL,
    DISTURB_FAKE,
    G_TOKENS,
    TOKENS_REAL,
    TOKENS_FAKE,
    MIX,
    CONSISTENCY_REAL,
    CONSISTENCY_FAKE,
    CONDITION,
    DISTURB_LATENT,
    STYLE,
    STYLE_CUT,
    PATH,
    GIVEN,
    GUIDANCE,
) = range(18)
LIKELIHOOD = PATH  # no generator has both
ENCODED = GIVEN  # no data have both


class Draw:
    """Random numbers of one step: drawn for the global batch, sliced for the replica.

    Stateless, from (seed, step, stream): a resumed run draws what an unbroken one would. Philox by
    name: the default algorithm gives other numbers under XLA.

    Args:
        seed: of the run.
        step: number of the step, int64.
        context: of the replica.
        batch: b, examples of the replica.
        dtype: of the numbers.
    """

    def __init__(
        self,
        seed: int,
        step: tf.Variable,
        context: tf.distribute.ReplicaContext,
        batch: tf.Tensor,
        dtype: tf.DType,
    ) -> None:
        self.seed, self.step, self.batch, self.dtype = seed, step, batch, dtype
        self.replicas = context.num_replicas_in_sync
        self.replica = context.replica_id_in_sync_group

    def _draw(self, function: Callable[..., tf.Tensor], stream: int, shape: Any) -> tf.Tensor:
        # Streams after the first sixteen count downwards from -1: the others keep their numbers.
        number = self.step * 16 + stream if stream < 16 else -1 - (self.step * 16 + stream - 16)
        seed = tf.stack([tf.constant(self.seed, tf.int64), number])
        full = function((self.batch * self.replicas, *shape), seed, dtype=self.dtype, alg="philox")
        start = self.replica * self.batch
        return full[start : start + self.batch] if self.replicas > 1 else full  # [b, *shape]

    def normal(self, stream: int, shape: Any) -> tf.Tensor:
        """Standard normal numbers, ``[b, *shape]``."""
        return self._draw(tf.random.stateless_normal, stream, shape)

    def uniform(self, stream: int, shape: Any) -> tf.Tensor:
        """Uniform numbers in [0, 1), ``[b, *shape]``."""
        return self._draw(tf.random.stateless_uniform, stream, shape)
