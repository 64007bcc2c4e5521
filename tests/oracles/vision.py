"""What transformers computes with small vision transformers, for ours to be compared with.

    python3.11 -m venv /tmp/vision
    /tmp/vision/bin/pip install torch==2.13.0 transformers==5.24.0
    /tmp/vision/bin/python -m tests.oracles.vision tests/oracles/vision

`tests/networks/test_backbone.py` reads the directories, as their users have them, and the numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import Dinov2Config, Dinov2Model, ViTConfig, ViTModel

SMALL = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
LOOK = {"image_size": 8, "patch_size": 4}
# Not what they were trained with: positions are interpolated.
LARGER = 12


def main(path: str) -> None:
    random = np.random.default_rng(0)
    models = {
        "vit": ViTModel(ViTConfig(**SMALL, **LOOK, intermediate_size=12), add_pooling_layer=False),
        "dinov2": Dinov2Model(Dinov2Config(**SMALL, **LOOK, mlp_ratio=2)),
        "dinov2_swiglu": Dinov2Model(Dinov2Config(**SMALL, **LOOK, use_swiglu_ffn=True)),
    }
    numbers = {}
    for size in (LOOK["image_size"], LARGER):
        numbers[f"images_{size}"] = random.normal(size=(2, 3, size, size)).astype(np.float32)
    for name, model in models.items():
        for weight in model.parameters():
            noise = random.normal(0, 0.3, weight.shape).astype(np.float32)
            weight.data += torch.from_numpy(noise)
        model.eval().save_pretrained(Path(path) / name)
        for size in (LOOK["image_size"], LARGER):
            images = torch.from_numpy(numbers[f"images_{size}"])
            with torch.no_grad():
                out = model(images, output_hidden_states=True, **_interpolates(name))
            numbers[f"{name}_{size}_first"] = out.hidden_states[1].numpy()
            numbers[f"{name}_{size}_last"] = out.last_hidden_state.numpy()
    np.savez_compressed(Path(path) / "numbers.npz", **numbers)


def _interpolates(name: str) -> dict[str, bool]:
    """DINOv2 always does."""
    return {"interpolate_pos_encoding": True} if name == "vit" else {}


if __name__ == "__main__":
    main(*sys.argv[1:])
