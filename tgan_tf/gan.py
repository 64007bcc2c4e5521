"""The adversarial game: two networks, a moving average, and one training step.

``train_step`` runs in replica context and is right under every ``tf.distribute`` strategy: losses
are sums over the replica's examples divided by the global batch, gradients are reduced before they
are clipped, and random numbers are drawn for the global batch and sliced, so R replicas compute
what one would.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities import make_modality
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.objectives import randomness
from tgan_tf.objectives.augmentation import adapt, numbers_needed
from tgan_tf.objectives.game import Game, Numbers
from tgan_tf.objectives.losses import top_k_weights
from tgan_tf.objectives.schedules import ScheduledAdam, WarmupCosine, cosine, ema_decay

Logs = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]

# Options that ``TransformerGAN.retune`` takes.
RETUNABLE = ("g_lr", "d_lr", "r1_gamma", "r2_gamma", "augment")

_ADA_EVERY = 4  # steps between two adjustments of the probability (Karras et al. 2020, sec. 3.1)
_LECAM_DECAY = 0.99  # of the anchors, for each step (Tseng et al. 2021, sec. 4.1)


@keras.saving.register_keras_serializable(package="tgan_tf")
class TransformerGAN(keras.Model):
    """Generator, discriminator and the moving average of the generator, trained together.

    Make it inside ``strategy.scope()``. Weights are a function of ``config`` and its seed alone.

    Args:
        config: a resolved configuration: ``image_size`` and ``channels`` (and ``num_classes``) are
            known, from ``Config.resolve`` or by hand.

    Raises:
        ConfigError: when the shape of a sample is not known, or a replica's share of the batch is
            not of whole groups (``d_minibatch_std``).

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
            self.ema_generator = build_generator(config, name="ema_generator")
        finally:
            random.setstate(state)
        self.ema_generator.trainable = False
        for average, weight in zip(self.ema_generator.weights, self.generator.weights, strict=True):
            average.assign(weight)
        o, d_steps = config.optimizer, config.training.d_steps
        self.g_optimizer = self._make_optimizer("g", self.generator, o.g_lr, d_steps)
        self.d_optimizer = self._make_optimizer("d", self.discriminator, o.d_lr, 1)
        self.step = _scalar("step", 0, tf.int64)
        half = config.training.precision == "mixed_float16"
        self.loss_scale = _scalar("loss_scale", 2.0**15) if half else None
        # What a controller or a regulariser remembers from step to step.
        self.memory: dict[str, tf.Variable] = {}
        if config.objective.ada_target:
            self.memory |= {name: _scalar(name, 0.0) for name in ("augment_p", "ada_sign")}
        if config.objective.lecam_weight:
            self.memory |= {name: _scalar(name, 0.0) for name in ("real_anchor", "fake_anchor")}
        self._trace()
        self.built = True
        # Our two optimizers are driven by train_step; one given here would allocate slots of every
        # weight, for nothing.
        self.compile(optimizer=None)

    def _make_optimizer(
        self, name: str, network: keras.Model, learning_rate: float, every: int
    ) -> keras.optimizers.Optimizer:
        """Adam for a network that is updated every so many steps."""
        o = self.config.optimizer
        optimizer = ScheduledAdam(
            self._schedule(learning_rate, every),
            o.beta2_final,
            -(-self.config.schedule_steps // every),
            beta_1=o.beta1,
            beta_2=o.beta2,
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

    def _schedule(self, learning_rate: float, every: int) -> WarmupCosine:
        o = self.config.optimizer
        warmup = round(o.lr_warmup_kimg * 1000 / self.config.training.batch_size)
        span = -(-self.config.schedule_steps // every)
        return WarmupCosine(learning_rate, warmup // every, span, o.lr_final)

    def _trace(self) -> None:
        self.game = Game(self.config.objective, self.discriminator)
        # Traced once, however often ``make_step`` is called. Behind a lambda, or
        # ``tf.saved_model.save`` takes it for something to save.
        traced = tf.function(self._run_replicas, autograph=False)
        self._run = lambda data, penalize, train_g: traced(data, penalize, train_g)

    # --- use ---------------------------------------------------------------------------------

    def call(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """The averaged generator: ``z`` ``[B, latent_dim]`` -> float image ``[B, H, W, C]``."""
        return self.ema_generator(z, label)

    def generate(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label`` int ``[B]``) -> uint8 ``[B, H, W, C]``.

        Raises:
            ValueError: a conditional model without labels.
        """
        if self.config.data.num_classes and label is None:
            raise ValueError("the model is conditional: give a label for each z, int [B]")
        return self.modality.decode(self(z, label))

    def trackables(self) -> dict[str, Any]:
        """Everything that a ``tf.train.Checkpoint`` of the training must hold."""
        names = (
            "generator",
            "discriminator",
            "ema_generator",
            "g_optimizer",
            "d_optimizer",
            "step",
        )
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
        o, d_steps = self.config.optimizer, self.config.training.d_steps
        self.g_optimizer.learning_rate = self._schedule(o.g_lr, d_steps)
        self.d_optimizer.learning_rate = self._schedule(o.d_lr, 1)
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
            penalize, train_g = self.config.kind_of_step(number)
            number += 1
            return self._run(data, penalize, train_g)

        return step

    def _run_replicas(self, data: Any, penalize: bool, train_g: bool) -> Logs:
        """One step on every replica; the logs of the first, which are those of all."""
        strategy = self.distribute_strategy
        options = {"penalize": penalize, "train_g": train_g}
        logs = strategy.run(self.train_step, args=(data,), kwargs=options)
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

    def train_step(self, data: Any, penalize: bool = True, train_g: bool = True) -> Logs:
        """One step of the discriminator and, if its turn, the generator, in replica context.

        Args:
            data: this replica's share of the global batch: ``{"image": [b, H, W, C], "label":
                int [b]}``, ``(image, label)`` or ``image``; images uint8, or float in [-1, 1].
            penalize: whether this step has the (lazy) gradient penalty.
            train_g: whether the generator learns.

        Returns:
            Scalars over the global batch, the same on every replica.
        """
        real, label = self._unpack(data)
        context = tf.distribute.get_replica_context()
        batch = tf.shape(real)[0]
        draw = randomness.Draw(self.config.training.seed, self.step, context, batch, real.dtype)
        label = self._drop_condition(label, draw)
        z = draw.normal(randomness.LATENT, (self.config.generator.latent_dim,))
        numbers = self._numbers(draw, real, penalize)
        # For attention layers with noise; most networks have none.
        count = self.generator.noise_numbers
        tokens = draw.normal(randomness.G_TOKENS, (count,)) if count else None
        # Sums over the replica's examples / the global batch add up to the global mean.
        share = 1 / tf.cast(batch * context.num_replicas_in_sync, real.dtype)

        def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
            if not self.config.training.jit_compile:
                return function
            # Only pure functions of tensors and weights: Keras' own jit would wrap strategy.run,
            # which fails under Mirrored.
            return tf.function(function, jit_compile=True, autograph=False)

        def total(logs: Logs) -> Logs:
            return context.all_reduce(tf.distribute.ReduceOp.SUM, logs)

        # Both networks play with the same fakes, so the generator runs forward once a step.
        weights = [weight.value for weight in self.generator.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights if train_g else [])
            fake = compiled(self.generator)(z, label, tokens)
            fake = tf.cast(fake, real.dtype)  # [b, H, W, C]
        still = tf.stop_gradient(fake)

        if self.discriminator.spectral is not None:
            self.discriminator.spectral.iterate()
        d_gradients = functools.partial(self._d_gradients, context=context, penalize=penalize)
        gradients, d_logs = compiled(d_gradients)(real, still, label, numbers, share)
        logs = total(d_logs)
        logs |= self._remember(logs)
        logs["d_grad_norm"] = self._apply(self.d_optimizer, self.discriminator, gradients, context)

        if train_g:
            # The chain through the image needs D's backward pass to its input, not to its weights.
            to_image, loss, logit = compiled(self._image_gradient)(
                real, still, label, numbers, share
            )
            if self.config.objective.top_k < 1:
                weight = self._top_k(logit, context)  # [b]
                loss, to_image = loss * weight, to_image * _broadcast(weight, to_image)
            gradients = tape.gradient(fake, weights, output_gradients=to_image)
            logs |= total({"loss_g": tf.reduce_sum(loss) * share})
            logs["g_grad_norm"] = self._apply(self.g_optimizer, self.generator, gradients, context)
            self._average()
        self.step.assign_add(1)
        return logs

    def _drop_condition(self, label: tf.Tensor | None, draw: randomness.Draw) -> tf.Tensor | None:
        """Classes ``[b]``, some of them replaced by none (Ho and Salimans 2022, algorithm 1)."""
        data = self.config.data
        if label is None or not data.condition_dropout:
            return label
        hidden = draw.uniform(randomness.CONDITION, (1,))[:, 0] < data.condition_dropout  # [b]
        return tf.where(hidden, data.num_classes, label)

    def _numbers(self, draw: randomness.Draw, real: tf.Tensor, penalize: bool) -> Numbers:
        """What the game needs in this step: random numbers, and what schedules and memory say."""
        o, span = self.config.objective, self.config.schedule_steps
        count = numbers_needed(o.augment, o.augments_in_part)
        numbers = {
            "u_real": draw.uniform(randomness.AUGMENT_REAL, (count,)),
            "u_fake": draw.uniform(randomness.AUGMENT_FAKE, (count,)),
        }
        if o.augments_in_part:
            p = cosine(self.step, span, o.augment_p_initial * o.augment_p, o.augment_p)
            numbers["p"] = self.memory.get("augment_p", p)
        if penalize:
            numbers["gamma"] = cosine(self.step, span, 1.0, o.gamma_final)
        if penalize and o.penalty == "finite_difference":
            numbers["eps_real"] = draw.normal(randomness.DISTURB_REAL, real.shape[1:])
            numbers["eps_fake"] = draw.normal(randomness.DISTURB_FAKE, real.shape[1:])
        if count := self.discriminator.noise_numbers:
            numbers["tokens_real"] = draw.normal(randomness.TOKENS_REAL, (count,))
            numbers["tokens_fake"] = draw.normal(randomness.TOKENS_FAKE, (count,))
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

    def _remember(self, logs: Logs) -> Logs:
        """Memory after a step with these logs; and what of it is logged itself."""
        o, memory = self.config.objective, self.memory
        if o.lecam_weight:
            for name in ("real", "fake"):
                anchor, mean = memory[f"{name}_anchor"], tf.cast(logs[f"{name}_logit"], tf.float32)
                # The first mean is the average so far: from 0 it would take hundreds of steps.
                rate = tf.where(self.step == 0, 1.0, 1 - _LECAM_DECAY)
                anchor.assign(anchor + rate * (mean - anchor))
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
        if self.config.data.num_classes and label is None:
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
        return sample, self._unpack_label(label) if self.config.data.num_classes else None

    def _unpack_label(self, label: tf.Tensor) -> tf.Tensor:
        """Class numbers of any integer type, ``[b]`` or ``[b, 1]`` -> int32 ``[b]``."""
        if not label.dtype.is_integer or label.shape[1:] not in ((), (1,)):
            raise ValueError(
                f"labels of shape {tuple(label.shape)} and type {label.dtype.name}: give one class"
                " number for each image, as integers of shape [batch]"
            )
        return tf.cast(tf.reshape(label, (-1,)), tf.int32)

    def _d_gradients(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        label: tf.Tensor | None,
        numbers: Numbers,
        share: tf.Tensor,
        *,
        context: tf.distribute.ReplicaContext,
        penalize: bool,
    ) -> tuple[Gradients, Logs]:
        """Gradients of the discriminator's loss, and the replica's share of the logs.

        Args:
            real: ``[b, H, W, C]`` in [-1, 1].
            fake: like ``real``.
            label: int ``[b]`` or None.
            numbers: from ``_numbers``.
            share: 1 / global batch.
            context: of the replica.
            penalize: whether the loss has the gradient penalties.
        """

        def mean(values: tf.Tensor) -> tf.Tensor:
            part = tf.reduce_sum(tf.stop_gradient(values)) * share
            if context.num_replicas_in_sync == 1:
                return part
            return context.all_reduce(tf.distribute.ReduceOp.SUM, part)

        weights = [weight.value for weight in self.discriminator.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss, logs = self.game.d_loss(real, fake, label, numbers, mean, penalize=penalize)
            total = self._scaled(loss, share)
        logs = {name: tf.reduce_sum(value) * share for name, value in logs.items()}
        return tape.gradient(total, weights), logs

    def _image_gradient(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        label: tf.Tensor | None,
        numbers: Numbers,
        share: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Gradient of the generator's loss with respect to its images, ``[b, H, W, C]``; the loss
        and the logits, ``[b]``."""
        real_logit = self.game.look(real, label, "real", numbers)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss, fake_logit = self.game.g_loss(real_logit, fake, label, numbers)
            total = self._scaled(loss, share)
        return tape.gradient(total, fake), loss, fake_logit

    def _scaled(self, losses: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """Per-example losses ``[b]`` -> this replica's share of the mean, scaled for float16."""
        total = tf.reduce_sum(losses) * share
        return total if self.loss_scale is None else total * self.loss_scale

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
        # An embedding's gradient has a slice for each example; the norm of slices is not that of
        # their sum.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
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
            rate = tf.cast(1 - decay, average.dtype)
            average.value.assign_add(rate * (weight.value - average.value))


def _check_share(config: Config) -> None:
    """What several replicas cannot do as one would."""
    group = config.discriminator.d_minibatch_std
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    share = config.training.batch_size // replicas
    if group and share % group:
        raise ConfigError(
            f"--d_minibatch_std={group} does not divide {share}, the share of --batch_size="
            f"{config.training.batch_size} of each of {replicas} replicas; use a --batch_size that"
            f" {group * replicas} divides, or fewer replicas (--strategy=one)"
        )
    if config.objective.drift_weight and config.training.jit_compile and replicas > 1:
        raise ConfigError(
            f"--drift_weight={config.objective.drift_weight:g} --jit_compile: the mean logit of"
            f" {replicas} replicas cannot be formed inside a compiled function; leave out one of"
            " them, or use --strategy=one"
        )


def _broadcast(weight: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """``[b]`` -> ``[b, 1, ...]``, of as many axes as ``x``."""
    return tf.reshape(weight, (-1, *(1,) * (x.shape.rank - 1)))


def _scalar(name: str, value: float, dtype: tf.DType = tf.float32) -> tf.Variable:
    """A number that all replicas agree on, part of a checkpoint."""
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
