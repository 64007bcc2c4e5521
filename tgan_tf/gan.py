"""The adversarial game: two networks, a moving average, and one training step.

``train_step`` runs in replica context and is right under every ``tf.distribute`` strategy: losses
are sums over the replica's examples divided by the global batch, gradients are reduced before they
are clipped, and random numbers are drawn for the global batch and sliced, so R replicas compute
what one would. So do parts of a batch that take turns.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.layers import guided, without
from tgan_tf.modalities import make_modality
from tgan_tf.networks import build_discriminator, build_encoder, build_generator
from tgan_tf.objectives import randomness
from tgan_tf.objectives.accumulation import joined, summed
from tgan_tf.objectives.augmentation import adapt, numbers_needed
from tgan_tf.objectives.autoencoding import drawn, negative_elbo
from tgan_tf.objectives.game import Game, Numbers
from tgan_tf.objectives.generator import mix_styles, orthogonal, path_lengths, reconstruction
from tgan_tf.objectives.losses import top_k_weights
from tgan_tf.objectives.penalties import separation
from tgan_tf.objectives.schedules import (
    InTurn,
    ScheduledAdam,
    WarmupCosine,
    cosine,
    ema_decay,
)

Logs = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]
Tensors = dict[str, Any]  # by name; with more of them inside, or None

# Options that ``TransformerGAN.retune`` takes.
RETUNABLE = ("g_lr", "d_lr", "r1_gamma", "r2_gamma", "augment")

_ADA_EVERY = 4  # steps between two adjustments of the probability (Karras et al. 2020, sec. 3.1)
_GIVEN_SHARE = 0.5  # of the samples that are made around what is given
_GUIDED_SHARE = 0.5  # of those that are made with guidance, where that is trained
_OTHERS = 63  # vectors of which a sample's own is to be told
_LIKELIHOOD_LR_FINAL = 0.05  # learning rate at the end of likelihood alone / at its start
_LECAM_DECAY = 0.99  # of the anchors, for each step (Tseng et al. 2021, sec. 4.1)
_PATH_DECAY = 0.99  # of the mean path length, for each time (Karras et al. 2020)


@keras.saving.register_keras_serializable(package="tgan_tf")
class TransformerGAN(keras.Model):
    """Generator, discriminator and the moving average of the generator, trained together.

    Make it inside ``strategy.scope()``. Weights are a function of ``config`` and its seed alone.

    Args:
        config: a resolved configuration: ``image_size`` and ``channels`` (and the condition, such
            as ``num_classes``) are known, from ``Config.resolve`` or by hand.

    Raises:
        ConfigError: when the shape of a sample is not known, or a replica's share of the batch is
            not of whole parts (``micro_batches``) and groups (``d_minibatch_std``, ``d_pack``).

    Example:
        config = tgan_tf.Config().resolve(image_size=(8, 8), channels=1, num_classes=10)
        gan = tgan_tf.TransformerGAN(config)
        gan.fit(dataset, epochs=3)  # of (uint8 images, labels), batched, remainder dropped
        images = gan.generate(tf.random.normal((16, 64)), tf.range(16) % 10)
    """

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        if not config.is_resolved:
            raise ConfigError(
                "the shape of a sample is not known: use config.resolve(image_size=(H, W),"
                " channels=C, num_classes=K), or give --image_size and --channels"
            )
        _check_share(config)
        super().__init__(**{"dtype": config.training.precision, "name": "gan", **kwargs})
        self.config = config
        self._real_dtype = tf.float64 if config.training.precision == "float64" else tf.float32
        self.modality = make_modality(config)
        # Keras initializers take their seeds from Python's generator: lend it ours.
        state = random.getstate()
        random.seed(config.training.seed)
        try:
            self.generator = build_generator(config)
            self.discriminator = build_discriminator(config)
            # Not of the average, which has no way back: it is what is exported.
            self.generator.remat = self.discriminator.remat = config.training.remat
            self.ema_generator = build_generator(config, name="ema_generator")
            # Training alone has a use for it.
            self.encoder = build_encoder(config)
        finally:
            random.setstate(state)
        self.ema_generator.trainable = False
        for average, weight in zip(self.ema_generator.weights, self.generator.weights, strict=True):
            average.assign(weight)
        self.g_optimizer = self._make_optimizer("g", self.generator)
        self.d_optimizer = self._make_optimizer("d", self.discriminator)
        if self.encoder is not None:
            self.encoder.remat = config.training.remat
            self.e_optimizer = self._make_optimizer("e", self.encoder)
        self.step = _scalar("step", 0, tf.int64)
        half = config.training.precision == "mixed_float16"
        self.loss_scale = _scalar("loss_scale", 2.0**15) if half else None
        # What a controller or a regulariser remembers from step to step.
        self.memory: dict[str, tf.Variable] = {}
        if config.objective.ada_target:
            self.memory |= {name: _scalar(name, 0.0) for name in ("augment_p", "ada_sign")}
        if config.objective.lecam_weight:
            self.memory |= {name: _scalar(name, 0.0) for name in ("real_anchor", "fake_anchor")}
        if config.objective.path_length_weight:
            self.memory["path_length"] = _scalar("path_length", 0.0)
        self._trace()
        self.built = True
        # Our two optimizers are driven by train_step; one given here would allocate slots of every
        # weight, for nothing.
        self.compile(optimizer=None)

    def _make_optimizer(self, name: str, network: keras.Model) -> keras.optimizers.Optimizer:
        """Adam for a network: ``g``, ``d`` or ``e``."""
        o = self.config.optimizer
        lazy = o.lazy_factor(name, self.config.objective)
        optimizer = ScheduledAdam(
            self._schedule(name),
            o.beta2_final**lazy,
            -(-self.config.schedule_steps // self._every(name)),
            beta_1=o.beta1**lazy,
            beta_2=o.beta2**lazy,
            epsilon=1e-8,
            weight_decay=o.weight_decay or None,
            name=f"{name}_adam",
        )
        if o.weight_decay:
            # Gains and biases are scales and origins, which nothing should pull to zero.
            small = [w for w in network.trainable_variables if len(w.shape) < 2]
            optimizer.exclude_from_weight_decay(var_list=small)
        optimizer.build(network.trainable_variables)
        return optimizer

    def _every(self, name: str) -> int:
        """A network is updated every so many steps."""
        return 1 if name == "d" else self.config.training.d_steps

    def _schedule(self, name: str) -> Any:
        """A network's learning rate: of the game, after the steps of likelihood alone, which D does
        not have."""
        o, every = self.config.optimizer, self._every(name)
        rate = o.d_lr if name == "d" else o.g_lr
        rate *= o.lazy_factor(name, self.config.objective)
        warmup = round(o.lr_warmup_kimg * 1000 / self.config.training.batch_size)
        before = self.config.likelihood_steps
        span = -(-(self.config.schedule_steps - before) // every)
        game = WarmupCosine(rate, warmup // every, max(1, span), o.lr_final)
        if name == "d" or not before:
            return game
        first = WarmupCosine(self.config.objective.likelihood_lr, 0, before, _LIKELIHOOD_LR_FINAL)
        return InTurn(first, before, game)

    def _trace(self) -> None:
        pack = self.config.discriminator.d_pack
        self.game = Game(self.config.objective, self.discriminator, pack)
        # Traced once, however often ``make_step`` is called. Behind a lambda, or
        # ``tf.saved_model.save`` takes it for something to save.
        traced = tf.function(self._run_replicas, autograph=False)
        self._run = lambda data, *kind: traced(data, *kind)

    # --- use ---------------------------------------------------------------------------------

    def call(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """The averaged generator: ``z`` ``[B, latent_dim]`` -> float image ``[B, H, W, C]``."""
        return self.ema_generator(z, label)

    def generate(
        self,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label``) -> uint8 ``[B, H, W, C]``.

        A label is int ``[B]``, classes, or float ``[B, K]``, attributes or vectors.

        Args:
            z: latents.
            label: classes, where conditional.
            noise: of tokens made one by one, see ``AutoregressiveGenerator.rollout``; None: the
                likeliest ones.

        Raises:
            ValueError: a conditional model without labels.
        """
        if self.config.data.condition and label is None:
            raise ValueError("the model is conditional: give a label for each z")
        if noise is not None:
            tokens = self.ema_generator.rollout(self.ema_generator.mapping(z, label), noise)
            return self.modality.of_tokens(tokens)
        return self.modality.decode(self(z, label))

    def trackables(self) -> dict[str, Any]:
        """Everything that a ``tf.train.Checkpoint`` of the training must hold."""
        names = [
            "generator",
            "discriminator",
            "ema_generator",
            "g_optimizer",
            "d_optimizer",
            "step",
        ]
        if self.encoder is not None:
            names += ["encoder", "e_optimizer"]
        scale = {} if self.loss_scale is None else {"loss_scale": self.loss_scale}
        return {name: getattr(self, name) for name in names} | scale | self.memory

    def retune(self, **options: Any) -> None:
        """Goes on with other options of the game; weights, slots and the step stay.

        The next step is traced anew, so call ``make_step`` again.

        Args:
            **options: of ``RETUNABLE``, such as ``g_lr=1e-4``.

        Raises:
            ConfigError: an illegal value, or an option that the networks are made of.
        """
        if fixed := sorted(options.keys() - set(RETUNABLE)):
            raise ConfigError(f"{', '.join(fixed)}: cannot change in the middle of a training")
        self.config = self.config.replace(**options)
        self.g_optimizer.learning_rate = self._schedule("g")
        self.d_optimizer.learning_rate = self._schedule("d")
        if self.encoder is not None:
            self.e_optimizer.learning_rate = self._schedule("e")
        self._trace()

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict()}

    # --- driving the step --------------------------------------------------------------------

    def make_step(self) -> Callable[[Any], Logs]:
        """A function of one distributed batch that trains one step and gives its logs.

        Each kind of step is a trace of its own, chosen by the number of the step: a ``tf.cond``
        fails under XLA, and a collective inside one under every strategy of several replicas.
        """
        number = int(self.step.numpy())

        def step(data: Any) -> Logs:
            nonlocal number
            kind = self.config.kind_of_step(number)
            number += 1
            return self._run(data, *kind)

        return step

    def _run_replicas(self, data: Any, *kind: bool) -> Logs:
        """One step on every replica; the logs of the first, which are those of all."""
        strategy = self.distribute_strategy
        step = self.train_step if kind else self.likelihood_step
        logs = strategy.run(step, args=(data, *kind))
        return {name: strategy.experimental_local_results(v)[0] for name, v in logs.items()}

    def make_train_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """What ``fit`` drives: the same step as the project's own loop.

        Made anew by each ``fit``, as the step may have been restored in between.
        """
        step = self.make_step()
        self.train_function = lambda iterator: step(next(iterator))
        return self.train_function

    def get_compile_config(self) -> None:
        """Nothing: ``__init__`` compiles."""

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Nothing: all is built. Keras' own fails under MultiWorkerMirrored (keras#20585)."""

    # --- the step ----------------------------------------------------------------------------

    def train_step(
        self, data: Any, penalize: bool = True, train_g: bool = True, path: bool = False
    ) -> Logs:
        """One step of the discriminator and, if its turn, the generator, in replica context.

        Args:
            data: this replica's share of the global batch: ``{"image": [b, H, W, C], "label":
                int [b]}``, ``(image, label)`` or ``image``; images uint8, or float in [-1, 1];
                labels of attributes or vectors are ``[b, K]``.
            penalize: whether this step has the (lazy) gradient penalty.
            train_g: whether the generator learns.
            path: whether it has the path-length penalty.

        Returns:
            Scalars over the global batch, the same on every replica.
        """
        real, label = self._unpack(data)
        context = tf.distribute.get_replica_context()
        o, t = self.config.objective, self.config.training
        batch, times = tf.shape(real)[0], t.g_batch_factor
        draw = randomness.Draw(t.seed, self.step, context, batch, real.dtype)
        # For the generator's batch, of which the discriminator sees every so manieth sample.
        g_draw = randomness.Draw(t.seed, self.step, context, batch * times, real.dtype)
        label = self._drop_condition(label, draw)
        numbers = self._numbers(draw, real, penalize)
        causes = self._causes(g_draw, _repeat(label, times), _repeat(real, times))
        if not train_g:
            causes = {name: value[::times] for name, value in causes.items()}
        self._anneal()
        # Sums over the replica's examples / the global batch add up to the global mean.
        share = 1 / tf.cast(batch * context.num_replicas_in_sync, real.dtype)

        def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
            if not t.jit_compile:
                return function
            # Only pure functions of tensors and weights: Keras' own jit would wrap strategy.run,
            # which fails under Mirrored.
            return tf.function(function, jit_compile=True, autograph=False)

        def total(logs: Logs) -> Logs:
            return context.all_reduce(tf.distribute.ReduceOp.SUM, logs)

        if spectral := getattr(self.generator, "spectral", None):
            spectral.iterate()
        # Both networks play with the same fakes, so the generator runs forward once a step; and
        # once more for its gradient if that is taken in parts.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(_values(self.generator) if train_g and t.micro_batches == 1 else [])
            made = joined(compiled(self._make), t.g_parts if train_g else t.micro_batches, causes)
        still = {name: tf.stop_gradient(value) for name, value in made.items()}
        seen = {n: x[::times] if train_g else x for n, x in still.items()}  # [b, H, W, C]
        if o.zcr_d:
            numbers["moved"] = seen["moved"]
        if self.discriminator.spectral is not None:
            self.discriminator.spectral.iterate()
        if o.mismatch_share:
            numbers |= self._mismatched(label, context)
        if o.ac_weight and self.config.data.condition == "vector":
            assert label is not None
            vectors = label[:, : self.config.data.condition_width]
            numbers["others"] = self._followers(vectors, min(_OTHERS, t.batch_size - 1), context)
        sight: Tensors = {"real": real, "fake": seen["fake"], "label": label, "numbers": numbers}
        if o.drift_weight and (t.micro_batches > 1 or t.jit_compile):
            # Of the global batch, which no part knows, nor what is compiled for one replica.
            logits = joined(compiled(self._look_at_real), t.micro_batches, sight)
            numbers["real_mean"] = total(tf.reduce_sum(logits) * share)

        d_gradients = functools.partial(
            self._d_gradients, share=share, context=context, penalize=penalize
        )
        gradients, d_logs = summed(compiled(d_gradients), t.micro_batches, sight)
        logs = total(d_logs)
        logs |= self._remember(logs, numbers)
        logs["d_grad_norm"] = self._apply(self.d_optimizer, self.discriminator, gradients, context)

        if train_g:
            share /= times
            sight = {
                "real": _repeat(real, times),
                "fake": still["fake"],
                "label": _repeat(label, times),
                "numbers": self._g_numbers(g_draw, numbers),
            }
            if "guidance" in causes:
                sight["numbers"]["guidance"] = causes["guidance"]
            # The chain through the image needs D's backward pass to its input, not to its weights.
            image_gradient = functools.partial(self._image_gradient, share=share)
            to_image, loss, logit = joined(compiled(image_gradient), t.g_parts, sight)
            if o.top_k < 1:
                weight = self._top_k(logit, context)  # [times * b]
                loss, to_image = loss * weight, to_image * _broadcast(weight, to_image)
            if t.micro_batches == 1:
                gradients = self._g_gradients(tape, made, to_image, share)
            else:
                remade = functools.partial(self._remade_gradients, share=share)
                sight = {"causes": causes, "to_image": to_image}
                gradients = summed(compiled(remade), t.g_parts, sight)
            logs |= total({"loss_g": tf.reduce_sum(loss) * share})
            if "missed" in still:
                missed = tf.reduce_sum(still["missed"] / causes["weight"]) * share
                logs |= total({"reconstruction": missed / _GIVEN_SHARE})
            if path or o.g_orthogonal:
                if path:
                    causes["noise"] = g_draw.normal(randomness.PATH, real.shape[1:])
                    causes["mean_length"] = tf.cast(self.memory["path_length"], real.dtype)
                regularizer = functools.partial(self._g_regularizer, share=share)
                more, length = summed(compiled(regularizer), t.g_parts, causes)
                gradients = [a + b for a, b in zip(gradients, more, strict=True)]
            has_likelihood = self.config.is_autoregressive or self.encoder is not None
            if has_likelihood and o.likelihood_weight:
                more, g_logs = self._likelihood(real, label, draw, share * times, context)
                logs |= total(g_logs)
                gradients = [
                    a + o.likelihood_weight * b for a, b in zip(gradients, more, strict=True)
                ]
            logs["g_grad_norm"] = self._apply(self.g_optimizer, self.generator, gradients, context)
            self._average()
            if path:
                length, last = total({"mean": length})["mean"], causes["mean_length"]
                _follow(self.memory["path_length"], last, length, 1 - _PATH_DECAY)
            if spectral := getattr(self.ema_generator, "spectral", None):
                spectral.iterate()  # weights that are averages have other singular values
            if self._batchwise:  # and other statistics
                refresh = functools.partial(self.ema_generator, **self._batchwise)
                compiled(refresh)(causes["z"], causes.get("label"), causes.get("tokens"))
        self.step.assign_add(1)
        return logs

    def _reconstruction_weight(self) -> tf.Tensor | None:
        """Of what is missed where frames are given, at this step; None where none are."""
        o = self.config.objective
        if not (o.reconstruction_weight and self.config.data.given_frames):
            return None
        # A power, since it falls by orders of magnitude.
        done = cosine(self.step, self.config.schedule_steps, 0.0, 1.0)
        return o.reconstruction_weight * o.reconstruction_final**done

    @property
    def _batchwise(self) -> dict[str, bool]:
        """How the generator runs in training, beside its inputs."""
        return {"training": True} if self.config.generator.normalizes_batches else {}

    def _causes(self, draw: randomness.Draw, label: tf.Tensor | None, real: tf.Tensor) -> Tensors:
        """What the generator makes its batch of: ``z``; ``moved``, which is z disturbed; ``label``;
        ``tokens``, for layers with noise; ``other``, a second latent, and ``cut``, which says where
        it is used; ``given``, parts of ``real``, the ``whole`` of it and the ``weight`` of
        what is missed; ``guidance``. ``[n, ...]`` each, as far as needed."""
        o = self.config.objective
        z = draw.normal(randomness.LATENT, (self.config.generator.latent_dim,))
        causes = {"z": z} if label is None else {"z": z, "label": label}
        if o.disturbs:
            causes["moved"] = z + o.zcr_radius * draw.normal(randomness.DISTURB_LATENT, z.shape[1:])
        if count := self.generator.noise_numbers:
            numbers = getattr(draw, getattr(self.generator, "noise_kind", "normal"))
            causes["tokens"] = numbers(randomness.G_TOKENS, (count,))
        if o.style_mixing:
            causes["other"] = draw.normal(randomness.STYLE, z.shape[1:])
            causes["cut"] = draw.uniform(randomness.STYLE_CUT, (2,))
        if self.modality.given_shape:
            # Of a real sample, of which the discriminator sees the whole beside.
            causes["given"] = self._given(draw, real)
            if (weight := self._reconstruction_weight()) is not None:
                causes["whole"] = real
                causes["weight"] = tf.cast(weight, real.dtype) * tf.ones_like(z[:, 0])
        if o.guidance_high > 1:
            u = draw.uniform(randomness.GUIDANCE, (2,))  # [n, 2]
            scale = 1 + (o.guidance_high - 1) * u[:, 0]
            causes["guidance"] = tf.where(u[:, 1] < _GUIDED_SHARE, scale, tf.ones_like(scale))
        return causes

    def _given(self, draw: randomness.Draw, real: tf.Tensor) -> tf.Tensor:
        """What is given of some of the real samples; zeros for the others."""
        given = self.modality.part_given(real)
        there = draw.uniform(randomness.GIVEN, (1,) * (given.shape.rank - 1)) < _GIVEN_SHARE
        return given * tf.cast(there, given.dtype)

    def _make(self, causes: Tensors) -> Tensors:
        """Samples of ``_causes``.

        Returns:
            ``fake`` ``[n, H, W, C]``; with zCR ``moved``, of the disturbed latents, and how far
            they are ``apart``, ``[n]``; where a part is given, how far what was made around it
            ``missed`` the whole, and how far what is carried on ``strayed``, weighted, ``[n]``.
        """
        if "moved" not in causes:
            return self._images(causes)
        both = {n: tf.concat([x, x], axis=0) for n, x in causes.items() if n not in ("z", "moved")}
        both["z"] = tf.concat([causes["z"], causes["moved"]], axis=0)
        halves = {name: tf.split(x, 2) for name, x in self._images(both).items()}
        made = {name: first for name, (first, _) in halves.items()}
        fake, moved = halves["fake"]
        return made | {"moved": moved, "apart": separation(fake, moved)}

    def _images(self, causes: Tensors) -> Tensors:
        """``fake`` ``[n, H, W, C]``, and what was ``missed`` and ``strayed``, ``[n]``."""
        z, label, tokens = (causes.get(name) for name in ("z", "label", "tokens"))
        more = {"given": causes["given"]} if "given" in causes else {}
        if not causes.keys() & {"other", "guidance", "whole"}:
            image = self.generator(z, label, tokens, **more, **self._batchwise)
            return {"fake": tf.cast(image, self._real_dtype)}
        w = self._map(z, causes)
        if "other" in causes:
            layers, probability = self.generator.num_ws, self.config.objective.style_mixing
            other = self._map(causes["other"], causes)
            w = mix_styles(w, other, causes["cut"], layers, probability)
        if "whole" not in causes:
            return {"fake": tf.cast(self.generator.synthesis(w, tokens, **more), self._real_dtype)}
        given, whole = causes["given"], causes["whole"]
        # Of the given part too, which is put over what was made: to make it is the way to what
        # follows on it.
        parts = self.generator.parts(w, given)
        clip, placed, carried = (tf.cast(part, self._real_dtype) for part in parts)
        there = tf.reduce_any(given != 0, axis=range(1, given.shape.rank))  # [n]
        # Where things go is learned of what is carried alone: what is mixed leaves it out where it
        # is wrong, and would drive it out of the picture.
        missed = causes["weight"] * tf.where(there, reconstruction(placed, whole), 0)
        strayed = tf.where(there, reconstruction(carried, whole), 0)
        strayed *= self.config.objective.reconstruction_weight
        return {"fake": self.generator.kept(clip, given), "missed": missed, "strayed": strayed}

    def _map(self, z: tf.Tensor, causes: Tensors) -> tf.Tensor:
        """``w`` ``[n, D]`` of latents, with the label and the guidance of ``causes``."""
        w = self.generator.mapping(z, causes.get("label"))
        if "guidance" not in causes:
            return w
        label = causes["label"]
        hidden = tf.ones(tf.shape(z)[:1], tf.bool)
        # A vector may have been hidden before, and have the column that says so.
        label = label if len(label.shape) == 1 else label[:, : self.config.data.condition_width]
        none = without(label, hidden, self.config.data.num_conditions)
        return guided(w, self.generator.mapping(z, none), causes["guidance"])

    def _g_gradients(
        self, tape: tf.GradientTape, made: Tensors, to_image: tf.Tensor, share: tf.Tensor
    ) -> Gradients:
        """Gradients of the generator's loss, from that of its images and what tape saw made."""
        upstream = {"fake": to_image}
        if weight := self.config.objective.zcr_g:
            upstream["apart"] = self._scaled(-weight * tf.ones_like(made["apart"]), share)
        for name in made.keys() & {"missed", "strayed"}:
            upstream[name] = self._scaled(tf.ones_like(made[name]), share)
        return _gradients(
            tape,
            [made[name] for name in upstream],
            _values(self.generator),
            output_gradients=list(upstream.values()),
        )

    def _remade_gradients(self, part: Tensors, *, share: tf.Tensor) -> Gradients:
        """The same of a part of the batch, whose images are made once more."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(_values(self.generator))
            made = self._make(part["causes"])
        return self._g_gradients(tape, made, part["to_image"], share)

    def _g_regularizer(self, causes: Tensors, *, share: tf.Tensor) -> tuple[Gradients, tf.Tensor]:
        """What the generator's loss has besides the game.

        Args:
            causes: of ``_causes``; for the path-length penalty with ``noise``, like the images,
                and the ``mean_length`` so far.
            share: 1 / the generator's global batch.

        Returns:
            This part's share of the gradients, and of the mean path length.
        """
        o, generator = self.config.objective, self.generator
        z, label, tokens = (causes.get(name) for name in ("z", "label", "tokens"))
        loss, length = tf.zeros((), share.dtype), tf.zeros((), share.dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(_values(generator))
            if o.g_orthogonal:
                kernels = [w.value for w in generator.trainable_variables if w.name == "kernel"]
                total = tf.add_n([tf.cast(orthogonal(kernel), share.dtype) for kernel in kernels])
                loss += share * tf.cast(tf.shape(z)[0], share.dtype) * o.g_orthogonal * total
            if "noise" in causes:
                w = generator.mapping(z, label)
                if layers := getattr(generator, "num_ws", 0):
                    w = tf.tile(w[:, None], (1, layers, 1))  # [n, L, D]

                def images_of(w: tf.Tensor) -> tf.Tensor:
                    return tf.cast(generator.synthesis(w, tokens), share.dtype)

                lengths = tf.cast(path_lengths(images_of, w, causes["noise"]), share.dtype)
                mean = tf.cast(causes["mean_length"], share.dtype)
                weight = o.path_length_weight * o.path_length_every
                loss += share * weight * tf.reduce_sum(tf.square(lengths - mean))
                length = tf.reduce_sum(lengths) * share
            if self.loss_scale is not None:
                loss *= tf.cast(self.loss_scale, loss.dtype)
        zero = tf.UnconnectedGradients.ZERO
        return _gradients(tape, loss, _values(generator), unconnected_gradients=zero), length

    def _look_at_real(self, sight: Tensors) -> tf.Tensor:
        """Logits ``[n]`` of real images."""
        return self.game.look(sight["real"], sight["label"], "real", sight["numbers"])

    def likelihood_step(self, data: Any) -> Logs:
        """One step of the generator by likelihood alone, before there is a game.

        Args:
            data: as of ``train_step``.
        """
        real, label = self._unpack(data)
        context = tf.distribute.get_replica_context()
        batch = tf.shape(real)[0]
        draw = randomness.Draw(self.config.training.seed, self.step, context, batch, real.dtype)
        label = self._drop_condition(label, draw)
        share = 1 / tf.cast(batch * context.num_replicas_in_sync, real.dtype)
        gradients, logs = self._likelihood(real, label, draw, share, context)
        logs = context.all_reduce(tf.distribute.ReduceOp.SUM, logs)
        logs["g_grad_norm"] = self._apply(self.g_optimizer, self.generator, gradients, context)
        self._average()
        self.step.assign_add(1)
        return logs

    def _likelihood(
        self,
        real: tf.Tensor,
        label: tf.Tensor | None,
        draw: randomness.Draw,
        share: tf.Tensor,
        context: tf.distribute.ReplicaContext,
    ) -> tuple[Gradients, Logs]:
        """Gradients of the negative log-likelihood of real samples, and its share of the logs.

        An encoder, if there is one, learns here.
        """
        if self.encoder is not None:
            sight: Tensors = {"real": real, "label": label}
            sight["noise"] = draw.normal(randomness.ENCODED, (self.config.generator.latent_dim,))
            gradients_of = functools.partial(self._autoencoding_gradients, share=share)
            both, logs = summed(gradients_of, self.config.training.micro_batches, sight)
            count = len(self.generator.trainable_variables)
            self._apply(self.e_optimizer, self.encoder, both[count:], context)
            return both[:count], logs
        size, tokens = self.config.generator.latent_dim, self.generator.tokens
        # Another z than the fakes': it is not what the real texts came of.
        numbers = draw.normal(randomness.LIKELIHOOD, (size + 2 * tokens,))
        uniform = 0.5 * (1 + tf.math.erf(numbers[:, size:] / 2**0.5))
        sight = {
            "real": real,
            "label": label,
            "z": numbers[:, :size],
            "dropout": tf.reshape(uniform, (-1, tokens, 2)),
        }
        if self.modality.given_shape:
            sight["given"] = self._given(draw, real)
        gradients_of = functools.partial(self._likelihood_gradients, share=share)
        return summed(gradients_of, self.config.training.micro_batches, sight)

    def _likelihood_gradients(self, sight: Tensors, *, share: tf.Tensor) -> tuple[Gradients, Logs]:
        """The same of a part of the batch."""
        real = sight["real"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(_values(self.generator))
            losses = self.generator.likelihood(
                real,
                sight["z"],
                sight["label"],
                sight["dropout"],
                self.config.objective.token_dropout,
                sight.get("given"),
            )
            losses = tf.cast(losses, real.dtype)  # [b]
            total = self._scaled(losses, share)
        gradients = _gradients(tape, total, _values(self.generator))
        return gradients, {"likelihood": tf.reduce_sum(losses) * share}

    def _autoencoding_gradients(
        self, sight: Tensors, *, share: tf.Tensor
    ) -> tuple[Gradients, Logs]:
        """The same of sequences made at once, given what an encoder finds in them; its own last."""
        real, generator, encoder = sight["real"], self.generator, self.encoder
        assert encoder is not None
        weights = _values(generator) + _values(encoder)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            posterior = tf.cast(encoder(real), real.dtype)  # [b, 2, latent_dim]
            z = drawn(posterior, sight["noise"])
            w = generator.mapping(z, sight["label"])
            # Where parts may be given, none is here: z says it all.
            given = tf.zeros_like(real) if self.modality.given_shape else None
            values = tf.cast(generator.values(w, None, given), real.dtype)
            of_tokens = self.modality.negative_log_likelihood(real, values)  # [b, T, W]
            weight = self.config.objective.kl_weight
            losses, likelihood, nats = negative_elbo(of_tokens, posterior, weight)  # [b]
            total = self._scaled(tf.reduce_sum(losses), share)
        logs = {
            "likelihood": tf.reduce_sum(likelihood) * share,
            "divergence": tf.reduce_sum(nats) * share,
        }
        return _gradients(tape, total, weights), logs

    def _anneal(self) -> None:
        """The relaxation of tokens at this step."""
        if not self.config.is_autoregressive:
            return
        o, start = self.config.objective, self.config.likelihood_steps
        span = max(1, self.config.total_steps - start)
        last = o.gumbel_temperature * o.gumbel_temperature_final
        now = cosine(self.step - start, span, o.gumbel_temperature, last)
        self.generator.relaxation.assign(tf.cast(now, self.generator.relaxation.dtype))

    def _drop_condition(self, label: tf.Tensor | None, draw: randomness.Draw) -> tf.Tensor | None:
        """Conditions, some of them replaced by none (Ho and Salimans 2022, algorithm 1)."""
        data = self.config.data
        if label is None or not data.condition_dropout:
            return label
        hidden = draw.uniform(randomness.CONDITION, (1,))[:, 0] < data.condition_dropout  # [b]
        return without(label, hidden, data.num_conditions)

    def _mismatched(self, label: tf.Tensor, context: tf.distribute.ReplicaContext) -> Tensors:
        """``wrong_label``, each example's that of the next one in the global batch, and
        ``is_wrong``, 1 where the two differ; none is 0."""
        wrong = self._followers(label, 1, context)[:, 0]
        differs = tf.reshape(tf.not_equal(label, wrong), (tf.shape(label)[0], -1))
        is_wrong = tf.cast(tf.reduce_any(differs, axis=1), self._real_dtype)
        return {"wrong_label": wrong, "is_wrong": is_wrong}

    @staticmethod
    def _followers(
        label: tf.Tensor, count: int, context: tf.distribute.ReplicaContext
    ) -> tf.Tensor:
        """Labels of the examples that follow each in the global batch, ``[b, count, ...]``."""
        replicas, own = context.num_replicas_in_sync, tf.shape(label)[0]
        every = context.all_gather(label, axis=0) if replicas > 1 else label  # [B, ...]
        first = tf.cast(context.replica_id_in_sync_group, tf.int32) * own
        rows = first + tf.range(own)[:, tf.newaxis] + tf.range(1, count + 1)  # [b, count]
        return tf.gather(every, rows % (replicas * own))

    def _numbers(self, draw: randomness.Draw, real: tf.Tensor, penalize: bool) -> Numbers:
        """What the game needs in this step: random numbers, and what schedules and memory say."""
        o, span = self.config.objective, self.config.schedule_steps
        numbers = self._numbers_of_sight(draw, "real") | self._numbers_of_sight(draw, "fake")
        if o.augments_in_part:
            p = cosine(self.step, span, o.augment_p_initial * o.augment_p, o.augment_p)
            numbers["p"] = self.memory.get("augment_p", p)
        if penalize:
            numbers["gamma"] = cosine(self.step, span, 1.0, o.gamma_final)
        if penalize and o.penalty == "finite_difference":
            numbers["eps_real"] = draw.normal(randomness.DISTURB_REAL, real.shape[1:])
            numbers["eps_fake"] = draw.normal(randomness.DISTURB_FAKE, real.shape[1:])
        if penalize and o.gp_weight:
            numbers["mix"] = draw.uniform(randomness.MIX, (1,))
        if o.lecam_weight:
            numbers["lecam"] = tf.cast(self.step >= o.lecam_start_step, real.dtype)
            numbers |= {name: self.memory[name] for name in ("real_anchor", "fake_anchor")}
        if o.cr_real or o.cr_fake:
            count = numbers_needed(o.cr_augment)
            numbers["t_real"] = draw.uniform(randomness.CONSISTENCY_REAL, (count,))
            numbers["t_fake"] = draw.uniform(randomness.CONSISTENCY_FAKE, (count,))
        return {name: tf.cast(value, real.dtype) for name, value in numbers.items()}

    def _numbers_of_sight(self, draw: randomness.Draw, kind: str) -> Numbers:
        """Random numbers by which the discriminator sees ``real`` or ``fake`` images."""
        o, real = self.config.objective, kind == "real"
        count = numbers_needed(o.augment, o.augments_in_part)
        stream = randomness.AUGMENT_REAL if real else randomness.AUGMENT_FAKE
        numbers = {f"u_{kind}": draw.uniform(stream, (count,))}
        if count := self.discriminator.noise_numbers:
            stream = randomness.TOKENS_REAL if real else randomness.TOKENS_FAKE
            numbers[f"tokens_{kind}"] = draw.normal(stream, (count,))
        return numbers

    def _g_numbers(self, draw: randomness.Draw, numbers: Numbers) -> Numbers:
        """Of ``_numbers``, those of the generator's batch."""
        names = ("p", "u_real", "u_fake", "tokens_real", "tokens_fake", "others")
        chosen = {name: numbers[name] for name in names if name in numbers}
        times = self.config.training.g_batch_factor
        if times == 1:
            return chosen
        repeated = {name: _repeat(value, times) for name, value in chosen.items()}
        return repeated | self._numbers_of_sight(draw, "fake")

    def _remember(self, logs: Logs, numbers: Numbers) -> Logs:
        """Memory after a step with these logs; and what of it is logged itself.

        What is assigned is computed from what the losses read: TensorFlow's optimisation of graphs
        loses the order of a second read, and the losses would now and then see the new value.
        """
        o, memory = self.config.objective, self.memory
        if o.lecam_weight:
            for name in ("real", "fake"):
                last, mean = numbers[f"{name}_anchor"], logs[f"{name}_logit"]
                # The first mean is the average so far: from 0 it would take hundreds of steps.
                rate = tf.where(self.step == 0, 1.0, 1 - _LECAM_DECAY)
                _follow(memory[f"{name}_anchor"], last, mean, rate)
        if not o.ada_target:
            return {}
        sign = memory["ada_sign"] + tf.cast(logs["overfit_sign"], tf.float32) / _ADA_EVERY
        images = self.config.training.batch_size * _ADA_EVERY
        turn = (self.step + 1) % _ADA_EVERY == 0
        p = adapt(memory["augment_p"], sign, o.ada_target, images, o.ada_kimg * 1000)
        memory["augment_p"].assign(tf.where(turn, p, memory["augment_p"]))
        memory["ada_sign"].assign(tf.where(turn, 0.0, sign))
        return {"augment_p": tf.identity(memory["augment_p"])}

    def _top_k(self, logit: tf.Tensor, context: tf.distribute.ReplicaContext) -> tf.Tensor:
        """Weights ``[b]`` of the samples that the generator learns from."""
        every = context.all_gather(logit, axis=0) if context.num_replicas_in_sync > 1 else logit
        share = cosine(self.step, self.config.schedule_steps, 1.0, self.config.objective.top_k)
        return top_k_weights(logit, every, share)

    def _unpack(self, data: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Whatever a user's data set gives -> signals and labels or None."""
        kind, plural = self.modality.name, self.modality.plural
        if isinstance(data, dict):
            sample, label = data[kind], data.get("label")
        elif isinstance(data, Sequence):
            sample, label = data[0], data[1] if len(data) > 1 else None
        else:
            sample, label = data, None
        stored = sample.dtype == tf.as_dtype(self.modality.sample_dtype)
        expected = self.modality.sample_shape if stored else self.modality.signal_shape
        if tuple(sample.shape[1:]) != expected:
            raise ValueError(
                f"{plural} of shape {tuple(sample.shape[1:])} for a model of {expected}: batch the"
                " data set, or resolve the configuration with its shape (of images: image_size and"
                " channels)"
            )
        if self.config.data.condition and label is None:
            raise ValueError(
                f"the model is conditional and the data have no labels: give ({kind}, label) pairs,"
                " or resolve the configuration with num_classes=0"
            )
        if stored:
            sample = self.modality.encode(sample)
        elif not sample.dtype.is_floating:
            raise ValueError(
                f"{plural} of {sample.dtype.name}: give {self.modality.sample_dtype.name}, or what"
                " the networks see as floats (of images in [-1, 1])"
            )
        sample = tf.cast(sample, self._real_dtype)
        return sample, self._unpack_label(label) if self.config.data.condition else None

    def _unpack_label(self, label: tf.Tensor) -> tf.Tensor:
        """Class numbers of any integer type, ``[b]`` or ``[b, 1]`` -> int32 ``[b]``; attributes or
        vectors of any type -> floats ``[b, K]``."""
        data = self.config.data
        if data.condition != "class":
            if label.shape[1:] != (data.condition_width,):
                raise ValueError(
                    f"labels of shape {tuple(label.shape)}: give {data.condition_width} numbers for"
                    " each sample"
                )
            return tf.cast(label, self._real_dtype)
        if not label.dtype.is_integer or label.shape[1:] not in ((), (1,)):
            raise ValueError(
                f"labels of shape {tuple(label.shape)} and type {label.dtype.name}: give one class"
                " number for each image, as integers of shape [batch]"
            )
        return tf.cast(tf.reshape(label, (-1,)), tf.int32)

    def _d_gradients(
        self,
        sight: Tensors,
        *,
        share: tf.Tensor,
        context: tf.distribute.ReplicaContext,
        penalize: bool,
    ) -> tuple[Gradients, Logs]:
        """Gradients of the discriminator's loss, and the replica's share of the logs.

        Args:
            sight: ``real`` ``[b, H, W, C]`` in [-1, 1], ``fake`` like it, ``label`` int ``[b]`` or
                None, ``numbers`` of ``_numbers``.
            share: 1 / global batch.
            context: of the replica.
            penalize: whether the loss has the gradient penalties.
        """
        numbers = sight["numbers"]

        def mean(values: tf.Tensor) -> tf.Tensor:
            if "real_mean" in numbers:
                return numbers["real_mean"]
            part = tf.reduce_sum(tf.stop_gradient(values)) * share
            return context.all_reduce(tf.distribute.ReduceOp.SUM, part)

        weights = _values(self.discriminator)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss, logs = self.game.d_loss(
                sight["real"], sight["fake"], sight["label"], numbers, mean, penalize=penalize
            )
            total = self._scaled(tf.reduce_sum(loss), share)
        logs = {name: tf.reduce_sum(value) * share for name, value in logs.items()}
        return _gradients(tape, total, weights), logs

    def _image_gradient(
        self, sight: Tensors, *, share: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Gradient of the generator's loss with respect to its images, ``[n, H, W, C]``; the loss
        and the logits, ``[n]``."""
        fake, label, numbers = (sight[name] for name in ("fake", "label", "numbers"))
        real_logit = self._look_at_real(sight)
        if self.config.objective.rewards_tokens:
            weights, loss, logit = self.game.reward(real_logit, fake, label, numbers)
            # Of a mean over tokens, as the likelihood is; descending, while rewards are for more.
            weights = self._scaled(-weights / weights.shape[1], share)
            return weights[:, :, None, None] * fake, loss, logit
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss, fake_logit = self.game.g_loss(real_logit, fake, label, numbers)
            total = self._scaled(tf.reduce_sum(loss), share)
        # Of packs it would be slices, which cannot be joined.
        return tf.convert_to_tensor(tape.gradient(total, fake)), loss, fake_logit

    def _scaled(self, loss: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """A loss, or a sum of them -> its share of the mean, scaled for float16."""
        loss *= share
        return loss if self.loss_scale is None else loss * self.loss_scale

    def _apply(
        self,
        optimizer: keras.optimizers.Optimizer,
        network: keras.Model,
        gradients: Gradients,
        context: tf.distribute.ReplicaContext,
    ) -> tf.Tensor:
        """Reduces, then clips, then applies; gives the norm before clipping.

        Clipping what one replica alone sees would make the update depend on how many there are.
        The optimizer sums the R identical copies once more, hence the division by R.
        """
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self.loss_scale is not None:
            gradients = [gradient / self.loss_scale for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        if clip := self.config.optimizer.clip_norm:
            factor = clip / tf.maximum(norm, clip)
            gradients = [gradient * factor for gradient in gradients]
        if self.loss_scale is not None:
            # Half precision overflows now and then. A zero gradient instead of a skipped update: a
            # collective in a tf.cond fails; with beta1 = 0 no weight moves, only v decays.
            finite = tf.math.is_finite(norm)
            gradients = [tf.where(finite, g, tf.zeros_like(g)) for g in gradients]
            grown = tf.minimum(self.loss_scale * 2 ** (1 / 1000), 2.0**24)
            self.loss_scale.assign(tf.where(finite, grown, tf.maximum(self.loss_scale / 2, 1.0)))
        replicas = context.num_replicas_in_sync
        gradients = [gradient / replicas for gradient in gradients] if replicas > 1 else gradients
        optimizer.apply(gradients, network.trainable_variables)
        return norm

    def _average(self) -> None:
        """The moving average follows; each replica writes its own copy."""
        t = self.config.training
        decay = ema_decay(
            self.step * t.batch_size,
            t.batch_size * t.d_steps,
            t.ema_half_life_kimg * 1000,
            t.ema_ramp,
            cosine(self.step, self.config.schedule_steps, t.ema_initial, 1.0),
        )
        for average, weight in zip(self.ema_generator.weights, self.generator.weights, strict=True):
            if not weight.trainable:  # each network has its own statistics
                continue
            rate = tf.cast(1 - decay, average.dtype)
            average.value.assign_add(rate * (weight.value - average.value))


def _check_share(config: Config) -> None:
    """What several replicas, or parts of the batch, cannot do as one would."""
    if config.objective.mismatch_share and not config.data.condition:
        raise ConfigError(
            f"--mismatch_share={config.objective.mismatch_share:g}: there are no conditions to mix"
            " up; use data with classes or --captions, or leave it out"
        )
    d, t = config.discriminator, config.training
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    parts = replicas * t.micro_batches
    whom = f"each of {replicas} replicas" if replicas > 1 else "the one replica"
    for name, count, whole in (
        ("micro_batches", t.micro_batches, replicas),
        ("d_minibatch_std", d.d_minibatch_std, parts),
        ("d_pack", d.d_pack, parts),
    ):
        share = t.batch_size // whole
        if count and share % count:
            in_parts = f" in {t.micro_batches} parts" if whole > replicas else ""
            raise ConfigError(
                f"--{name}={count} does not divide {share}, the share of --batch_size="
                f"{t.batch_size} of {whom}{in_parts}; use a --batch_size that {count * whole}"
                " divides, or fewer replicas (--strategy=one) or --micro_batches"
            )
    g = config.generator
    if g.normalizes_batches and t.jit_compile and replicas > 1:
        raise ConfigError(
            f"--g_kind={g.g_kind} --jit_compile: the batch normalisation of {replicas} replicas"
            " cannot be inside a compiled function; leave out --jit_compile, or use --strategy=one"
        )
    if config.objective.loss == "dual_contrastive" and replicas > 1:
        raise ConfigError(
            f"--loss=dual_contrastive compares the whole batch, which {replicas} replicas share;"
            " use --strategy=one, or --loss=relativistic"
        )


def _broadcast(weight: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """``[b]`` -> ``[b, 1, ...]``, of as many axes as ``x``."""
    return tf.reshape(weight, (-1, *(1,) * (x.shape.rank - 1)))


def _values(network: keras.Model) -> list[tf.Variable]:
    """What a tape watches of a network."""
    return [weight.value for weight in network.trainable_variables]


def _gradients(tape: tf.GradientTape, target: Any, weights: Any, **options: Any) -> Gradients:
    """Dense ones: an embedding's has a slice for each example, and neither the norm of slices nor
    their number is that of their sum."""
    return [tf.convert_to_tensor(g) for g in tape.gradient(target, weights, **options)]


def _repeat(x: tf.Tensor | None, times: int) -> tf.Tensor | None:
    """Each example so many times in a row; None and numbers for all examples stay."""
    return x if times == 1 or x is None or not x.shape.rank else tf.repeat(x, times, axis=0)


def _follow(average: tf.Variable, last: tf.Tensor, value: tf.Tensor, rate: Any) -> None:
    """A moving average, whose ``last`` value was read before, goes towards ``value``."""
    last, value = (tf.cast(number, average.dtype) for number in (last, value))
    average.assign(last + rate * (value - last))


def _scalar(name: str, value: float, dtype: tf.DType = tf.float32) -> tf.Variable:
    """A number that all replicas agree on, part of a checkpoint."""
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
