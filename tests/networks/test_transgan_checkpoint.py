"""The published networks, against what they compute with weights made by rule."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.networks.transgan import GOLDEN, SMALL, state, state_for
from tgan_tf.config import Config
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.networks.transgan_checkpoint import find_states, is_transgan, load_state
from tgan_tf.presets.transgan import TRANSGAN


def golden(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / f"{name}.npz"))


def assert_close(given: np.ndarray, expected: np.ndarray) -> None:
    assert given.shape == expected.shape
    assert np.abs(given - expected).max() < 1e-4 * np.abs(expected).max()


# Of the larger one, 205 million weights: 12 seconds and 3 GB.
@pytest.mark.parametrize("name", ["transgan_cifar10", "transgan_church256"])
def test_generator(name):
    expected = golden(name)
    generator = build_generator(Config.from_preset(name))
    assert load_state(generator, state(expected["g_keys"])) == []
    images = generator(expected["z"]).numpy()
    assert_close(images.transpose(0, 3, 1, 2), expected["generated"])


@pytest.mark.parametrize("name", ["transgan_cifar10", "transgan_church256"])
def test_discriminator(name):
    expected = golden(name)
    discriminator = build_discriminator(Config.from_preset(name))
    assert load_state(discriminator, state(expected["d_keys"])) == []
    images = np.random.default_rng(1).uniform(-1, 1, expected["generated"].shape)
    logits = discriminator(images.astype(np.float32).transpose(0, 2, 3, 1)).numpy()
    assert_close(logits[:, None], expected["d_score"])


G = {"l1.weight": np.zeros(3), "a.relative_position_index": np.zeros(2), "n": "text"}
D = {"head.weight": np.ones(2)}


class TestStates:
    def test_the_moving_average_is_taken(self):
        other = {"l1.weight": np.ones(1)}
        given = {"gen_state_dict": other, "avg_gen_state_dict": G, "dis_state_dict": D}
        found = find_states({**given, "epoch": 3})
        assert found == {"generator": {"l1.weight": G["l1.weight"]}, "discriminator": D}
        assert find_states({"gen_state_dict": other}) == {"generator": other}

    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_bare_state_dictionaries_with_and_without_prefix(self, prefix):
        for network, bare in (("generator", G), ("discriminator", D)):
            given = {prefix + name: value for name, value in bare.items()}
            (found,) = find_states(given).items()
            assert found == (network, {k: bare[k] for k in found[1]})
            assert len(found[1]) == 1

    def test_something_else(self):
        assert find_states({"epoch": 3, "model": {"l1.weight": 1}}) == {}


@pytest.mark.parametrize("name", TRANSGAN)
def test_every_preset_of_transgan_is_laid_out_as_published(name):
    assert is_transgan(Config.from_preset(name))


@pytest.mark.parametrize(
    "changes",
    [{"d_head": "mlp"}, {"g_final_norm": True}, {"d_kind": "conv"}, {"g_kind": "stylegan2"}],
)
def test_other_networks_are_not(changes):
    if "d_kind" in changes:
        changes = changes | {"d_width": 384, "d_depth": 3, "d_patch": 4}
    assert not is_transgan(Config.from_preset("transgan_cifar10", **changes))
    assert not is_transgan(Config())


class TestLoadState:
    @pytest.fixture(scope="class")
    def generator(self):
        return build_generator(Config.from_preset("transgan_cifar10", **SMALL["transgan_cifar10"]))

    def test_all_that_does_not_fit_is_listed_and_nothing_is_loaded(self, generator):
        given = state_for(generator)
        given["l2.bias"] = given.pop("l1.bias")
        given["pos_embed_2"] = given["pos_embed_2"][0]
        before = generator.get_weights()
        assert sorted(load_state(generator, given)) == [
            "misshapen  pos_embed_2 (16, 16), not (1, 16, 16)",
            "missing    l1.bias (256,)",
            "surplus    l2.bias (256,)",
        ]
        for one, other in zip(before, generator.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_pixels_go_where_they_went(self):
        """The network with the file's order of channels, its shuffle made of reshapes."""
        generator = build_generator(
            Config.from_preset(
                "transgan_cifar10",
                **SMALL["transgan_cifar10"] | {"g_depths": (0, 0, 0)},
            )
        )
        given = state_for(generator)
        assert load_state(generator, given) == []
        z = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
        x = (z @ given["l1.weight"].T + given["l1.bias"]).reshape(2, 4, 64)
        x = x + given["pos_embed_1"]
        for side, position in ((2, "pos_embed_2"), (4, "pos_embed_3")):
            x = x.reshape(2, side, side, -1, 2, 2).transpose(0, 1, 4, 2, 5, 3)
            x = x.reshape(2, 4 * side * side, -1) + given[position]
        x = x @ given["deconv.0.weight"][:, :, 0, 0].T + given["deconv.0.bias"]
        np.testing.assert_allclose(generator(z).numpy().reshape(2, 64, 3), x, atol=1e-5)

    @pytest.mark.parametrize("first", [1, 2])
    def test_stages_of_large_networks_are_numbered(self, first):
        """From the first stage, or from the first that has blocks."""
        config = Config.from_preset("transgan_celebahq256", **SMALL["transgan_celebahq256"])
        generator = build_generator(config)
        plain = state_for(generator)
        assert load_state(generator, plain) == []
        expected = generator.get_weights()

        def renamed(name: str) -> str:
            return re.sub(r"^upsample_blocks\.(\d)", lambda m: f"blocks_{int(m[1]) + first}", name)

        numbered = {renamed(name): array for name, array in plain.items()}
        assert f"blocks_{first}.block.0.cross_attention.q_transform.weight" in numbered
        again = build_generator(config)
        assert load_state(again, numbered) == []
        for one, other in zip(expected, again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
