"""Learning rates and betas of both networks, with penalties that are lazy."""

from __future__ import annotations

import pytest

from tests.games import configure
from tgan_tf.config import Config
from tgan_tf.gan import TransformerGAN
from tgan_tf.presets import PRESETS

LAZY = {
    "r1_gamma": 1.0,
    "penalty_every": 16,
    "path_length_weight": 2.0,
    "path_length_every": 4,
    "lazy_rates": True,
}


def factors(**options) -> list[float]:
    config = Config().replace(**{**LAZY, **options})
    return [config.optimizer.lazy_factor(network, config.objective) for network in "gde"]


class TestFactor:
    def test_by_hand(self):
        assert factors() == [0.8, 16 / 17, 1.0]
        assert factors(penalty_every=4, path_length_every=1) == [1.0, 0.8, 1.0]

    def test_what_is_not_penalised_keeps_its_rate(self):
        assert factors(path_length_weight=0, r1_gamma=0, r2_gamma=0) == [1.0, 1.0, 1.0]
        assert factors(r1_gamma=0, r2_gamma=0, gp_weight=10) == [0.8, 16 / 17, 1.0]

    def test_is_asked_for(self):
        assert factors(lazy_rates=False) == [1.0, 1.0, 1.0]


def test_optimizers_have_them():
    small = {"g_depths": 0, "d_kind": "conv", "g_lr": 1e-3, "d_lr": 2e-3, "lr_final": 0.5}
    betas = {"beta1": 0.5, "beta2": 0.9, "beta2_final": 0.99, "lr_warmup_kimg": 0}
    gan = TransformerGAN(configure(**small, **betas, **LAZY))
    for adam, rate, c in ((gan.g_optimizer, 1e-3, 0.8), (gan.d_optimizer, 2e-3, 16 / 17)):
        assert float(adam.learning_rate) == pytest.approx(rate * c)
        assert (adam.beta_1, adam.beta_2) == pytest.approx((0.5**c, 0.9**c))
        assert adam.beta_2_final == pytest.approx(0.99**c)


@pytest.mark.parametrize(
    ("name", "g_lr", "d_lr", "g_beta2"),
    [
        ("stylegan2_ffhq256", 1.6e-3, 2e-3 * 16 / 17, 0.99**0.8),
        ("stylegan2_ffhq1024", 1.6e-3, 2e-3 * 16 / 17, 0.99**0.8),
        ("stylegan2_cifar10", 2.5e-3, 2.5e-3 * 16 / 17, 0.99),
    ],
)
def test_stylegan2(name, g_lr, d_lr, g_beta2):
    config = Config.from_preset(name)
    o = config.optimizer
    g, d = (o.lazy_factor(network, config.objective) for network in "gd")
    assert (o.g_lr * g, o.d_lr * d) == pytest.approx((g_lr, d_lr), rel=1e-12)
    assert (o.beta2**g, o.beta2**d) == pytest.approx((g_beta2, 0.99 ** (16 / 17)), rel=1e-12)


def test_only_stylegan2_makes_up_for_lazy_penalties():
    lazy = {name for name in PRESETS if Config.from_preset(name).optimizer.lazy_rates}
    assert lazy == {name for name in PRESETS if name.startswith("stylegan2_")}
