"""Hyun et al., "Scalable GANs with Transformers" (GAT), 2025.

arXiv:2509.24935
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _gat(size: str, width: int, depth: int, heads: int) -> dict[str, Any]:
    """Both networks of one size: plain vision transformers."""
    rate = 2e-4 * 768 / width
    both: dict[str, Any] = {
        "norm": "rms",
        "qk_norm": True,
        "activation": "swiglu",
        # As many weights as an MLP of 4 times the width.
        "mlp_ratio": 8 / 3,
        "position": "rotary",
        "patch": 2,
    }
    return {
        **{f"g_{name}": value for name, value in both.items()},
        **{f"d_{name}": value for name, value in both.items()},
        "name": f"gat_{size}",
        "dataset": "tfds:imagenet_resized/32x32",
        "image_size": (32, 32),
        "channels": 3,
        "w_dim": width,
        # With as many the generators are as large as published.
        "mapping_layers": 3,
        "g_widths": (width,),
        "g_depths": (depth,),
        "g_windows": (0,),
        "g_heads": (heads,),
        "g_input": "constant",
        "g_gate": True,
        "g_levels": 4,
        "g_output": "patch",
        "g_output_activation": "linear",
        "d_width": (width,),
        "d_depth": (depth,),
        "d_heads": heads,
        "d_stem": "patch",
        "d_pool": "class_token_first",
        "d_head": "linear",
        "d_layer_scale": 0.1,
        "loss": "relativistic",
        "r1_gamma": 0.1,
        "r2_gamma": 0.1,
        "penalty": "finite_difference",
        "penalty_sigma": 0.01,
        "penalty_every": 1,
        "augment": ("translation", "color", "cutout"),
        "g_lr": rate,
        "d_lr": rate,
        "lr_final": 1.0,
        "beta1": 0.0,
        "beta2": 0.99,
        "clip_norm": 1.0,
        "weight_decay": 0.0,  # of AdamW, how much is not known here
        "batch_size": 512,
        "total_kimg": 76_870.0,  # 60 epochs of ImageNet
        "ema_half_life_kimg": 354.7,  # a decay of 0.999 a step
        "ema_ramp": 0.0,
    }


GAT: dict[str, Mapping[str, Any]] = {
    "gat_s": _gat("s", 384, 12, 6),
    "gat_b": _gat("b", 768, 12, 12),
    "gat_l": _gat("l", 1024, 24, 16),
    "gat_xl": _gat("xl", 1152, 28, 16),
}
