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
from tgan_tf.modalities.image import ImageModality
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.objectives.augmentation import augment, numbers_needed
from tgan_tf.objectives.losses import LOSSES
from tgan_tf.objectives.penalties import finite_difference, gradient_penalty
from tgan_tf.objectives.schedules import WarmupCosine, ema_decay

Logs = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]

# Options that ``TransformerGAN.retune`` takes.
RETUNABLE = ("g_lr", "d_lr", "r1_gamma", "r2_gamma", "augment")

# One stream of random numbers for each use, so that adding a use changes no other.
_LATENT, _AUGMENT_REAL, _AUGMENT_FAKE, _DISTURB_REAL, _DISTURB_FAKE = range(5)
_G_TOKENS, _TOKENS_REAL, _TOKENS_FAKE = range(5, 8)


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
        self.modality = ImageModality(config)
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
        self.g_optimizer = self._make_optimizer("g", self.generator, config.optimizer.g_lr)
        self.d_optimizer = self._make_optimizer("d", self.discriminator, config.optimizer.d_lr)
        self.step = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="step",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.loss_scale = None
        if config.training.precision == "mixed_float16":
            self.loss_scale = tf.Variable(
                2.0**15,
                trainable=False,
                name="loss_scale",
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        self._trace()
        self.built = True
        # Our two optimizers are driven by train_step; one given here would allocate slots of every
        # weight, for nothing.
        self.compile(optimizer=None)

    def _make_optimizer(
        self, name: str, network: keras.Model, learning_rate: float
    ) -> keras.optimizers.Optimizer:
        o, schedule = self.config.optimizer, self._schedule(learning_rate)
        optimizer = keras.optimizers.Adam(schedule, o.beta1, o.beta2, 1e-8, name=f"{name}_adam")
        optimizer.build(network.trainable_variables)
        return optimizer

    def _schedule(self, learning_rate: float) -> WarmupCosine:
        o = self.config.optimizer
        warmup_steps = round(o.lr_warmup_kimg * 1000 / self.config.training.batch_size)
        return WarmupCosine(learning_rate, warmup_steps, self.config.total_steps, o.lr_final)

    def _trace(self) -> None:
        # Traced once, however often ``make_step`` is called. Behind a lambda, or
        # ``tf.saved_model.save`` takes it for something to save.
        traced = tf.function(self._run_replicas, autograph=False)
        self._run = lambda data, penalize: traced(data, penalize)

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
        return {name: getattr(self, name) for name in names} | scale

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
        self.g_optimizer.learning_rate = self._schedule(self.config.optimizer.g_lr)
        self.d_optimizer.learning_rate = self._schedule(self.config.optimizer.d_lr)
        self._trace()

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict()}

    # --- driving the step --------------------------------------------------------------------

    def make_step(self) -> Callable[[Any], Logs]:
        """A function of one distributed batch that trains one step and gives its logs.

        Lazy penalties are two traces, chosen here by the number of the step: a ``tf.cond`` fails
        under XLA, and a collective inside one fails under every strategy of several replicas.
        """
        o = self.config.objective
        every = o.penalty_every if o.r1_gamma or o.r2_gamma else 0
        number = int(self.step.numpy())

        def step(data: Any) -> Logs:
            nonlocal number
            penalize = bool(every) and number % every == 0
            number += 1
            return self._run(data, penalize)

        return step

    def _run_replicas(self, data: Any, penalize: bool) -> Logs:
        """One step on every replica; the logs of the first, which are those of all."""
        strategy = self.distribute_strategy
        logs = strategy.run(self.train_step, args=(data,), kwargs={"penalize": penalize})
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

    def train_step(self, data: Any, penalize: bool = True) -> Logs:
        """One step of each network, in replica context.

        Args:
            data: this replica's share of the global batch: ``{"image": [b, H, W, C], "label":
                int [b]}``, ``(image, label)`` or ``image``; images uint8, or float in [-1, 1].
            penalize: whether this step has the (lazy) gradient penalty.

        Returns:
            Scalars over the global batch, the same on every replica.
        """
        real, label = self._unpack(data)
        context = tf.distribute.get_replica_context()
        batch = tf.shape(real)[0]
        draw = _Draw(self.config.training.seed, self.step, context, batch, real.dtype)
        z = draw.normal(_LATENT, (self.config.generator.latent_dim,))
        numbers = numbers_needed(self.config.objective.augment)
        noise = {
            "u_real": draw.uniform(_AUGMENT_REAL, (numbers,)),
            "u_fake": draw.uniform(_AUGMENT_FAKE, (numbers,)),
        }
        if penalize and self.config.objective.penalty == "finite_difference":
            noise["eps_real"] = draw.normal(_DISTURB_REAL, real.shape[1:])
            noise["eps_fake"] = draw.normal(_DISTURB_FAKE, real.shape[1:])
        # For attention layers with noise; most networks have none.
        g_tokens = None
        if numbers := self.generator.noise_numbers:
            g_tokens = draw.normal(_G_TOKENS, (numbers,))
        if numbers := self.discriminator.noise_numbers:
            noise["tokens_real"] = draw.normal(_TOKENS_REAL, (numbers,))
            noise["tokens_fake"] = draw.normal(_TOKENS_FAKE, (numbers,))
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
            tape.watch(weights)
            fake = tf.cast(compiled(self.generator)(z, label, g_tokens), real.dtype)  # [b, H, W, C]

        d_gradients = compiled(functools.partial(self._d_gradients, penalize=penalize))
        gradients, d_logs = d_gradients(real, tf.stop_gradient(fake), label, noise, share)
        logs = total(d_logs)
        logs["d_grad_norm"] = self._apply(self.d_optimizer, self.discriminator, gradients, context)

        # The chain through the image needs D's backward pass to its input, not to its weights.
        to_image, g_logs = compiled(self._image_gradient)(
            real, tf.stop_gradient(fake), label, noise, share
        )
        gradients = tape.gradient(fake, weights, output_gradients=to_image)
        logs |= total(g_logs)
        logs["g_grad_norm"] = self._apply(self.g_optimizer, self.generator, gradients, context)
        self._average()
        self.step.assign_add(1)
        return logs

    def _unpack(self, data: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Whatever a user's data set gives -> images in [-1, 1] and labels or None."""
        if isinstance(data, dict):
            image, label = data["image"], data.get("label")
        elif isinstance(data, Sequence):
            image, label = data[0], data[1] if len(data) > 1 else None
        else:
            image, label = data, None
        expected = (*self.config.data.image_size, self.config.data.channels)
        if tuple(image.shape[1:]) != expected:
            raise ValueError(
                f"images of shape {tuple(image.shape[1:])} for a model of {expected}: batch the"
                " data set, or resolve the configuration with its image_size and channels"
            )
        if self.config.data.num_classes and label is None:
            raise ValueError(
                "the model is conditional and the data have no labels: give (image, label) pairs,"
                " or resolve the configuration with num_classes=0"
            )
        if image.dtype == tf.uint8:
            image = self.modality.encode(image)
        elif not image.dtype.is_floating:
            raise ValueError(f"images of {image.dtype.name}: give uint8, or floats in [-1, 1]")
        image = tf.cast(image, self._real_dtype)
        return image, self._unpack_label(label) if self.config.data.num_classes else None

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
        noise: dict[str, tf.Tensor],
        share: tf.Tensor,
        *,
        penalize: bool,
    ) -> tuple[Gradients, Logs]:
        """Gradients of the discriminator's loss and penalty, and the replica's share of the logs.

        Args:
            real: ``[b, H, W, C]`` in [-1, 1].
            fake: like ``real``.
            label: int ``[b]`` or None.
            noise: uniform numbers of the augmentation, normal ones of the finite difference and
                of attention layers.
            share: 1 / global batch.
            penalize: whether the loss has the gradient penalty.
        """
        o = self.config.objective
        weights = [weight.value for weight in self.discriminator.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            real_logit, real_penalty = self._judge(
                real, label, noise, "real", penalize and o.r1_gamma
            )
            fake_logit, fake_penalty = self._judge(
                fake, label, noise, "fake", penalize and o.r2_gamma
            )
            loss = LOSSES[o.loss][0](real_logit, fake_logit)  # [b]
            penalty = 0.5 * (o.r1_gamma * real_penalty + o.r2_gamma * fake_penalty)
            # Lazy: the weight makes up for the steps without (Karras et al. 2020, app. B).
            total = self._scaled(loss + o.penalty_every * penalty, share)
        logs = {
            "loss_d": loss,
            "real_logit": real_logit,
            "fake_logit": fake_logit,
            "real_sign": tf.sign(real_logit),
        }
        if penalize:
            logs["penalty"] = penalty
        logs = {name: tf.reduce_sum(value) * share for name, value in logs.items()}
        return tape.gradient(total, weights), logs

    def _image_gradient(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        label: tf.Tensor | None,
        noise: dict[str, tf.Tensor],
        share: tf.Tensor,
    ) -> tuple[tf.Tensor, Logs]:
        """Gradient of the generator's loss with respect to its images, ``[b, H, W, C]``."""
        o = self.config.objective
        real_logit, _ = self._judge(real, label, noise, "real", 0)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            fake_logit, _ = self._judge(fake, label, noise, "fake", 0)
            loss = LOSSES[o.loss][1](real_logit, fake_logit)  # [b]
            total = self._scaled(loss, share)
        return tape.gradient(total, fake), {"loss_g": tf.reduce_sum(loss) * share}

    def _scaled(self, losses: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """Per-example losses ``[b]`` -> this replica's share of the mean, scaled for float16."""
        total = tf.reduce_sum(losses) * share
        return total if self.loss_scale is None else total * self.loss_scale

    def _judge(
        self,
        image: tf.Tensor,
        label: tf.Tensor | None,
        noise: dict[str, tf.Tensor],
        kind: str,
        gamma: float,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits ``[b]`` of augmented images, and their gradient penalty ``[b]`` (0 if no gamma).

        The penalty is with respect to the image before augmentation (R3GAN 2024, app. B). Of
        ``noise``, that of ``kind``, real or fake, is used.
        """
        o = self.config.objective
        u, tokens = noise[f"u_{kind}"], noise.get(f"tokens_{kind}")

        def logits_of(x: tf.Tensor) -> tf.Tensor:
            return self.discriminator(augment(x, u, o.augment), label, tokens)

        if not gamma:
            logit = logits_of(image)
            return logit, tf.zeros_like(logit)
        if o.penalty == "exact":
            return logits_of(image), gradient_penalty(logits_of, image)
        # Both halves in one call: half as many, larger operations.
        moved = image + o.penalty_sigma * noise[f"eps_{kind}"]
        both = tf.concat([augment(image, u, o.augment), augment(moved, u, o.augment)], axis=0)
        labels, both_tokens = (
            None if tensor is None else tf.concat([tensor, tensor], axis=0)
            for tensor in (label, tokens)
        )
        logit, disturbed = tf.split(self.discriminator(both, labels, both_tokens), 2)
        return logit, finite_difference(logit, disturbed, o.penalty_sigma)

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
            self.step * t.batch_size, t.batch_size, t.ema_half_life_kimg * 1000, t.ema_ramp
        )
        for average, weight in zip(self.ema_generator.weights, self.generator.weights, strict=True):
            rate = tf.cast(1 - decay, average.dtype)
            average.value.assign_add(rate * (weight.value - average.value))


def _check_share(config: Config) -> None:
    """A replica's share of the batch holds whole groups of the minibatch standard deviation."""
    group = config.discriminator.d_minibatch_std
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    share = config.training.batch_size // replicas
    if group and share % group:
        raise ConfigError(
            f"--d_minibatch_std={group} does not divide {share}, the share of --batch_size="
            f"{config.training.batch_size} of each of {replicas} replicas; use a --batch_size that"
            f" {group * replicas} divides, or fewer replicas (--strategy=one)"
        )


class _Draw:
    """Random numbers of one step: drawn for the global batch, sliced for the replica.

    Stateless, from (seed, step, stream): a resumed run draws what an unbroken one would. Philox by
    name: the default algorithm gives other numbers under XLA.
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
        seed = tf.stack([tf.constant(self.seed, tf.int64), self.step * 16 + stream])
        full = function((self.batch * self.replicas, *shape), seed, dtype=self.dtype, alg="philox")
        start = self.replica * self.batch
        return full[start : start + self.batch] if self.replicas > 1 else full  # [b, *shape]

    def normal(self, stream: int, shape: Any) -> tf.Tensor:
        """Standard normal numbers, ``[b, *shape]``."""
        return self._draw(tf.random.stateless_normal, stream, shape)

    def uniform(self, stream: int, shape: Any) -> tf.Tensor:
        """Uniform numbers in [0, 1), ``[b, *shape]``."""
        return self._draw(tf.random.stateless_uniform, stream, shape)
