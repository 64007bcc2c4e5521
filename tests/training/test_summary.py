from __future__ import annotations

import re
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from tests.tokens import text_config
from tests.training.runs import resolved
from tgan_tf.config import Config
from tgan_tf.data.tfds import known_classes
from tgan_tf.gan import TransformerGAN
from tgan_tf.presets import PRESETS
from tgan_tf.training import summary
from tgan_tf.training.summary import measure


def spec(*shape: int) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


@pytest.mark.parametrize(
    ("function", "specs", "flops"),
    [
        (lambda a, b: a @ b, [spec(3, 5), spec(5, 7)], 2 * 3 * 5 * 7),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), [spec(5, 3), spec(5, 7)], 2 * 3 * 5 * 7),
        (lambda a, b: tf.matmul(a, b, transpose_b=True), [spec(2, 3, 5), spec(2, 7, 5)], 420),
        (lambda a, b: tf.einsum("bij,bkj->bik", a, b), [spec(2, 3, 5), spec(2, 7, 5)], 420),
        (
            lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"),
            [spec(1, 8, 8, 3), spec(5, 5, 3, 4)],
            2 * (4 * 4 * 4) * (5 * 5 * 3),
        ),
        (
            lambda x, k: tf.nn.depthwise_conv2d(x, k, (1, 1, 1, 1), "SAME"),
            [spec(1, 8, 8, 3), spec(5, 5, 3, 1)],
            2 * (8 * 8 * 3) * (5 * 5),
        ),
        (
            # Each input pixel is multiplied with the whole kernel.
            lambda x, k: tf.nn.conv2d_transpose(x, k, (1, 8, 8, 4), 2),
            [spec(1, 4, 4, 3), spec(5, 5, 4, 3)],
            2 * (4 * 4 * 3) * (5 * 5 * 4),
        ),
        (lambda a: tf.nn.relu(a) + 1.0, [spec(9, 9)], 0),
    ],
)
def test_operations_are_counted_as_by_hand(function, specs, flops: int) -> None:
    assert measure(function, *specs).flops == flops


def test_activations_are_what_is_kept() -> None:
    # A product and its activation; the reshape is a view.
    cost = measure(lambda a, b: tf.reshape(tf.nn.relu(a @ b), (-1,)), spec(3, 5), spec(5, 7))
    assert cost.activation_bytes == 2 * 3 * 7 * 4


class TestPlan:
    def test_is_what_is_then_built(self) -> None:
        config = resolved()
        plan, gan = summary.plan(config), TransformerGAN(config)
        for planned, built in (
            (plan.networks["generator"], gan.generator),
            (plan.networks["discriminator"], gan.discriminator),
        ):
            assert [w.path for w in planned.weights] == [w.path for w in built.weights]
            assert [w.shape for w in planned.weights] == [w.shape for w in built.weights]
            assert summary.parameter_table(planned) == summary.parameter_table(built)
        label = tf.TensorSpec((1,), tf.int32)
        assert plan.costs == {
            "generator": measure(gan.generator, spec(1, 4), label),
            "discriminator": measure(gan.discriminator, spec(1, 8, 8, 1), label),
        }
        # Besides, each optimizer counts its steps.
        networks = (gan.generator, gan.discriminator, gan.ema_generator)
        parts = (*networks, gan.g_optimizer, gan.d_optimizer)
        held = sum(v.value.numpy().nbytes for part in parts for v in part.variables)
        assert plan.state_bytes < held < plan.state_bytes + 100

    def test_passes_of_the_discriminator(self) -> None:
        changes = {"r1_gamma": 0, "r2_gamma": 0}
        without, with_penalty = summary.plan(resolved(**changes)), summary.plan(resolved())
        g, d = (without.costs[name] for name in ("generator", "discriminator"))
        assert without.working_bytes == g.activation_bytes + 2 * d.activation_bytes
        assert with_penalty.working_bytes == g.activation_bytes + 4 * d.activation_bytes
        assert without.step_flops == 3 * g.flops + 9 * d.flops
        assert with_penalty.step_flops == 3 * g.flops + 15 * d.flops

    @pytest.mark.parametrize(
        ("changes", "passes"),
        [
            ({"r1_gamma": 1}, 3),
            ({"r1_gamma": 1, "r2_gamma": 1, "penalty": "exact"}, 4),
            ({"gp_weight": 10, "penalty": "exact"}, 4),
            ({"cr_real": 10, "cr_fake": 10, "cr_augment": "translation"}, 4),
            ({"mismatch_share": 0.5}, 3),
        ],
    )
    def test_what_the_discriminator_sees(self, changes, passes) -> None:
        plan = summary.plan(resolved(**{"r1_gamma": 0, "r2_gamma": 0, **changes}))
        g, d = (plan.costs[name] for name in ("generator", "discriminator"))
        assert plan.working_bytes == g.activation_bytes + passes * d.activation_bytes
        assert plan.step_flops == 3 * g.flops + (3 + 3 * passes) * d.flops

    def test_what_the_generator_makes(self) -> None:
        changes = {"r1_gamma": 0, "r2_gamma": 0}
        plain, disturbed = (summary.plan(resolved(**changes, zcr_g=w)) for w in (0, 0.5))
        g = plain.costs["generator"].activation_bytes
        assert disturbed.working_bytes == plain.working_bytes + g

    def test_parts_and_a_batch_of_the_generator(self) -> None:
        whole, parts = (
            summary.plan(resolved(g_batch_factor=2, micro_batches=count)) for count in (1, 4)
        )
        g, d = (whole.costs[name] for name in ("generator", "discriminator"))
        assert whole.working_bytes == 2 * g.activation_bytes + 4 * d.activation_bytes
        assert parts.working_bytes == g.activation_bytes + 4 * d.activation_bytes
        assert whole.step_flops == 6 * g.flops + 18 * d.flops
        assert parts.step_flops == 8 * g.flops + 18 * d.flops
        again = summary.plan(resolved(remat=True, g_depths=3, d_kind="transformer", d_depth=3))
        for cost in again.costs.values():
            assert 0 < cost.remat_bytes < cost.activation_bytes
        assert again.working_bytes == sum(
            times * again.costs[name].remat_bytes
            for name, times in (("generator", 1), ("discriminator", 4))
        )
        assert parts.largest_batch(parts.state_bytes + 3 * parts.working_bytes) == 12

    def test_largest_batch(self) -> None:
        plan = summary.plan(resolved())
        assert plan.largest_batch(plan.state_bytes + 3 * plan.working_bytes) == 3
        assert plan.largest_batch(plan.state_bytes + 3 * plan.working_bytes - 1) == 2
        assert plan.largest_batch(plan.state_bytes - 1) == 0


