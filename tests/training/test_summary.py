from __future__ import annotations

import re
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from tests.tokens import text_config
from tests.training.runs import resolved
from tgan_tf.config import Config
from tgan_tf.gan import TransformerGAN
from tgan_tf.presets import PRESETS
from tgan_tf.training import dry_run, summary
from tgan_tf.training.cost import measure


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
            "generator": measure(gan.generator, tf.TensorSpec((1, 4)), label),
            "discriminator": measure(gan.discriminator, tf.TensorSpec((1, 8, 8, 1)), label),
        }
        # Besides, each optimizer counts its steps.
        networks = (gan.generator, gan.discriminator, gan.ema_generator)
        parts = (*networks, gan.g_optimizer, gan.d_optimizer)
        held = sum(v.value.numpy().nbytes for part in parts for v in part.variables)
        assert plan.state_bytes < held < plan.state_bytes + 100

    def test_memory_is_that_of_the_turns(self) -> None:
        """Of the discriminator's the greater one, of the others all."""
        plan = summary.plan(resolved(g_batch_factor=2, path_length_weight=2))
        g, d = (plan.costs[name] for name in ("generator", "discriminator"))
        own, loss, step, path = plan.turns
        images = 4 * 3 * 4 * 64  # of one real and two fakes, four like each
        turns = own.bytes_of(d, False) + 2 * step.bytes_of(g, False) + 2 * path.bytes_of(g, False)
        assert plan.working_bytes == turns + images
        many = summary.plan(resolved(g_batch_factor=8))
        turns = 8 * loss.bytes_of(d, False) + 8 * step.bytes_of(g, False)
        assert many.working_bytes == turns + 3 * images

    def test_parts_hold_one_part(self) -> None:
        whole, parts = (
            summary.plan(resolved(g_batch_factor=2, micro_batches=count)) for count in (1, 4)
        )
        g, images = whole.costs["generator"], 4 * 3 * 4 * 64
        step = whole.turns[2].bytes_of(g, False)
        assert parts.working_bytes == whole.working_bytes - step + 3 * images
        assert parts.step_flops == whole.step_flops + 2 * g.flops
        assert _room(parts, 3) == 12

    def test_rematerialised_blocks_keep_less(self) -> None:
        options = {"g_depths": 3, "d_kind": "transformer", "d_depth": 3}
        plain, again = (summary.plan(resolved(**options, remat=on)) for on in (False, True))
        for cost in again.costs.values():
            assert 0 < cost.remat_bytes < cost.activation_bytes
        assert again.working_bytes < plain.working_bytes
        assert again.step_flops > plain.step_flops

    def test_a_pack_is_seen_as_one(self) -> None:
        one, two = (summary.plan(resolved(d_pack=count)).costs for count in (1, 2))
        assert two["generator"] == one["generator"]
        assert 0.4 < two["discriminator"].flops / one["discriminator"].flops < 0.8

    def test_largest_batch(self) -> None:
        plan = summary.plan(resolved())
        assert plan.fixed_bytes > plan.state_bytes
        assert [_room(plan, count) for count in (3.01, 2.99, 0)] == [3, 2, 0]
        assert plan.largest_batch(plan.fixed_bytes) == 0


def _room(plan: summary.Plan, samples: float) -> int:
    """The largest batch in memory for so many samples of a part, and a tenth more."""
    return plan.largest_batch((plan.fixed_bytes + samples * plan.working_bytes) / 0.9 + 1)


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


# Millions of parameters of the generator, as published: of latents with 4 channels.
SIZES = {"gat_s": 29, "gat_b": 117, "gat_l": 409, "gat_xl": 602}


@pytest.mark.parametrize("name", SIZES)
def test_generators_of_gat_are_as_large_as_published(name: str) -> None:
    of_latents = Config.from_preset(name, channels=4, augment=())
    config = dry_run._without_data(of_latents)
    assert config is not None
    generator = summary.networks_without_values(config)["generator"]
    assert round(summary.parameters(generator) / 1e6) == SIZES[name]


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
    config = dry_run._without_data(Config.from_preset(name))
    assert config is not None
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
