"""Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of
StyleGAN" (StyleGAN2), CVPR 2020; for CIFAR-10: Karras, Aittala, Hellsten, Laine, Lehtinen, Aila,
"Training Generative Adversarial Networks with Limited Data" (ADA), NeurIPS 2020.

arXiv:1912.04958, arXiv:2006.06676
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _stylegan2(name: str, dataset: str, widths: tuple[int, ...], **options: Any) -> dict[str, Any]:
    """Both networks of the same channels at each resolution, the generator's from the least up."""
    size = 4 << (len(widths) - 1)
    return {
        "name": name,
        "dataset": dataset,
        "image_size": (size, size),
        "channels": 3,
        "latent_dim": 512,
        "w_dim": 512,
        "g_kind": "stylegan2",
        "g_widths": widths,
        "g_noise": True,
        "g_output_activation": "linear",
        "d_kind": "stylegan2",
        "d_width": widths[::-1],
        "loss": "non_saturating",
        "r2_gamma": 0.0,
        "penalty": "exact",
        "lr_final": 1.0,
        "lazy_rates": True,
        "beta1": 0.0,
        "beta2": 0.99,
        **options,
    }


_FFHQ: dict[str, Any] = {
    "conditional": False,
    "mirror": True,
    "mapping_layers": 7,
    "d_minibatch_std": 4,
    "penalty_every": 16,
    "path_length_weight": 2.0,
    "path_length_every": 4,
    "style_mixing": 0.9,
    "g_lr": 2e-3,
    "d_lr": 2e-3,
    "total_kimg": 25_000.0,
    "ema_half_life_kimg": 10.0,
    "ema_ramp": 0.0,
}

STYLEGAN2: dict[str, Mapping[str, Any]] = {
    "stylegan2_ffhq256": _stylegan2(
        "stylegan2_ffhq256",
        "folder:ffhq",
        (512, 512, 512, 512, 512, 256, 128),
        **{**_FFHQ, "r1_gamma": 1.0, "batch_size": 64},
    ),
    "stylegan2_ffhq1024": _stylegan2(
        "stylegan2_ffhq1024",
        "folder:ffhq",
        (512, 512, 512, 512, 512, 256, 128, 64, 32),
        **{**_FFHQ, "r1_gamma": 10.0, "batch_size": 32},
    ),
    # No style mixing and no path-length penalty.
    "stylegan2_cifar10": _stylegan2(
        "stylegan2_cifar10",
        "tfds:cifar10",
        (512, 512, 512, 512),
        mirror=True,
        mapping_layers=1,
        r1_gamma=0.01,
        penalty_every=16,
        d_minibatch_std=32,
        augment=("flip", "translation", "color"),
        ada_target=0.6,
        g_lr=2.5e-3,
        d_lr=2.5e-3,
        batch_size=64,
        total_kimg=100_000.0,
        ema_half_life_kimg=500.0,
        ema_ramp=0.05,
    ),
}
