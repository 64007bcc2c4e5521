"""Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern GAN Baseline"
(R3GAN), NeurIPS 2024.

arXiv:2501.05441
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _r3gan(
    name: str,
    dataset: str,
    widths: tuple[int, ...],
    *,
    size: int,
    conditional: bool,
    kimg: float,
    gamma: float,
    ema_kimg: float,
    augment_p: float,
    batch: int,
) -> dict[str, Any]:
    """Both networks of the same stages, two blocks in each; all schedules are cosines."""
    return {
        "name": name,
        "dataset": dataset,
        "image_size": (size, size),
        "channels": 3,
        "conditional": conditional,
        "mirror": True,
        "latent_dim": 64,
        "mapping_layers": -1,
        **({"w_dim": 64} if conditional else {}),
        "g_kind": "r3gan",
        "g_widths": widths,
        "g_depths": (2,) * len(widths),
        "g_mlp_ratio": 2.0,
        "g_output_activation": "linear",
        "d_kind": "r3gan",
        "d_width": widths[::-1],
        "d_depth": (2,) * len(widths),
        "d_mlp_ratio": 2.0,
        "loss": "relativistic",
        "r1_gamma": gamma,
        "r2_gamma": gamma,
        "gamma_final": 0.1,
        "penalty": "exact",
        "penalty_every": 1,
        "augment": ("flip", "translation", "color", "filter", "cutout"),
        "augment_p": augment_p,
        "augment_p_initial": 0.0,
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "lr_final": 0.25,
        "beta1": 0.0,
        "beta2": 0.9,
        "beta2_final": 0.99,
        "batch_size": batch,
        "schedule_kimg": kimg,
        "total_kimg": kimg,
        "ema_half_life_kimg": ema_kimg,
        "ema_initial": 0.0,
        "ema_ramp": 0.0,
    }


R3GAN: dict[str, Mapping[str, Any]] = {
    "r3gan_cifar10": _r3gan(
        "r3gan_cifar10",
        "tfds:cifar10",
        (768, 768, 768, 768),
        size=32,
        conditional=True,
        kimg=20_000.0,
        gamma=0.05,
        ema_kimg=5000.0,
        augment_p=0.55,
        batch=512,
    ),
    "r3gan_ffhq64": _r3gan(
        "r3gan_ffhq64",
        "folder:ffhq",
        (768, 768, 768, 768, 768),
        size=64,
        conditional=False,
        kimg=20_000.0,
        gamma=2.0,
        ema_kimg=500.0,
        augment_p=0.3,
        batch=256,
    ),
    "r3gan_ffhq256": _r3gan(
        "r3gan_ffhq256",
        "folder:ffhq",
        (768, 768, 768, 768, 384, 192, 96),
        size=256,
        conditional=False,
        kimg=20_000.0,
        gamma=150.0,
        ema_kimg=500.0,
        augment_p=0.3,
        batch=256,
    ),
    "r3gan_imagenet32": _r3gan(
        "r3gan_imagenet32",
        "tfds:imagenet_resized/32x32",
        (1536, 1536, 1536, 1536),
        size=32,
        conditional=True,
        kimg=200_000.0,
        gamma=0.5,
        ema_kimg=50_000.0,
        augment_p=0.5,
        batch=4096,
    ),
}
