"""Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", ICLR 2016.

arXiv:1511.06434
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DCGAN: dict[str, Mapping[str, Any]] = {
    "dcgan": {
        "name": "dcgan",
        "dataset": "tfds:lsun/bedroom",
        "image_size": (64, 64),
        "channels": 3,
        "conditional": False,
        "latent_dim": 100,
        "mapping_layers": -1,
        "g_kind": "dcgan",
        "g_widths": (1024, 512, 256, 128),
        "d_kind": "conv",
        "d_width": (1024,),
        "d_patch": 16,
        "loss": "non_saturating",
        "r1_gamma": 0.0,
        "r2_gamma": 0.0,
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "lr_final": 1.0,
        "beta1": 0.5,
        "beta2": 0.999,
        "batch_size": 128,
        "total_kimg": 15_165.0,  # 5 epochs of the 3,033,042 bedrooms
        "ema_half_life_kimg": 10.0,
        "ema_ramp": 0.0,
    }
}
