"""Lee et al., "ViTGAN: Training GANs with Vision Transformers", ICLR 2022.

arXiv:2107.04589
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _vitgan(name: str, dataset: str, size: int, patch: int) -> dict[str, Any]:
    """The generator has tokens of ``patch`` pixels a side, and so has the discriminator."""
    return {
        "name": name,
        "dataset": dataset,
        "image_size": (size, size),
        "channels": 3,
        "conditional": False,
        "mirror": True,
        "latent_dim": 384,
        "w_dim": 384,
        "mapping_layers": 0,
        # z enters through the norms alone.
        "g_input": "constant",
        "g_widths": (384,),
        "g_depths": (4,),
        "g_windows": (0,),
        "g_heads": (6,),
        "g_mlp_ratio": 4.0,
        "g_patch": patch,
        "g_norm": "layer",
        "g_activation": "gelu",
        "g_final_modulation": True,
        "g_output": "coordinate",
        "d_width": (384,),
        "d_depth": (4,),
        "d_heads": 6,
        "d_mlp_ratio": 4.0,
        "d_patch": patch,
        "d_stem": "overlap",
        "d_norm": "layer",
        "d_activation": "gelu",
        "d_attention": "l2",
        "d_spectral_norm": "improved",
        "d_pool": "class_token_first",
        "d_head": "linear",
        "loss": "non_saturating",
        "r1_gamma": 0.0,
        "r2_gamma": 0.0,
        "cr_real": 10.0,
        "cr_fake": 10.0,
        "cr_augment": ("translation", "color", "cutout"),
        "augment": ("translation", "color", "cutout"),
        "g_lr": 2e-3,
        "d_lr": 2e-3,
        "lr_final": 1.0,
        "beta1": 0.0,
        "beta2": 0.99,
        "batch_size": 128,
        "total_kimg": 25_600.0,
        "ema_half_life_kimg": 10.0,
        "ema_ramp": 0.0,
    }


VITGAN: dict[str, Mapping[str, Any]] = {
    "vitgan_cifar10": _vitgan("vitgan_cifar10", "tfds:cifar10", 32, 4),
    "vitgan_celeba64": _vitgan("vitgan_celeba64", "tfds:celeb_a", 64, 8),
    "vitgan_bedroom64": _vitgan("vitgan_bedroom64", "tfds:lsun/bedroom", 64, 8),
}
