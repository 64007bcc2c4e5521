"""The published networks, against what they compute with weights made by rule."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.networks.transgan import GOLDEN, state
from tgan_tf.config import Config
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.networks.transgan_checkpoint import find_states, is_transgan, load_state
from tgan_tf.presets import PRESETS


def golden(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / f"{name}.npz"))


def assert_close(given: np.ndarray, expected: np.ndarray) -> None:
    assert given.shape == expected.shape
    assert np.abs(given - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    "name",
    # Of the larger one, 205 million weights, half a minute: `make test ARGS="-m slow"`.
    ["transgan_cifar10", pytest.param("transgan_church256", marks=pytest.mark.slow)],
)
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


class TestStates:
    G = {"l1.weight": np.zeros(3), "a.relative_position_index": np.zeros(2), "n": "text"}
    D = {"head.weight": np.ones(2)}

    def test_the_moving_average_is_taken(self):
        other = {"l1.weight": np.ones(1)}
        given = {"gen_state_dict": other, "avg_gen_state_dict": self.G, "dis_state_dict": self.D}
        found = find_states({**given, "epoch": 3})
        assert found == {"generator": {"l1.weight": self.G["l1.weight"]}, "discriminator": self.D}
        assert find_states({"gen_state_dict": other}) == {"generator": other}

    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_bare_state_dictionaries_with_and_without_prefix(self, prefix):
        for network, bare in (("generator", self.G), ("discriminator", self.D)):
            given = {prefix + name: value for name, value in bare.items()}
            (found,) = find_states(given).items()
            assert found == (network, {k: bare[k] for k in found[1]})
            assert len(found[1]) == 1

    def test_something_else(self):
        assert find_states({"epoch": 3, "model": {"l1.weight": 1}}) == {}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_of_transgan_is_laid_out_as_published(name):
    assert is_transgan(Config.from_preset(name))


@pytest.mark.parametrize("changes", [{"d_head": "mlp"}, {"g_final_norm": True}, {"d_kind": "conv"}])
def test_other_networks_are_not(changes):
    if "d_kind" in changes:
        changes = changes | {"d_width": 384, "d_depth": 3, "d_patch": 4}
    assert not is_transgan(Config.from_preset("transgan_cifar10", **changes))
    assert not is_transgan(Config())


def small(name: str) -> Config:
    return Config.from_preset(name, **SMALL[name])


SMALL = {
    "transgan_cifar10": {
        "image_size": 8,
        "g_widths": (64, 16, 4),
        "g_depths": (1, 1, 1),
        "d_width": (4, 8),
        "d_depth": (1, 2),
        "latent_dim": 3,
    },
    "transgan_celebahq256": {
        "image_size": 8,
        "g_widths": (64, 64, 16, 4),
        "g_depths": (0, 1, 1, 1),
        "g_windows": (0, 0, 0, 2),
        "g_upsample": ("bicubic", "shuffle", "smooth_shuffle"),
        "g_latent_tokens": 2,
        "d_width": (4, 4, 8),
        "d_depth": (1, 1, 2),
        "d_window": (2, 0, 0),
        "latent_dim": 3,
    },
}
