"""Morales-Juarez & Fuentes-Pineda, "Efficient generative adversarial networks using linear
additive-attention Transformers" (LadaGAN), 2024.

arXiv:2401.09596
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _lada(name: str, dataset: str, size: int) -> dict[str, Any]:
    """Tokens of the last stage are 32x32, those of the discriminator 16x16."""
    return {
        "name": name,
        "dataset": dataset,
        "image_size": (size, size),
        "channels": 3,
        "conditional": False,
        "latent_dim": 128,
        # The noise itself steers the norms.
        "mapping_layers": -1,
        "g_input": "dense",
        "g_widths": (1024, 256, 64),
        "g_depths": (1, 1, 1),
        "g_windows": (0, 0, 0),
        "g_upsample": ("dense_shuffle",),
        "g_heads": (4,),
        "g_mlp_ratio": 2.0,
        "g_patch": size // 32,
        "g_attention": "additive",
        "g_norm": "layer",
        "g_final_norm": False,
        "g_activation": "gelu",
        "g_output": "conv",
        "g_output_activation": "linear",
        "d_width": (256,),
        "d_depth": (1,),
        "d_heads": 4,
        "d_mlp_ratio": 2.0,
        "d_patch": size // 16,
        "d_stem": "conv",
        "d_attention": "additive",
        "d_norm": "layer",
        "d_activation": "gelu",
        "loss": "non_saturating",
        "r1_gamma": 2e-4,
        "r2_gamma": 0.0,
        "penalty": "exact",
        "penalty_every": 1,
        "augment": ("color", "translation"),
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "lr_final": 1.0,
        "beta1": 0.5,
        "beta2": 0.99,
        "batch_size": 128,
        "ema_half_life_kimg": 88.7,  # a decay of 0.999 a step
        "ema_ramp": 0.0,
    }


LADA: dict[str, Mapping[str, Any]] = {
    "lada_cifar10": {**_lada("lada_cifar10", "tfds:cifar10", 32), "total_kimg": 68_000.0},
    "lada_celeba64": {**_lada("lada_celeba64", "tfds:celeb_a", 64), "total_kimg": 72_000.0},
}
