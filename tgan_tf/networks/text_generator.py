"""An autoregressive generator of tokens: a causal transformer decoder, steered by noise and class.

It learns in two ways. By likelihood: ``likelihood`` of real tokens, each from those before it. And
as the generator of a GAN: ``synthesis`` gives one-hot samples with the derivative of a softmax
(straight-through Gumbel-softmax, Jang et al. 2017, sec. 2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import LINEAR_INITIALIZERS, Config
from tgan_tf.data.vocabulary import END, UNKNOWN
from tgan_tf.layers import MappingNetwork, Normalization, TransformerBlock, rematerialized
from tgan_tf.networks.token_choice import Choice, choose, never

Numbers = Callable[[tf.Tensor], tf.Tensor]  # place, int scalar -> Gumbel noise [B, V]


@keras.saving.register_keras_serializable(package="tgan_tf")
class AutoregressiveGenerator(keras.Model):
    """Token embedding, causal modulated blocks, logits of the next token.

    Logits are products with the embedding of the tokens (Press and Wolf 2017) and a bias. Every
    token's distribution is one given ``w`` and the tokens before it; the rest of a sample's
    randomness is Gumbel noise, of which the greatest sum with the logits is the token (Maddison et
    al. 2014).

    Args:
        config: a resolved configuration of text.

    Attributes:
        noise_numbers: uniform numbers that an example's tokens take.
        remat: whether blocks are computed once more on the way back; for whoever trains to set.
    """

    noise_kind = "uniform"
    remat = False

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(**{"dtype": config.training.precision, "name": "generator", **kwargs})
        self.config = config
        self.num_conditions = config.data.num_conditions
        self.latent_dim = config.generator.latent_dim
        self.tokens, _, self.vocabulary = config.data.signal_shape
        special = config.data.vocabulary[:2]
        self.ends = END in special  # samples are of different length
        # What a real text has where a rare character was.
        self.forbidden = tuple(i for i, token in enumerate(special) if token == UNKNOWN)
        self.noise_numbers = self.tokens * self.vocabulary

    def build(self, z_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        g, policy = self.config.generator, self.dtype_policy
        width = g.g_widths[0]
        self.mapping_network = MappingNetwork(
            g.w_dim,
            g.mapping_layers,
            self.num_conditions,
            g.g_class_std,
            dtype=policy,
            name="mapping",
        )
        self.mapping_network.build((None, g.latent_dim), (None,))
        w_shape = self.mapping_network.compute_output_shape((None, g.latent_dim))
        self.w_dim = w_shape[-1]
        small = keras.initializers.RandomNormal(stddev=width**-0.5)
        self.embedding = self.add_weight(
            shape=(self.vocabulary, width), initializer=small, name="embedding"
        )
        # What stands before the first token.
        self.start = self.add_weight(shape=(width,), initializer=small, name="start")
        self.position = self.add_weight(
            shape=(self.tokens, width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="position",
        )
        self.bias = self.add_weight(shape=(self.vocabulary,), initializer="zeros", name="bias")
        # Of softmax in ``synthesis``; whoever trains lowers it.
        self.relaxation = self.add_weight(
            shape=(),
            initializer="ones",
            trainable=False,
            aggregation="only_first_replica",
            name="relaxation",
        )
        self.blocks = []
        shape = (None, self.tokens, width)
        for index in range(g.g_depths[0]):
            block = TransformerBlock(
                width,
                g.heads_of_stages[0],
                g.g_mlp_ratio,
                norm=g.g_norm,
                epsilon=g.g_norm_epsilon,
                activation=g.g_activation,
                modulation="gate" if g.g_gate else "shift",
                initializer=LINEAR_INITIALIZERS[g.g_init],
                attention={"causal": True, "qk_norm": g.g_qk_norm},
                dtype=policy,
                name=f"block_{index}",
            )
            block.build(shape, w_shape)
            self.blocks.append(block)
        self.norm = Normalization(g.g_norm, g.g_norm_epsilon, dtype=policy, name="norm")
        self.norm.build(shape)
        self.built = True

    def call(
        self, z: tf.Tensor, label: tf.Tensor | None = None, noise: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Noise to signals, see ``synthesis``."""
        return self.synthesis(self.mapping(z, label), noise)

    def mapping(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label`` int ``[B]``) -> ``w`` ``[B, w_dim]``."""
        return self.mapping_network(tf.cast(z, self.compute_dtype), label)

    def logits(self, before: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """Of every token at once.

        Args:
            before: vectors of what stands before each token, ``[B, T, C]``.
            w: ``[B, w_dim]``.

        Returns:
            ``[B, T, V]``.
        """
        x = before + tf.cast(self.position, before.dtype)
        for block in self.blocks:
            x = (rematerialized(block) if self.remat else block)(x, w)
        return self._outputs(x)

    def _outputs(self, x: tf.Tensor) -> tf.Tensor:
        """``[B, N, C]`` -> logits ``[B, N, V]``."""
        x = self.norm(x)
        logits = tf.einsum("bnc,vc->bnv", x, tf.cast(self.embedding, x.dtype))
        return logits + tf.cast(self.bias, x.dtype)

    def likelihood(
        self,
        signals: tf.Tensor,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        dropout: tf.Tensor | None = None,
        share: float = 0.0,
    ) -> tf.Tensor:
        """Negative logarithm of the probability of real samples, mean over tokens, ``[B]``.

        Args:
            signals: one-hot, ``[B, T, 1, V]``.
            z: ``[B, latent_dim]``, drawn as for samples.
            label: int ``[B]`` where conditional.
            dropout: uniform ``[B, T, 2]``, chooses the tokens that others are told to follow, but
                do not, and what they are instead.
            share: of them.
        """
        real = tf.argmax(signals[:, :, 0], axis=-1, output_type=tf.int32)  # [B, T]
        before = real
        if dropout is not None and share:
            # Another token of the batch: so each comes as often as it is frequent.
            shape = tf.shape(real)
            count = tf.size(real)
            other = tf.cast(dropout[..., 1] * tf.cast(count, dropout.dtype), tf.int32)
            other = tf.gather(tf.reshape(real, (-1,)), tf.minimum(other, count - 1))
            before = tf.where(dropout[..., 0] < share, tf.reshape(other, shape), real)
        logits = self.logits(self._before(before), self.mapping(z, label))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(real, logits)  # [B, T]
        counts = tf.cast(self._counts(real), losses.dtype)
        return tf.reduce_sum(losses * counts, axis=1) / tf.reduce_sum(counts, axis=1)

    def synthesis(self, w: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """One-hot samples with the derivative of a softmax.

        The tokens are sampled first, without derivatives; their logits are then found again all at
        once. So the gradient of a token is that of its own distribution with the others as they
        are, and a step costs little more than one of likelihood.

        Args:
            w: ``[B, w_dim]``.
            noise: uniform ``[B, noise_numbers]``; None: the likeliest token at every place.

        Returns:
            Signals ``[B, T, 1, V]``, exactly one-hot.
        """
        w = tf.cast(w, self.compute_dtype)
        if noise is None:
            tokens = self.rollout(w, lambda place: 0.0)
            return tf.one_hot(tokens, self.vocabulary, dtype=w.dtype)[:, :, None]
        noise = tf.reshape(noise, (-1, self.tokens, self.vocabulary))
        noise = tf.clip_by_value(noise, 2.0**-24, 1 - 2.0**-24)
        noise = tf.cast(-tf.math.log(-tf.math.log(noise)), w.dtype)
        tokens = tf.stop_gradient(self.rollout(w, lambda place: tf.gather(noise, place, axis=1)))
        logits = never(self.logits(self._before(tokens), w), self.forbidden)  # [B, T, V]
        soft = tf.nn.softmax((logits + noise) / tf.cast(self.relaxation, w.dtype))
        if self.ends:
            soft *= tf.cast(self._counts(tokens), soft.dtype)[..., None]
        hard = tf.one_hot(tokens, self.vocabulary, dtype=soft.dtype)
        return (soft + tf.stop_gradient(hard - soft))[:, :, None]

    def rollout(
        self,
        w: tf.Tensor,
        noise: Numbers,
        choice: Choice | None = None,
        prefix: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Samples token by token, each with the keys and values of those before it at hand.

        Args:
            w: ``[B, w_dim]``.
            noise: of the token at a place.
            choice: controls.
            prefix: int32 ``[B, T]``, tokens that are given; where it is negative, they are sampled.

        Returns:
            int32 ``[B, T]``.
        """
        batch, places = tf.shape(w)[0], tf.range(self.tokens)
        embedding, position = (tf.cast(v, w.dtype) for v in (self.embedding, self.position))

        def step(place: tf.Tensor, tokens: tf.Tensor, x: tf.Tensor, *caches: Any) -> Any:
            x = (x + tf.gather(position, place))[:, None]  # [B, 1, C]
            after = []
            for block, cache in zip(self.blocks, caches, strict=True):
                x, cache = block.step(x, w, cache, place)
                after.append(cache)
            logits = never(self._outputs(x)[:, 0], self.forbidden)  # [B, V]
            token = choose(logits, noise(place), choice)  # [B]
            if prefix is not None:
                given = tf.gather(prefix, place, axis=1)
                token = tf.where(given >= 0, given, token)
            if self.ends:
                ended = tf.reduce_any((tokens == 0) & (places < place)[None], axis=1)
                token = tf.where(ended, 0, token)
            tokens = tf.where((places == place)[None], token[:, None], tokens)
            return place + 1, tokens, tf.gather(embedding, token), *after

        first = tf.tile(tf.cast(self.start, w.dtype)[None], (batch, 1))  # [B, C]
        caches = [block.attend.empty_cache(batch, self.tokens) for block in self.blocks]
        _, tokens, *_ = tf.while_loop(
            lambda place, *_: place < self.tokens,
            step,
            (tf.constant(0), tf.fill((batch, self.tokens), -1), first, *caches),
            maximum_iterations=self.tokens,
        )
        return tokens

    def _before(self, tokens: tf.Tensor) -> tf.Tensor:
        """int ``[B, T]`` -> vectors of what stands before each token, ``[B, T, C]``."""
        vectors = tf.gather(tf.cast(self.embedding, self.compute_dtype), tokens[:, :-1])
        first = tf.cast(self.start, vectors.dtype)[None, None]
        return tf.concat([tf.tile(first, (tf.shape(tokens)[0], 1, 1)), vectors], axis=1)

    def _counts(self, tokens: tf.Tensor) -> tf.Tensor:
        """Where a sample goes on: its tokens and the first after the last, bool ``[B, T]``."""
        if not self.ends:
            return tf.ones_like(tokens, tf.bool)
        over = tf.cumsum(tf.cast(tokens == 0, tf.int32), axis=1, exclusive=True)
        return over == 0

    def kernels_of_w(self) -> list[Any]:
        """Kernels ``[w_dim, outputs]`` of the linear maps of ``w`` (SeFa's A, transposed)."""
        return [block.to_modulation.kernel.numpy() for block in self.blocks]

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "name": self.name}
