"""What of TransGAN's recipe is arithmetic or chance: docs/presets.md says what is exact."""

from __future__ import annotations

import numpy as np
import pytest

from tests.networks.transgan import SMALL
from tgan_tf.config import Config
from tgan_tf.networks import build_discriminator
from tgan_tf.presets.transgan import TRANSGAN


@pytest.mark.parametrize("name", ["transgan_cifar10", "transgan_stl10"])
def test_the_generator_takes_as_many_steps_as_published(name):
    config = Config.from_preset(name)
    assert config.total_steps == 500_000 * config.training.d_steps


@pytest.mark.parametrize("name", TRANSGAN)
def test_lengths_of_large_images_are_their_own(name):
    assert Config.from_preset(name).training.total_kimg > 20_000


class TestFirstValues:
    WIDER = {"d_width": (32, 64), "d_depth": (1, 2), "image_size": 32, "d_patch": 2}  # noqa: RUF012

    def values(self, part: str, **changes) -> np.ndarray:
        small = {**SMALL["transgan_cifar10"], **self.WIDER, **changes}
        d = build_discriminator(Config.from_preset("transgan_cifar10", **small))
        chosen = [w for w in d.trainable_variables if part in w.path]
        return np.concatenate([w.numpy().ravel() for w in chosen])

    @pytest.mark.parametrize(
        "part", ["to_qkv/kernel", "mlp_in/kernel", "head/kernel", "position", "class_token"]
    )
    def test_the_discriminators_are_normal(self, part):
        """Of a normal distribution cut at two deviations the spread would be 0.0176."""
        values = self.values(part)
        assert values.std() == pytest.approx(0.02, rel=4 / np.sqrt(2 * values.size))
        if values.size > 1000:
            assert values.std() > 0.0185
            assert abs(values).max() > 0.05

    @pytest.mark.parametrize("d_init", ["small", "glorot"])
    def test_those_of_others_stay_cut(self, d_init):
        values = self.values("position", d_init=d_init)
        assert abs(values).max() <= 0.04
        assert values.std() == pytest.approx(0.0176, abs=5e-4)