# Parameters and GFLOP of generator and discriminator, as published.
PUBLISHED = {
    "transgan_cifar10": (83_312_495, 10.79, 10_210_400, 2.69),
    "transgan_stl10": (168_466_623, 37.1, 10_341_536, 6.76),
    "transgan_church256": (205_291_952, 202, 17_754_569, 63.9),
    "transgan_celebahq256": (212_903_275, 228, 13_334_593, 61.5),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_are_as_large_as_published(name: str) -> None:
    plan = summary.plan(Config.from_preset(name))
    g, d = (plan.networks[network] for network in ("generator", "discriminator"))
    g_parameters, g_gflop, d_parameters, d_gflop = PUBLISHED[name]
    assert summary.parameters(g) == g_parameters
    assert summary.parameters(d) == d_parameters
    assert plan.costs["generator"].flops == pytest.approx(g_gflop * 1e9, rel=0.01)
    assert plan.costs["discriminator"].flops == pytest.approx(d_gflop * 1e9, rel=0.01)


DOCUMENTED = dict(
    re.findall(
        r"^\| `(\w+)` \| .*? \| ([\d,]+ \+ [\d,]+) \|",
        (Path(__file__).parents[2] / "docs" / "presets.md").read_text(),
        re.MULTILINE,
    )
)


def test_every_preset_is_documented() -> None:
    assert set(DOCUMENTED) == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_the_docs_say_how_large_a_preset_is(name: str) -> None:
    config = Config.from_preset(name)
    if config.data.conditional:
        data = config.data
        classes = known_classes(data.dataset.partition(":")[2])
        config = config.resolve(
            image_size=data.image_size, channels=data.channels, num_classes=classes
        )
    networks = summary.networks_without_values(config).values()
    assert DOCUMENTED[name] == " + ".join(f"{summary.parameters(n):,}" for n in networks)


def test_the_parameter_table_adds_up() -> None:
    network = keras.Sequential([keras.layers.Dense(3), keras.layers.LayerNormalization()])
    network.build((None, 5))
    rows = summary.parameter_table(network)
    assert [row[1:] for row in rows] == [("5x3 3", 18), ("3 3", 6)]
    assert summary.parameters(network) == 24


def test_an_encoder_is_counted() -> None:
    options = {"g_tokens": "at_once", "g_patch": 1, "g_depths": 1}
    without, plan = (summary.plan(text_config(kl_weight=w, **options)) for w in (0.0, 0.1))
    encoder = TransformerGAN(plan.config).encoder
    assert encoder is not None
    count = summary.parameters(encoder)
    assert summary.parameters(plan.networks["encoder"]) == count
    assert plan.state_bytes == without.state_bytes + 3 * 4 * count
    assert plan.step_flops > without.step_flops


def test_tables_are_aligned() -> None:
    text = summary.table([("part", "count"), ("a", "1,000")], right=(1,))
    assert text == "part  count\na     1,000"
    assert summary.table([("a", "n"), ("bcd", "10")], right=(1,)) == "a     n\nbcd  10"
