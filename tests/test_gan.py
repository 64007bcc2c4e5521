"""The training step against an independent one, and what a run may rely on.

The reference below knows nothing of ``tgan_tf.gan``: plain tapes, closed forms in probabilities,
Adam in NumPy.
"""

from __future__ import annotations

import random
import types
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tests.games import BATCH, SEED, configure, dataset, images, state
from tgan_tf.config import Config, ConfigError
from tgan_tf.gan import TransformerGAN
from tgan_tf.layers import without
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.objectives.augmentation import augment, numbers_needed
from tgan_tf.objectives.generator import orthogonal, path_lengths
from tgan_tf.objectives.randomness import Draw
from tgan_tf.training.meter import Meter

# Of the loss in float16; the one that training starts from is too large for four channels.
SCALE = 2.0**8


def batches(count: int) -> list[dict[str, tf.Tensor]]:
    return list(dataset(count))


class NumpyAdam:
    """Kingma & Ba 2015, algorithm 1, with the order of operations of section 2's last lines."""

    def __init__(self, config: Config, lr: float) -> None:
        self.lr, self.t = float(np.float32(lr)), 0
        self.betas = config.optimizer.beta1, config.optimizer.beta2
        self.moments: list[list[np.ndarray]] = []

    def step(self, model: keras.Model, gradients: list[np.ndarray]) -> None:
        self.moments = self.moments or [[0 * g, 0 * g] for g in gradients]
        self.t += 1
        b1, b2 = self.betas
        rate = self.lr * (1 - b2**self.t) ** 0.5 / (1 - b1**self.t)
        for weight, g, mv in zip(model.trainable_variables, gradients, self.moments, strict=True):
            mv[0] = b1 * mv[0] + (1 - b1) * g
            mv[1] = b2 * mv[1] + (1 - b2) * g * g
            weight.assign(weight.numpy() - rate * mv[0] / (mv[1] ** 0.5 + 1e-8))


LOSSES = {
    "non_saturating": (
        lambda r, f: -tf.math.log(tf.sigmoid(r)) - tf.math.log(1 - tf.sigmoid(f)),
        lambda r, f: -tf.math.log(tf.sigmoid(f)),
    ),
    "relativistic": (
        lambda r, f: -tf.math.log(tf.sigmoid(r - f)),
        lambda r, f: -tf.math.log(tf.sigmoid(f - r)),
    ),
}


