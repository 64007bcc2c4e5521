"""An autoregressive generator of tokens: a causal transformer decoder, steered by noise and class.

It learns in two ways. By likelihood: ``likelihood`` of real tokens, each from those before it. And
as the generator of a GAN: ``synthesis`` gives one-hot samples with the derivative of a softmax
(straight-through Gumbel-softmax, Jang et al. 2017, sec. 2.2).

A text is one sequence. Music is the tokens of all voices of a step, then those of the next step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import LINEAR_INITIALIZERS, Config
from tgan_tf.layers import Dense, MappingNetwork, Normalization, TransformerBlock, rematerialized
from tgan_tf.modalities import make_modality
from tgan_tf.networks.token_choice import Choice, choose, never

Numbers = Callable[[tf.Tensor], tf.Tensor]  # place, int scalar -> Gumbel noise [B, V]


@keras.saving.register_keras_serializable(package="tgan_tf")
class AutoregressiveGenerator(keras.Model):
    """Token embedding, causal modulated blocks, logits of the next token.

    Logits are products with the embedding of the tokens (Press and Wolf 2017) and a bias. Every
    token's distribution is one given ``w`` and the tokens before it; the rest of a sample's
    randomness is Gumbel noise, of which the greatest sum with the logits is the token (Maddison et
    al. 2014).

    Where tokens hold what others began, each is also told what every voice sounds at that moment:
    a chain of holds says nothing of it. With ``--given_voices`` a block that looks both ways reads
    those voices, and their tokens are taken instead of sampled.

    Args:
        config: a resolved configuration of text or music.

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
        self.modality = make_modality(config)
        self.tokens, self.vocabulary = self.modality.sequence_shape
        self.ends, self.forbidden = self.modality.ends, self.modality.forbidden
        self.voices = config.data.signal_shape[1] if self.modality.holds else 0
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
        if self.voices:
            # Of what sounds in the voice of the token before, in the one before that, and so on to
            # the token's own.
            self.sounding = self.add_weight(
                shape=(self.voices, self.vocabulary, width), initializer=small, name="sounding"
            )
        # Of softmax in ``synthesis``; whoever trains lowers it.
        self.relaxation = self.add_weight(
            shape=(),
            initializer="ones",
            trainable=False,
            aggregation="only_first_replica",
            name="relaxation",
        )
        shape = (None, self.tokens, width)

        def block(name: str, causal: bool = True) -> TransformerBlock:
            return TransformerBlock(
                width,
                g.heads_of_stages[0],
                g.g_mlp_ratio,
                norm=g.g_norm,
                epsilon=g.g_norm_epsilon,
                activation=g.g_activation,
                modulation="gate" if g.g_gate else "shift",
                initializer=LINEAR_INITIALIZERS[g.g_init],
                attention={"causal": causal, "qk_norm": g.g_qk_norm},
                dtype=policy,
                name=name,
            )

        self.blocks = [block(f"block_{index}") for index in range(g.g_depths[0])]
        for each in self.blocks:
            each.build(shape, w_shape)
        if self.modality.given_shape:
            steps, voices, channels = self.config.data.signal_shape
            self.given_stem = Dense(width, dtype=policy, name="given")
            self.given_stem.build((None, steps, voices * channels))
            self.given_position = self.add_weight(
                shape=(steps, width),
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                name="given_position",
            )
            self.given_block = block("given_block", causal=False)
            self.given_block.build((None, steps, width), w_shape)
        self.norm = Normalization(g.g_norm, g.g_norm_epsilon, dtype=policy, name="norm")
        self.norm.build(shape)
        self.built = True

    def call(
        self,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        given: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Noise to signals, see ``synthesis``."""
        return self.synthesis(self.mapping(z, label), noise, given)

    def mapping(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label`` int ``[B]``) -> ``w`` ``[B, w_dim]``."""
        return self.mapping_network(tf.cast(z, self.compute_dtype), label)

    def logits(self, tokens: tf.Tensor, w: tf.Tensor, hints: tf.Tensor | None = None) -> tf.Tensor:
        """Of every token at once, from those before it.

        Args:
            tokens: int ``[B, T]``.
            w: ``[B, w_dim]``.
            hints: ``[B, T, C]``, see ``_hints``.

        Returns:
            ``[B, T, V]``.
        """
        x = self._before(tokens)
        x = x + tf.cast(self.position, x.dtype)
        if hints is not None:
            x = x + hints
        for block in self.blocks:
            x = (rematerialized(block) if self.remat else block)(x, w)
        return self._outputs(x)

    def allowed_logits(
        self, tokens: tf.Tensor, w: tf.Tensor, given: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`logits` in which a token is never likely at a place where none can be, after ``given``
        as of `synthesis`."""
        return never(self.logits(tokens, w, self._hints(given, w)), self.forbidden)

    def _hints(self, given: tf.Tensor | None, w: tf.Tensor) -> tf.Tensor | None:
        """What the given voices ``[B, S, W, C']``, or zeros, tell each token, ``[B, T, C]``; None:
        nothing can be given."""
        if not self.modality.given_shape:
            return None
        steps, voices, channels = self.config.data.signal_shape
        if given is None:
            given = tf.zeros((tf.shape(w)[0], steps, voices, channels), w.dtype)
        x = self.given_stem(tf.reshape(tf.cast(given, w.dtype), (-1, steps, voices * channels)))
        x = self.given_block(x + tf.cast(self.given_position, x.dtype), w)  # [B, S, C]
        return tf.reshape(tf.tile(x[:, :, None], (1, 1, voices, 1)), (-1, self.tokens, x.shape[-1]))

    def _taken(self, given: tf.Tensor) -> tf.Tensor:
        """Tokens int32 ``[B, T]`` of given voices ``[B, S, W, C']``; the others are negative."""
        there = tf.reduce_any(given != 0, axis=-1)  # [B, S, W]
        there = tf.reshape(there, (-1, self.tokens))
        return tf.where(there, self.modality.tokenize(given), -1)

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
        given: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Negative logarithm of the probability of real samples, mean over tokens, ``[B]``.

        Args:
            signals: real ones, ``[B, *signal_shape]``.
            z: ``[B, latent_dim]``, drawn as for samples.
            label: int ``[B]`` where conditional.
            dropout: uniform ``[B, T, 2]``, chooses the tokens that others are told to follow, but
                do not, and what they are instead.
            share: of them.
            given: parts of the signals, whose tokens do not count.
        """
        real = self.modality.tokenize(signals)  # [B, T]
        before = real
        if dropout is not None and share:
            # Another token of the batch: so each comes as often as it is frequent.
            shape = tf.shape(real)
            count = tf.size(real)
            other = tf.cast(dropout[..., 1] * tf.cast(count, dropout.dtype), tf.int32)
            other = tf.gather(tf.reshape(real, (-1,)), tf.minimum(other, count - 1))
            before = tf.where(dropout[..., 0] < share, tf.reshape(other, shape), real)
        w = self.mapping(z, label)
        logits = self.logits(before, w, self._hints(given, w))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(real, logits)  # [B, T]
        counts = self._counts(real)
        if given is not None:
            counts &= self._taken(given) < 0
        counts = tf.cast(counts, losses.dtype)
        return tf.reduce_sum(losses * counts, axis=1) / tf.reduce_sum(counts, axis=1)

    def synthesis(
        self, w: tf.Tensor, noise: tf.Tensor | None = None, given: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Signals of one-hot tokens with the derivative of a softmax.

        The tokens are sampled first, without derivatives; their logits are then found again all at
        once. So the gradient of a token is that of its own distribution with the others as they
        are, and a step costs little more than one of likelihood. With ``--token_gradient=score`` it
        is not that of a softmax, but what is passed back to a chosen token is the weight of the
        score function, see ``tgan_tf.objectives.policy``.

        Args:
            w: ``[B, w_dim]``.
            noise: uniform ``[B, noise_numbers]``; None: the likeliest token at every place.
            given: ``[B, S, W, C']``, parts of the signal that are kept as they are, where a model
                has ``--given_voices``; zeros where it is to be made. None: nothing is given.

        Returns:
            Signals ``[B, *signal_shape]``.
        """
        w = tf.cast(w, self.compute_dtype)
        if noise is None:
            tokens = self.rollout(w, lambda place: 0.0, given=given)
            return self.modality.detokenize(tf.one_hot(tokens, self.vocabulary, dtype=w.dtype))
        noise = tf.reshape(noise, (-1, self.tokens, self.vocabulary))
        noise = tf.clip_by_value(noise, 2.0**-24, 1 - 2.0**-24)
        noise = tf.cast(-tf.math.log(-tf.math.log(noise)), w.dtype)
        tokens = self.rollout(w, lambda place: tf.gather(noise, place, axis=1), given=given)
        tokens = tf.stop_gradient(tokens)
        logits = self.allowed_logits(tokens, w, given)  # [B, T, V]
        made = self._counts(tokens)
        if given is not None:
            made &= self._taken(given) < 0
        made = tf.cast(made, logits.dtype)[..., None]  # [B, T, 1]
        hard = tf.one_hot(tokens, self.vocabulary, dtype=logits.dtype)
        if self.config.objective.rewards_tokens:
            # What is passed back to a chosen token goes to the logarithm of its probability.
            soft = hard * tf.nn.log_softmax(logits)
        else:
            soft = tf.nn.softmax((logits + noise) / tf.cast(self.relaxation, w.dtype))
        soft *= made
        return self.modality.detokenize(hard + (soft - tf.stop_gradient(soft)))

    def rollout(
        self,
        w: tf.Tensor,
        noise: Numbers,
        choice: Choice | None = None,
        prefix: tf.Tensor | None = None,
        given: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Samples token by token, each with the keys and values of those before it at hand.

        Args:
            w: ``[B, w_dim]``.
            noise: of the token at a place.
            choice: controls.
            prefix: int32 ``[B, T]``, tokens that are given; where it is negative, they are sampled.
            given: instead of it, given voices, as of ``synthesis``.

        Returns:
            int32 ``[B, T]``.
        """
        batch, places = tf.shape(w)[0], tf.range(self.tokens)
        embedding, position = (tf.cast(v, w.dtype) for v in (self.embedding, self.position))
        hints = self._hints(given, w)
        prefix = prefix if given is None else self._taken(given)

        def step(place: tf.Tensor, tokens: tf.Tensor, x: tf.Tensor, *state: Any) -> Any:
            caches, heard = state[: len(self.blocks)], state[len(self.blocks) :]
            x = x + tf.gather(position, place)
            for sounds in heard:
                x = x + self._heard(sounds[:, None])[:, 0]
            if hints is not None:
                x = x + tf.gather(hints, place, axis=1)
            x = x[:, None]  # [B, 1, C]
            after = []
            for block, cache in zip(self.blocks, caches, strict=True):
                x, cache = block.step(x, w, cache, place)
                after.append(cache)
            logits = self._outputs(x)[:, 0]  # [B, V]
            logits = never(logits, self.forbidden, place)
            token = choose(logits, noise(place), choice)  # [B]
            if prefix is not None:
                given = tf.gather(prefix, place, axis=1)
                token = tf.where(given >= 0, given, token)
            if self.ends:
                ended = tf.reduce_any((tokens == 0) & (places < place)[None], axis=1)
                token = tf.where(ended, 0, token)
            tokens = tf.where((places == place)[None], token[:, None], tokens)
            for sounds in heard:
                own = tf.where(token == self.vocabulary - 1, sounds[:, -1], token)  # holds
                after.append(tf.concat([own[:, None], sounds[:, :-1]], axis=1))  # [B, W]
            return place + 1, tokens, tf.gather(embedding, token), *after

        first = tf.tile(tf.cast(self.start, w.dtype)[None], (batch, 1))  # [B, C]
        state: list[Any] = [b.attend.empty_cache(batch, self.tokens) for b in self.blocks]
        if self.voices:
            state.append(tf.zeros((batch, self.voices), tf.int32))  # before music there are rests
        _, tokens, *_ = tf.while_loop(
            lambda place, *_: place < self.tokens,
            step,
            (tf.constant(0), tf.fill((batch, self.tokens), -1), first, *state),
            maximum_iterations=self.tokens,
        )
        return tokens

    def _before(self, tokens: tf.Tensor) -> tf.Tensor:
        """int ``[B, T]`` -> vectors of what stands before each token, ``[B, T, C]``."""
        vectors = tf.gather(tf.cast(self.embedding, self.compute_dtype), tokens[:, :-1])
        first = tf.cast(self.start, vectors.dtype)[None, None]
        vectors = tf.concat([tf.tile(first, (tf.shape(tokens)[0], 1, 1)), vectors], axis=1)
        if not self.voices:
            return vectors
        sounds = self.modality.sounding(tokens)  # [B, T]
        count = self.voices
        sounds = tf.pad(sounds, ((0, 0), (count, 0)))  # rests
        before = [sounds[:, count - k : count - k + self.tokens] for k in range(1, count + 1)]
        return vectors + self._heard(tf.stack(before, axis=-1))

    def _heard(self, sounds: tf.Tensor) -> tf.Tensor:
        """What sounds in the voices before each token, the last first: int ``[B, T, W]`` ->
        vectors ``[B, T, C]``."""
        table = tf.cast(self.sounding, self.compute_dtype)
        rows = tf.reshape(table, (-1, table.shape[-1]))
        rows = tf.gather(rows, sounds + self.vocabulary * tf.range(self.voices))  # [B, T, W, C]
        return tf.reduce_sum(rows, axis=2)

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
