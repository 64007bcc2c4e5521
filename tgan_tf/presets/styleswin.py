"""Zhang et al., "StyleSwin: Transformer-based GAN for High-resolution Image Generation", CVPR 2022.

arXiv:2112.10762
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STYLESWIN: dict[str, Any] = {
    "conditional": False,
    "channels": 3,
    "latent_dim": 512,
    "w_dim": 512,
    "mapping_layers": 7,
    "g_input": "constant",
    "g_mlp_ratio": 4.0,
    "g_window_pattern": "double",
    "g_relative_bias": True,
    "g_position": "fixed",
    "g_upsample": ("dense_linear",),
    "g_norm": "instance",
    "g_norm_epsilon": 1e-5,
    "g_final_norm": False,
    "g_activation": "gelu",
    "g_output": "patch",
    "g_output_activation": "linear",
    "g_patch": 1,
    "d_kind": "stylegan2",
    "d_minibatch_std": 4,
    "d_spectral_norm": "spectral",
    "loss": "non_saturating",
    "r1_gamma": 10.0,
    "r2_gamma": 0.0,
    "penalty": "exact",
    "penalty_every": 16,
    "g_lr": 5e-5,
    "d_lr": 2e-4,
    "lr_final": 1.0,
    "beta1": 0.0,
    "beta2": 0.99,
    "ema_half_life_kimg": 10.0,
    "ema_ramp": 0.0,
}
_256: dict[str, Any] = {
    **_STYLESWIN,
    "image_size": (256, 256),
    "g_widths": (512, 512, 512, 512, 512, 256, 128),
    "g_depths": (2,) * 7,
    "g_windows": (0, 0, 8, 8, 8, 8, 8),
    "g_heads": (16, 16, 16, 16, 16, 8, 4),
    "d_width": (128, 256, 512, 512, 512, 512, 512),
    "batch_size": 32,
}
_CONSISTENCY: dict[str, Any] = {
    "cr_real": 10.0,
    "cr_fake": 10.0,
    "cr_augment": ("flip", "translation"),
}

STYLESWIN: dict[str, Mapping[str, Any]] = {
    "styleswin_ffhq256": {
        **_256,
        **_CONSISTENCY,
        "name": "styleswin_ffhq256",
        "dataset": "folder:ffhq256",
        "total_kimg": 32_000.0,
    },
    "styleswin_church256": {
        **_256,
        "name": "styleswin_church256",
        "dataset": "tfds:lsun/church_outdoor",
        "mirror": True,
        "r1_gamma": 5.0,
        "total_kimg": 48_000.0,
    },
    "styleswin_celebahq256": {
        **_256,
        **_CONSISTENCY,
        "name": "styleswin_celebahq256",
        "dataset": "tfds:celeb_a_hq/256",
        "r1_gamma": 5.0,
        "total_kimg": 25_600.0,
    },
}