class Reference:
    """The same game, by hand, for one replica."""

    def __init__(self, config: Config, gan: TransformerGAN) -> None:
        self.config = config
        self.g, self.d = build_generator(config), build_discriminator(config)
        self.g.set_weights(gan.generator.get_weights())
        self.d.set_weights(gan.discriminator.get_weights())
        self.ema = self.g.get_weights()
        self.g_adam = NumpyAdam(config, config.optimizer.g_lr)
        self.d_adam = NumpyAdam(config, config.optimizer.d_lr)
        self.number = 0

    def draw(self, kind: str, stream: int, *shape: int) -> tf.Tensor:
        seed = [self.config.training.seed, self.number * 16 + stream]
        function = getattr(tf.random, f"stateless_{kind}")
        return function((BATCH, *shape), seed, dtype=tf.float64, alg="philox")

    def tokens(self, model: keras.Model, stream: int) -> tf.Tensor | None:
        return self.draw("normal", stream, model.noise_numbers) if model.noise_numbers else None

    def penalty(self, image: tf.Tensor, judge, stream: int) -> tf.Tensor:
        if self.config.objective.penalty == "finite_difference":
            sigma = self.config.objective.penalty_sigma
            moved = image + sigma * self.draw("normal", stream, 8, 8, 1)
            return ((judge(image) - judge(moved)) / sigma) ** 2
        with tf.GradientTape() as tape:
            tape.watch(image)
            logits = judge(image)
        return tf.reduce_sum(tape.gradient(logits, image) ** 2, axis=(1, 2, 3))

    def play(self, model: keras.Model, adam: NumpyAdam, loss_of) -> dict[str, float]:
        with tf.GradientTape() as tape:
            loss, extra = loss_of()
        # A gather's gradient is sparse.
        gradients = [
            tf.convert_to_tensor(g).numpy()
            for g in tape.gradient(loss, [w.value for w in model.trainable_variables])
        ]
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        clip = self.config.optimizer.clip_norm
        if clip and norm > clip:
            gradients = [g * clip / norm for g in gradients]
        adam.step(model, gradients)
        return {"norm": norm, **extra}

    def step(self, batch: dict[str, tf.Tensor]) -> dict[str, float]:
        o, label = self.config.objective, batch["label"]
        real = batch["image"]
        z = self.draw("normal", 0, 4)
        u = [self.draw("uniform", stream, numbers_needed(o.augment)) for stream in (1, 2)]

        def judge_real(x):
            return self.d(augment(x, u[0], o.augment), label, self.tokens(self.d, 6))

        def judge_fake(x):
            return self.d(augment(x, u[1], o.augment), label, self.tokens(self.d, 7))

        def make_fake():
            return self.g(z, label, self.tokens(self.g, 5))

        def d_loss():
            fake = make_fake()
            r, f = judge_real(real), judge_fake(fake)
            loss = tf.reduce_mean(LOSSES[o.loss][0](r, f))
            extra = {"loss_d": loss, "real_logit": tf.reduce_mean(r)}
            extra |= {"fake_logit": tf.reduce_mean(f), "real_sign": tf.reduce_mean(tf.sign(r))}
            if (o.r1_gamma or o.r2_gamma) and self.number % o.penalty_every == 0:
                penalty = o.r1_gamma / 2 * tf.reduce_mean(self.penalty(real, judge_real, 3))
                penalty += o.r2_gamma / 2 * tf.reduce_mean(self.penalty(fake, judge_fake, 4))
                extra["penalty"] = penalty
                loss += o.penalty_every * penalty
            return loss, extra

        def g_loss():
            r, f = judge_real(real), judge_fake(make_fake())
            loss = tf.reduce_mean(LOSSES[o.loss][1](r, f))
            return loss, {"loss_g": loss}

        if self.d.spectral:
            self.d.spectral.iterate()
        logs = self.play(self.d, self.d_adam, d_loss)
        logs["d_grad_norm"] = logs.pop("norm")
        logs |= self.play(self.g, self.g_adam, g_loss)  # against the D just updated
        logs["g_grad_norm"] = logs.pop("norm")
        t = self.config.training
        half_life = min(1000 * t.ema_half_life_kimg, t.ema_ramp * self.number * BATCH)
        decay = 0.5 ** (BATCH / half_life) if half_life else 0
        self.ema = [
            decay * e + (1 - decay) * w for e, w in zip(self.ema, self.g.get_weights(), strict=True)
        ]
        self.number += 1
        return {name: float(value) for name, value in logs.items()}


NO_PENALTY = {"r1_gamma": 0, "r2_gamma": 0}
GAMES = {
    "classic": {"loss": "non_saturating", "g_noise": True, "d_noise": True, **NO_PENALTY},
    # All gradients are longer than the clip. A generator without blocks is quicker to compile.
    "exact": {
        "g_depths": 0,
        "d_spectral_norm": "improved",
        "penalty": "exact",
        "penalty_every": 2,
        "r2_gamma": 0.3,
        "augment": ("translation", "cutout"),
        "clip_norm": 0.02,
        "beta1": 0.5,
    },
    "finite_difference": {
        "g_depths": 0,
        "penalty_every": 3,
        "r1_gamma": 0.2,
        "augment": "cutout",
        "d_noise": True,
        # The reference calls D once for each half of the difference.
        "d_minibatch_std": 2,
    },
}


