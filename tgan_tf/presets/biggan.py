"""Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis"
(BigGAN), ICLR 2019.

arXiv:1809.11096
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BIGGAN: dict[str, Any] = {
    "channels": 3,
    "w_dim": 128,  # of the class's vector; w is z and it
    "mapping_layers": -1,
    "g_kind": "biggan",
    "g_spectral_norm": True,
    "g_orthogonal": 1e-4,
    "d_kind": "biggan",
    "d_spectral_norm": "spectral",
    "loss": "hinge",
    "r1_gamma": 0.0,
    "r2_gamma": 0.0,
    "lr_final": 1.0,
    "beta1": 0.0,
    "beta2": 0.999,
    "ema_ramp": 0.0,
}
_IMAGENET: dict[str, Any] = {
    **_BIGGAN,
    "dataset": "tfds:imagenet2012",
    "g_lr": 5e-5,
    "d_lr": 2e-4,
    "d_steps": 2,
    "batch_size": 2048,
    "total_kimg": 573_440.0,  # 140,000 steps of G
    "ema_half_life_kimg": 28_390.0,  # a decay of 0.9999 a step of G
}


def _times(width: int, *factors: int) -> tuple[int, ...]:
    return tuple(width * factor for factor in factors)


BIGGAN: dict[str, Mapping[str, Any]] = {
    "biggan_cifar10": {
        **_BIGGAN,
        "name": "biggan_cifar10",
        "dataset": "tfds:cifar10",
        "image_size": (32, 32),
        "mirror": True,
        "latent_dim": 128,
        "g_widths": _times(64, 4, 4, 4, 4),
        "d_width": _times(64, 4, 4),
        "d_depth": (1, 3),
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "d_steps": 4,
        "batch_size": 50,
        "total_kimg": 25_000.0,
        "ema_half_life_kimg": 1386.0,
    },
    "biggan_imagenet128": {
        **_IMAGENET,
        "name": "biggan_imagenet128",
        "image_size": (128, 128),
        "latent_dim": 120,
        "g_widths": _times(96, 16, 16, 8, 4, 2, 1),
        "g_attention_stage": 5,
        "d_width": _times(96, 1, 2, 4, 8, 16),
        "d_depth": (1, 1, 1, 1, 2),
        "d_attention_stage": 1,
    },
    "biggan_imagenet256": {
        **_IMAGENET,
        "name": "biggan_imagenet256",
        "image_size": (256, 256),
        "latent_dim": 140,
        "g_widths": _times(96, 16, 16, 8, 8, 4, 2, 1),
        "g_attention_stage": 5,
        "d_width": _times(96, 1, 2, 4, 8, 8, 16),
        "d_depth": (1, 1, 1, 1, 1, 2),
        "d_attention_stage": 2,
    },
}
