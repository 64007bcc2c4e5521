"""Jiang, Chang, Wang, "TransGAN: Two Pure Transformers Can Make One Strong GAN", NeurIPS 2021.

arXiv:2102.07074
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TRANSGAN: dict[str, Any] = {
    "conditional": False,
    "channels": 3,
    # No mapping network: the tokens are a linear map of the noise.
    "mapping_layers": -1,
    "g_modulation": False,
    "g_final_norm": False,
    "g_input": "dense",
    "g_output": "patch",
    "g_output_activation": "linear",
    "g_patch": 1,
    "g_heads": (4,),
    "g_mlp_ratio": 4.0,
    "g_activation": "gelu",
    "g_relative_bias": True,
    "g_init": "fan_in",
    "d_heads": 4,
    "d_mlp_ratio": 4.0,
    "d_activation": "gelu",
    "d_stem": "patch",
    "d_pool": "class_token",
    "d_head": "linear",
    "d_relative_bias": True,
    "d_init": "normal",
    "loss": "wasserstein",
    "r1_gamma": 0.0,
    "r2_gamma": 0.0,
    "gp_weight": 10.0,
    "drift_weight": 1e-3,
    "augment_translation": 0.2,
    "penalty": "exact",
    "penalty_every": 1,
    "g_lr": 1e-4,
    "d_lr": 1e-4,
    "lr_final": 1.0,
    "beta1": 0.0,
    "beta2": 0.99,
    "clip_norm": 5.0,
}
_LAYER_NORM = {"norm": "layer", "norm_epsilon": 1e-5}
_PIXEL_NORM = {"norm": "pixel", "norm_epsilon": 1e-8}


def _of(network: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{network}_{name}": value for name, value in options.items()}


_TRANSGAN_CIFAR10 = {
    **_TRANSGAN,
    **_of("g", _LAYER_NORM),
    **_of("d", _LAYER_NORM),
    "name": "transgan_cifar10",
    "dataset": "tfds:cifar10",
    "image_size": (32, 32),
    "mirror": True,
    "latent_dim": 256,
    "g_widths": (1024, 256, 64),
    "g_depths": (5, 4, 2),
    "g_windows": (0, 0, 0),
    "g_upsample": ("shuffle",),
    "d_width": (288, 384),
    "d_depth": (3, 4),
    "d_patch": 2,
    "d_noise": True,
    "augment": ("translation", "cutout", "color"),
    "augment_cutout_p": 0.3,
    "batch_size": 64,
    "g_batch_factor": 2,
    "d_steps": 4,
    "total_kimg": 128_000.0,  # 500,000 steps of G
    # The paper counts the images of one of the four steps: 500 thousand, and a tenth.
    "ema_half_life_kimg": 2000.0,
    "ema_ramp": 0.4,
}

_TRANSGAN_CHURCH256 = {
    **_TRANSGAN,
    **_of("g", _PIXEL_NORM),
    **_of("d", _LAYER_NORM),
    "name": "transgan_church256",
    "dataset": "tfds:lsun/church_outdoor",
    "image_size": (256, 256),
    "latent_dim": 512,
    "g_widths": (1024, 1024, 1024, 256, 64, 16),
    "g_depths": (5, 4, 4, 4, 4, 4),
    "g_windows": (0, 0, 0, 16, 16, 16),
    "g_upsample": ("bicubic", "bicubic", "shuffle", "shuffle", "shuffle"),
    "g_noise": True,
    "d_width": (288, 288, 336, 384),
    "d_depth": (2, 1, 3, 5),
    "d_window": (16, 0, 0, 0),
    "d_patch": 4,
    "augment": ("translation", "erase", "color"),
    # As published, in parts of 16: 4 of the discriminator's batch, 8 of the generator's.
    "batch_size": 64,
    "g_batch_factor": 2,
    "micro_batches": 4,
    "total_kimg": 48_000.0,  # as StyleSwin's
    # A constant decay of 0.995 a step.
    "ema_half_life_kimg": 8.85,
    "ema_ramp": 0.0,
}

TRANSGAN: dict[str, Mapping[str, Any]] = {
    "transgan_cifar10": _TRANSGAN_CIFAR10,
    "transgan_stl10": {
        **_TRANSGAN_CIFAR10,
        **_of("g", _PIXEL_NORM),
        **_of("d", _PIXEL_NORM),
        "name": "transgan_stl10",
        "dataset": "tfds:stl10",
        "image_size": (48, 48),
        "latent_dim": 512,
        "g_depths": (7, 5, 3),
        "batch_size": 32,
        "d_steps": 5,
        "total_kimg": 80_000.0,  # 500,000 steps of G
        "ema_half_life_kimg": 2500.0,
        "ema_ramp": 0.25,
    },
    "transgan_church256": _TRANSGAN_CHURCH256,
    "transgan_celebahq256": {
        **_TRANSGAN_CHURCH256,
        "name": "transgan_celebahq256",
        "dataset": "tfds:celeb_a_hq/256",
        "mirror": True,
        "total_kimg": 25_600.0,  # as StyleSwin's
        "augment": ("filter", "translation", "erase", "color", "hue"),
        "g_depths": (0, 4, 4, 4, 4, 4),
        "g_upsample": ("bicubic", "bicubic", "shuffle", "smooth_shuffle", "smooth_shuffle"),
        "g_latent_tokens": 64,
        "g_latent_position": True,
        "g_latent_attention": "before",
        "d_width": (96, 192, 192, 384),
        "d_depth": (3, 2, 1, 5),
        "d_window": (4, 4, 0, 0),
        "d_patch": 2,
        "d_stem": "overlap",
        "d_relative_bias": False,
    },
}