@pytest.mark.parametrize(
    ("game", "jit"),
    [*((game, False) for game in GAMES), ("exact", True)],
    ids=[*GAMES, "exact-xla"],
)
def test_step_against_the_reference(game, jit):
    config = configure(**GAMES[game], jit_compile=jit)
    gan = TransformerGAN(config)
    # Not the starting point, at which gradients are special.
    numbers = np.random.default_rng(1)
    for network in (gan.generator, gan.discriminator):
        for weight in network.weights:
            weight.assign_add(numbers.normal(0, 0.2, weight.shape))
    gan.ema_generator.set_weights(gan.generator.get_weights())
    reference, step = Reference(config, gan), gan.make_step()
    for number, batch in enumerate(batches(4)):
        # Encoded here: float32 rounds otherwise in a graph.
        batch["image"] = tf.cast(batch["image"], tf.float64) / 127.5 - 1
        logs, expected = step(batch), reference.step(batch)
        penalize = game != "classic" and number % config.objective.penalty_every == 0
        assert ("penalty" in logs) == penalize
        assert set(logs) == set(expected)
        assert min(expected["d_grad_norm"], expected["g_grad_norm"]) > config.optimizer.clip_norm
        for name, value in expected.items():
            np.testing.assert_allclose(logs[name], value, rtol=1e-9, atol=1e-10, err_msg=name)
    for ours, theirs, adam in (
        (gan.generator, reference.g, reference.g_adam),
        (gan.discriminator, reference.d, reference.d_adam),
    ):
        # Of a bias that no loss depends on, since logits are compared, the gradient is what
        # rounding leaves, 1e-14, and Adam moves it by 1e-3 times that over its epsilon of 1e-8.
        idle = {
            weight.path
            for weight, (_, v) in zip(theirs.trainable_variables, adam.moments, strict=True)
            if np.sqrt(v).max() < 1e-12
        }
        for a, b in zip(ours.weights, theirs.weights, strict=True):
            atol = 1e-9 if b.path in idle else 1e-11
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=atol)
    for a, b in zip(gan.ema_generator.get_weights(), reference.ema, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
    assert int(gan.step) == 4


PARTS = {
    "gradient_penalty": {
        "loss": "wasserstein",
        **NO_PENALTY,
        "gp_weight": 1,
        "penalty": "exact",
        "penalty_every": 1,
        "drift_weight": 0.1,
        "lecam_weight": 0.1,
        "lecam_start_step": 0,
        "cr_real": 0.5,
        "zcr_d": 2,
        "zcr_g": 0.5,
        "augment": "translation",
        "ada_target": 0.1,
        "top_k": 0.5,
        "g_batch_factor": 2,
        "g_depths": 0,
        "d_kind": "conv",
        "condition_dropout": 0.4,
    },
    "finite_difference": {
        "penalty_every": 1,
        "augment": "cutout",
        "g_noise": True,
        "d_noise": True,
        "d_pack": 2,
        "clip_norm": 0.02,
    },
}


@pytest.mark.parametrize("game", PARTS)
def test_parts_of_a_batch_that_take_turns(game):
    """They compute what the whole batch does, and blocks that are rematerialised what others do."""
    config = configure(**PARTS[game])
    gans = [TransformerGAN(config.replace(micro_batches=n, remat=n > 1)) for n in (1, 2)]
    steps = [gan.make_step() for gan in gans]
    for batch in batches(2):
        expected, logs = (step(batch) for step in steps)
        assert set(logs) == set(expected)
        for name, value in logs.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-11, atol=1e-12, err_msg=name)
    expected = state(gans[0])
    for name, value in state(gans[1]).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-10, atol=1e-11, err_msg=name)


