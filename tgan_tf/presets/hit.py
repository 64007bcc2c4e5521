"""Zhao et al., "Improved Transformer for High-Resolution GANs" (HiT), NeurIPS 2021.

arXiv:2106.07631
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _hit(name: str, dataset: str, widths: tuple[int, ...], mlp_stages: int) -> dict[str, Any]:
    """From 8x8 tokens on; the last stages, whose tokens are pixels in the end, are MLPs."""
    stages, size = len(widths), 8 << len(widths) - 1
    windows = (4, 4, 8, 8)
    return {
        "name": name,
        "dataset": dataset,
        "image_size": (size, size),
        "channels": 3,
        "conditional": False,
        "latent_dim": 512,
        # The first tokens and those that stages attend to are linear maps of the noise.
        "mapping_layers": -1,
        "g_modulation": False,
        "g_input": "dense",
        "g_latent_tokens": 16,
        "g_latent_position": True,
        "g_latent_attention": "stage",
        "g_widths": widths,
        "g_depths": (2,) * 4 + (2 if stages == 5 else 1,) * mlp_stages,
        "g_windows": windows + (0,) * mlp_stages,
        "g_window_pattern": "multi_axis",
        "g_mlp_stages": mlp_stages,
        "g_heads": (16, 8, 4, 4) + (4,) * mlp_stages,
        "g_mlp_ratio": 4.0,
        "g_norm": "layer",
        "g_activation": "gelu",
        "g_upsample": ("dense_shuffle",),
        "g_init": "small",
        "g_output": "patch",
        "g_output_activation": "linear",
        "g_patch": 1,
        "d_kind": "stylegan2",
        "d_minibatch_std": 4,
        "loss": "non_saturating",
        "r1_gamma": 10.0,
        "r2_gamma": 0.0,
        "penalty": "exact",
        "penalty_every": 1,
        "g_lr": 5e-5,
        "d_lr": 5e-5,
        "lr_final": 1.0,
        "beta1": 0.0,
        "beta2": 0.99,
        "batch_size": 256,
        "ema_half_life_kimg": 177.4,  # a decay of 0.999 a step
        "ema_ramp": 0.0,
    }


_CONSISTENCY: dict[str, Any] = {
    "cr_real": 10.0,
    "cr_fake": 10.0,
    "cr_augment": ("flip", "translation", "color"),
}
_WIDTHS = (512, 512, 256, 128, 64, 64)
_D_WIDTHS = (128, 256, 512, 512, 512, 512, 512)

HIT: dict[str, Mapping[str, Any]] = {
    "hit_imagenet128": {
        **_hit("hit_imagenet128", "tfds:imagenet2012", (512, 512, 256, 128, 128), 1),
        "latent_dim": 256,
        "d_width": (128, 256, 512, 512, 512, 512),
        "g_lr": 1e-4,
        "d_lr": 1e-4,
        "total_kimg": 256_000.0,
    },
    "hit_celebahq256": {
        **_hit("hit_celebahq256", "tfds:celeb_a_hq/256", _WIDTHS, 2),
        **_CONSISTENCY,
        "d_width": _D_WIDTHS,
        "total_kimg": 64_000.0,
    },
    "hit_ffhq256": {
        **_hit("hit_ffhq256", "folder:ffhq256", _WIDTHS, 2),
        **_CONSISTENCY,
        "d_width": _D_WIDTHS,
        "total_kimg": 128_000.0,
    },
    "hit_ffhq1024": {
        **_hit("hit_ffhq1024", "folder:ffhq1024", (*_WIDTHS, 32, 32), 4),
        **_CONSISTENCY,
        "d_width": (32, 64, *_D_WIDTHS),
        "total_kimg": 128_000.0,
    },
}