def test_the_generator_learns_from_its_own_batch():
    """Three times as large, and with latents disturbed: loss and gradient by hand."""
    weight, radius, times = 0.5, 0.1, 3
    zcr = {"zcr_d": 2, "zcr_g": weight, "zcr_radius": radius}
    config = configure(**NO_PENALTY, **zcr, g_batch_factor=times, g_depths=0)
    gan = TransformerGAN(config)
    (batch,) = batches(1)
    batch["image"] = tf.cast(batch["image"], tf.float64) / 127.5 - 1
    z, eps = (
        tf.random.stateless_normal((times * BATCH, 4), (SEED, i), dtype=tf.float64, alg="philox")
        for i in (0, 12)
    )
    label = tf.repeat(batch["label"], times)
    # The generator before its step, the discriminator after its own.
    g = build_generator(config)
    g.set_weights(gan.generator.get_weights())
    fakes = [g(x, label)[::times] for x in (z, z + radius * eps)]
    judged = [gan.discriminator(fake, batch["label"]) for fake in fakes]
    logs = gan.make_step()(batch)
    np.testing.assert_allclose(logs["fake_logit"], tf.reduce_mean(judged[0]), rtol=1e-10)
    expected = 2 * tf.reduce_mean((judged[0] - judged[1]) ** 2)
    np.testing.assert_allclose(logs["regularizer"], expected, rtol=1e-8)
    real = gan.discriminator(tf.repeat(batch["image"], times, axis=0), label)
    with tf.GradientTape() as tape:
        fake, moved = g(z, label), g(z + radius * eps, label)
        adversarial = tf.reduce_mean(tf.nn.softplus(real - gan.discriminator(fake, label)))
        loss = adversarial - weight * tf.reduce_mean((fake - moved) ** 2)
    gradients = tape.gradient(loss, [w.value for w in g.trainable_variables])
    norm = tf.linalg.global_norm([tf.convert_to_tensor(gradient) for gradient in gradients])
    np.testing.assert_allclose(logs["loss_g"], adversarial, rtol=1e-10)
    np.testing.assert_allclose(logs["g_grad_norm"], norm, rtol=1e-8)


class PenaltySteps(keras.callbacks.Callback):
    """Which batches of ``fit`` had a penalty."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bool] = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append("penalty" in logs)


class TestFit:
    CONFIG = configure(
        precision="float32", d_kind="conv", penalty_every=2, augment="cutout", clip_norm=1
    )

    def test_makes_the_bytes_of_the_loop(self):
        fitted, looped = TransformerGAN(self.CONFIG), TransformerGAN(self.CONFIG)
        seen = PenaltySteps()
        fitted.fit(dataset(3), epochs=1, verbose=0, callbacks=[seen])
        fitted.fit(dataset(2, start=3), verbose=0, callbacks=[seen])
        assert seen.seen == [True, False, True, False, True]
        step = looped.make_step()
        for batch in dataset(5):
            step(batch)
        expected = state(looped)
        for name, value in state(fitted).items():
            assert value.tobytes() == expected[name].tobytes(), name

        # Back at an earlier step, as after a checkpoint: the penalty's turn is that step's.
        fitted.step.assign(2)
        seen.seen.clear()
        fitted.fit(dataset(3, start=2), verbose=0, callbacks=[seen])
        assert seen.seen == [True, False, True]

    def test_forms_of_data(self):
        """Pairs, mappings and floats in [-1, 1] are the same data; labels of any whole type."""
        (batch,) = dataset(1)
        image, label = batch["image"], batch["label"]
        gan = TransformerGAN(self.CONFIG)
        forms = [
            batch,
            (image, label),
            [image, tf.cast(label, tf.int64)],
            (image, tf.cast(label, tf.uint8)),
            (tf.cast(image, tf.float32) / 127.5 - 1, label),
            (image, label[:, None]),
        ]
        (first, *others) = (gan._unpack(form) for form in forms)
        for given in others:
            for a, b in zip(given, first, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)

    def test_unconditional(self):
        gan = TransformerGAN(configure(0, precision="float32", d_kind="conv", **NO_PENALTY))
        pixels = tf.data.Dataset.from_tensor_slices(images().samples)
        gan.fit(pixels.batch(BATCH, drop_remainder=True), epochs=2, verbose=0)
        assert int(gan.step) == 4


class TestPrecision:
    def test_half(self):
        """Close to float32, with an exact penalty; weights and logs are float32."""
        exact = {"loss": "non_saturating", "penalty": "exact", "penalty_every": 1}
        # The first step of Adam is the gradient's sign: do not let D go far on a wrong one.
        exact |= {"d_lr": 1e-6}
        # Over four channels, a norm may divide by nearly nothing.
        exact |= {"d_width": 32, "g_widths": 32, "w_dim": 16, "latent_dim": 16}
        logs: dict[str, dict[str, tf.Tensor]] = {}
        for precision, error, parts in (
            ("float32", 0, 1),
            ("mixed_bfloat16", 0.05, 1),
            ("mixed_float16", 0.01, 2),  # of which each is scaled
        ):
            gan = TransformerGAN(configure(**exact, micro_batches=parts, precision=precision))
            if gan.loss_scale is not None:
                gan.loss_scale.assign(SCALE)
            (batch,), start = batches(1), [w.numpy() for w in gan.weights]
            logs[precision] = gan.make_step()(batch)
            for name, value in logs["float32"].items():
                given = logs[precision][name]
                assert given.dtype == tf.float32
                np.testing.assert_allclose(given, value, rtol=error, atol=error / 10, err_msg=name)
            for before, weight in zip(start, gan.weights, strict=True):
                assert weight.dtype == "float32"
                assert np.isfinite(weight).all()
                assert (before != weight.numpy()).any(), weight.path

    def test_loss_scale_and_overflow(self):
        config = configure(precision="mixed_float16", d_kind="conv", **NO_PENALTY)
        first, second, third = batches(3)
        unscaled, gan = TransformerGAN(config), TransformerGAN(config)
        unscaled.loss_scale.assign(1.0)
        gan.loss_scale.assign(SCALE)
        step = gan.make_step()
        logs, expected = step(first), unscaled.make_step()(first)
        for name, value in expected.items():
            np.testing.assert_allclose(logs[name], value, rtol=0.01, err_msg=name)

        gan.loss_scale.assign(2.0**100)
        before = state(gan)
        logs = step(second)
        assert not np.isfinite(logs["d_grad_norm"])
        assert not np.isfinite(logs["g_grad_norm"])
        for name, value in state(gan).items():
            if name.startswith(("g ", "d ")):
                np.testing.assert_array_equal(value, before[name], err_msg=name)
            assert np.isfinite(value).all(), name
        assert float(gan.loss_scale) == 2.0**98  # halved for each network

        gan.loss_scale.assign(SCALE)
        assert np.isfinite(step(third)["d_grad_norm"])
        after = state(gan)
        assert all((after[n] != before[n]).any() for n in after if n.startswith("g "))
        assert SCALE < float(gan.loss_scale) < 1.01 * SCALE  # and grows again, slowly


class TestSeed:
    def test_weights_are_a_function_of_config_and_seed(self):
        config = configure()
        first = state(TransformerGAN(config))
        random.seed(123)
        np.random.seed(123)  # noqa: NPY002
        tf.random.set_seed(123)
        keras.layers.Dense(3).build((None, 3))
        second = state(TransformerGAN(config))
        assert set(first) == set(second)
        for name, value in first.items():
            assert value.tobytes() == second[name].tobytes(), name
        other = state(TransformerGAN(config.replace(seed=6)))
        differs = [name for name in first if (first[name] != other[name]).any()]
        kernels = [n for n in first if n.endswith("kernel") and n.split()[0] in ("g", "d", "ema")]
        assert set(kernels) <= set(differs)

    def test_the_global_generators_are_untouched(self):
        before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        TransformerGAN(configure())
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002

    def test_even_if_building_fails(self, monkeypatch):
        def fail(*_, **__):
            raise RuntimeError("no memory")

        before = random.getstate()
        monkeypatch.setattr("tgan_tf.gan.build_generator", fail)
        with pytest.raises(RuntimeError, match="no memory"):
            TransformerGAN(configure())
        assert random.getstate() == before

    def test_the_average_starts_as_the_generator(self):
        gan = TransformerGAN(configure())
        pairs = zip(gan.ema_generator.weights, gan.generator.weights, strict=True)
        for average, weight in pairs:
            np.testing.assert_array_equal(average, weight)
        assert not gan.ema_generator.trainable_variables


class TestUse:
    def test_generates_with_the_average(self):
        gan = TransformerGAN(configure(precision="float32"))
        for weight in gan.generator.weights:
            weight.assign(weight + 1)
        z, label = tf.random.stateless_normal((5, 4), (0, 0)), tf.constant([0, 1, 2, 0, 1])
        pixels = gan.generate(z, label)
        assert (pixels.dtype, pixels.shape) == (tf.uint8, (5, 8, 8, 1))
        np.testing.assert_array_equal(gan(z, label), gan.ema_generator(z, label))
        expected = np.clip((gan(z, label).numpy() + 1) * 127.5, 0, 255).round()
        np.testing.assert_array_equal(pixels, expected)

    def test_checkpoint_holds_everything(self):
        gan = TransformerGAN(configure(precision="mixed_float16", penalty="exact"))
        held = {id(part) for part in gan.trackables().values()}
        parts = (gan.generator, gan.discriminator, gan.ema_generator, gan.g_optimizer)
        for part in (*parts, gan.d_optimizer, gan.step, gan.loss_scale):
            assert id(part) in held
        # No slots but those of the two optimizers.
        assert gan.optimizer is None

    def test_keras_file(self, tmp_path):
        gan = TransformerGAN(configure(precision="float32"))
        gan.save(tmp_path / "gan.keras")
        again = keras.saving.load_model(tmp_path / "gan.keras")
        assert again.config == gan.config
        for a, b in zip(gan.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


class TestRetune:
    CHANGES = {"g_lr": 1e-2, "r1_gamma": 3.0, "augment": ("translation",)}  # noqa: RUF012

    def test_a_retuned_game_is_the_one_that_had_these_options(self):
        """From the same weights, slots and step, to the last byte; rates of lazy penalties too."""
        small = {"g_depths": 0, "d_kind": "conv", "penalty_every": 2, "lazy_rates": True}
        gan = TransformerGAN(configure(**small))
        (first, second), step = batches(2), gan.make_step()
        step(first)
        other = TransformerGAN(configure(**small, **self.CHANGES))
        for name, part in gan.trackables().items():
            variables = getattr(part, "variables", [part])
            others = other.trackables()[name]
            for one, two in zip(variables, getattr(others, "variables", [others]), strict=True):
                two.assign(one)
        gan.retune(**self.CHANGES)
        gan.make_step()(second)
        other.make_step()(second)
        expected = state(other)
        assert state(gan).keys() == expected.keys()
        for name, value in state(gan).items():
            assert value.tobytes() == expected[name].tobytes(), name

    def test_what_networks_are_made_of_stays(self):
        gan = TransformerGAN(configure(g_depths=0))
        with pytest.raises(ConfigError, match="d_width, g_depths: cannot change"):
            gan.retune(g_lr=1.0, g_depths=(1,), d_width=8)
        assert gan.config.optimizer.g_lr != 1.0


class TestAuxiliaryClassifier:
    @pytest.mark.parametrize("kind", ["transformer", "conv"])
    def test_learns(self, kind):
        """From the features that the head reads, in the one pass; what has no class is let be."""
        gan = TransformerGAN(
            configure(ac_weight=1.0, condition_dropout=0.5, d_kind=kind, d_spectral_norm="spectral")
        )
        image, label = np.zeros((4, 8, 8, 1)), tf.constant([0, 1, 2, 3])
        logits, classes = gan.discriminator(image, label, classify=True)
        assert classes.shape == (4, 3)
        np.testing.assert_array_equal(logits, gan.discriminator(image, label))
        before = gan.discriminator.classifier.kernel.numpy()
        data = next(iter(dataset(1)))
        logs = gan.make_step()(data)
        Meter().update(logs)  # knows its name
        assert logs["class_loss"] > 0
        assert (gan.discriminator.classifier.kernel.numpy() != before).any()


class TestTrainedGuidance:
    """Half of the samples are made further away from what no condition makes."""

    OPTIONS: ClassVar = {"condition_dropout": 0.5, "ac_weight": 1.0, "guidance_high": 3.0}

    def test_samples(self):
        config = configure(0, batch_size=64, **self.OPTIONS)
        config = config.resolve(image_size=(8, 8), channels=1, vector_width=3)
        gan = TransformerGAN(config)
        draw = Draw(0, 0, tf.distribute.get_replica_context(), tf.constant(64), tf.float64)
        label = tf.random.stateless_normal((64, 3), (0, 1), dtype=tf.float64)
        hidden = tf.range(64) % 4 == 0
        label = without(label, hidden, 4)
        causes = gan._causes(draw, label, tf.zeros((64, 8, 8, 1), tf.float64))
        scale = causes["guidance"].numpy()
        assert 20 < (scale == 1).sum() < 44
        assert (scale >= 1).all()
        assert 2.5 < scale.max() < 3
        none = tf.tile(tf.constant([[0.0, 0, 0, 1]], tf.float64), (64, 1))
        w, null = (gan.generator.mapping(causes["z"], y) for y in (label, none))
        expected = gan.generator.synthesis(null + scale[:, None] * (w - null))
        np.testing.assert_allclose(gan._images(causes)["fake"], expected, rtol=1e-9)
        plain = gan.generator.synthesis(w)
        same = np.isclose(expected, plain).all(axis=(1, 2, 3))
        np.testing.assert_array_equal(same, (scale == 1) | hidden)

    def test_parts(self):
        """A batch in two parts learns the same of vectors as the whole."""
        rows = np.random.default_rng(0).normal(size=(BATCH, 3))
        data = (next(iter(dataset(1)))["image"], tf.constant(rows))
        states = []
        for parts in (1, 2):
            config = configure(0, micro_batches=parts, clip_norm=0.02, **self.OPTIONS)
            gan = TransformerGAN(config.resolve(image_size=(8, 8), channels=1, vector_width=3))
            assert gan.make_step()(data)["class_loss"] > 0
            states.append(state(gan))
        for name, value in states[0].items():
            np.testing.assert_allclose(value, states[1][name], rtol=1e-7, atol=1e-10, err_msg=name)

    def test_others_are_of_the_global_batch(self):
        every = tf.reshape(tf.range(12.0), (4, 3))
        second = types.SimpleNamespace(
            num_replicas_in_sync=2, replica_id_in_sync_group=1, all_gather=lambda x, axis: every
        )
        found = TransformerGAN._followers(every[2:], 3, second)
        np.testing.assert_array_equal(found, tf.gather(every, [[3, 0, 1], [0, 1, 2]]))


class TestGeneratorRegularizers:
    def test_gradient(self):
        """Of both, against what they are, and that against finite differences."""
        config = configure(
            **{"g_kind": "stylegan2", "g_noise": True, "d_kind": "conv", "g_orthogonal": 0.1},
            **{"path_length_weight": 0.5, "path_length_every": 3},
        )
        gan = TransformerGAN(config)
        draw = Draw(0, 0, tf.distribute.get_replica_context(), tf.constant(2), tf.float64)
        z, noise = draw.normal(0, (4,)), draw.normal(1, (8, 8, 1))
        tokens, label = draw.normal(2, (gan.generator.noise_numbers,)), tf.constant([0, 2])
        share = tf.constant(0.5, tf.float64)
        weights = [w.value for w in gan.generator.trainable_variables]
        causes = {"z": z, "label": label, "tokens": tokens, "noise": noise}
        causes["mean_length"] = tf.constant(0.25, tf.float64)
        gradients, _ = gan._g_regularizer(causes, share=share)

        def loss():
            w = tf.repeat(gan.generator.mapping(z, label)[:, None], gan.generator.num_ws, axis=1)
            lengths = path_lengths(lambda w: gan.generator.synthesis(w, tokens), w, noise)
            value = 3 * 0.5 * tf.reduce_mean((lengths - 0.25) ** 2)
            kernels = [v for v in gan.generator.trainable_variables if v.name == "kernel"]
            value += 0.1 * tf.add_n([orthogonal(kernel.value) for kernel in kernels])
            return value

        with tf.GradientTape() as tape:
            value = loss()
        for gradient, expected in zip(gradients, tape.gradient(value, weights), strict=True):
            expected = tf.convert_to_tensor(expected)
            np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)
        assert_gradients(loss, weights, step=2e-6)

    def test_steps_with_and_without(self):
        """A step has it by its number, and only then remembers the mean."""
        options = {"g_kind": "stylegan2", "d_kind": "conv", "path_length_weight": 0.5}
        gan = TransformerGAN(configure(**options, path_length_every=2, **NO_PENALTY))
        step, seen = gan.make_step(), []
        for batch in batches(3):
            step(batch)
            seen.append(float(gan.memory["path_length"]))
        assert 0 < seen[0] == seen[1] < seen[2]


class TestConditionDropout:
    def test_share_and_what_learns(self):
        """Both networks learn what has no class; without the option they have no such row."""
        gan = TransformerGAN(configure(condition_dropout=0.25, batch_size=400))
        label = tf.range(400) % 3
        context = tf.distribute.get_replica_context()
        draws = [Draw(0, step, context, tf.constant(400), tf.float32) for step in (1, 1, 2)]
        first, again, other = (gan._drop_condition(label, draw).numpy() for draw in draws)
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
        assert 0.18 < (first == 3).mean() < 0.32
        np.testing.assert_array_equal(first[first != 3], label.numpy()[first != 3])
        rows = [gan.generator.mapping_network.embedding, gan.discriminator.embedding]
        before = [row.numpy() for row in rows]
        assert [len(row) for row in before] == [4, 4]
        pixels = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 1), np.uint8)
        gan.make_step()((tf.constant(pixels), label))
        for row, old in zip(rows, before, strict=True):
            assert (row.numpy()[3] != old[3]).any()
        plain = TransformerGAN(configure())
        assert plain.discriminator.embedding.shape[0] == 3
        assert plain._drop_condition(label, draws[0]) is label


class TestErrors:
    def test_unresolved(self):
        with pytest.raises(ConfigError, match=r"resolve.*--image_size and --channels"):
            TransformerGAN(Config())

    def test_groups_that_replicas_would_cut(self, monkeypatch):
        two = types.SimpleNamespace(num_replicas_in_sync=2)
        monkeypatch.setattr(tf.distribute, "get_strategy", lambda: two)
        with pytest.raises(ConfigError, match=r"std=4 .* 2, the share .*=4 .* 2 replicas; .* 8 d"):
            TransformerGAN(configure(d_minibatch_std=4))
        with pytest.raises(ConfigError, match=r"k=2 .* 1, .*=4 .* replicas in 2 parts; .* 8 d"):
            TransformerGAN(configure(d_pack=2, micro_batches=2))
        with pytest.raises(ConfigError, match=r"dual_contrastive compares .* 2 replicas"):
            TransformerGAN(configure(loss="dual_contrastive"))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (tf.zeros((2, 8, 8, 3), tf.uint8), r"\(8, 8, 3\) for a model of \(8, 8, 1\)"),
            (tf.zeros((8, 8, 1), tf.uint8), r"batch the data set"),
            (tf.zeros((2, 8, 8, 1), tf.uint8), r"no labels.*num_classes=0"),
            ({"image": tf.zeros((2, 8, 8, 1), tf.uint8)}, r"no labels"),
            ((tf.zeros((2, 8, 8, 1), tf.int32), tf.zeros(2, tf.int32)), r"int32.*uint8"),
            ((tf.zeros((2, 8, 8, 1)), tf.zeros((2, 3))), r"labels.*\(2, 3\)"),
            ((tf.zeros((2, 8, 8, 1)), tf.zeros(2)), r"labels.*float32"),
        ],
    )
    def test_data(self, data, message):
        gan = TransformerGAN(configure())
        with pytest.raises(ValueError, match=message):
            gan.make_step()(data)
