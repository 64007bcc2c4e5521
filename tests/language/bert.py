"""A tiny BERT in Hugging Face's format, and its forward pass in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import erf, softmax

from tests.safetensors_files import write_safetensors

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "cat",
    "sat",
    "un",
    "##know",
    "##n",
    "##s",
    ".",
    "!",
    "'",
    "é",
    "##a",
]
WIDTH, HEADS, LAYERS, HIDDEN, PLACES = 8, 2, 2, 12, 16


def write(folder: Path, prefix: str = "", **changes: object) -> dict[str, np.ndarray]:
    """Writes the files; gives the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
        "pooler.dense.weight": (WIDTH, WIDTH),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part, shape in {
            "attention.self.query": (WIDTH, WIDTH),
            "attention.self.key": (WIDTH, WIDTH),
            "attention.self.value": (WIDTH, WIDTH),
            "attention.output.dense": (WIDTH, WIDTH),
            "attention.output.LayerNorm": (WIDTH,),
            "intermediate.dense": (HIDDEN, WIDTH),
            "output.dense": (WIDTH, HIDDEN),
            "output.LayerNorm": (WIDTH,),
        }.items():
            shapes[f"{name}.{part}.weight"] = shape
            shapes[f"{name}.{part}.bias"] = shape[:1]
    weights = {k: rng.normal(size=shape).astype(np.float32) for k, shape in shapes.items()}
    for name, weight in weights.items():
        if name.endswith((".bias", "output.dense.weight")):
            weight *= 0.1  # or all sentences would be nearly one
    about = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": PLACES,
    }
    (folder / "config.json").write_text(json.dumps({**about, **changes}))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    tensors = {prefix + name: ("F32", value) for name, value in weights.items()}
    write_safetensors(folder / "model.safetensors", tensors)
    return weights


def as_json(folder: Path, **normalizer: object) -> dict[str, Any]:
    """Puts tokenizer.json, as BERT's is, into the place of vocab.txt; gives what is in it."""
    (folder / "vocab.txt").unlink(missing_ok=True)
    ends = [{"SpecialToken": {"id": word, "type_id": 0}} for word in ("[CLS]", "[SEP]")]
    about = {
        "added_tokens": [{"id": 0, "content": "[PAD]", "special": True}],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
            **normalizer,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [ends[0], {"Sequence": {"id": "A", "type_id": 0}}, ends[1]],
        },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            # In another order than that of the numbers.
            "vocab": {word: WORDS.index(word) for word in sorted(WORDS)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(about), encoding="utf-8")
    return about


def as_distilbert(folder: Path) -> dict[str, np.ndarray]:
    """Makes what `write` wrote a DistilBERT; gives BERT's weights, whose types of tokens are 0."""
    weights = write(folder)
    about = {
        "model_type": "distilbert",
        "activation": "gelu",
        "dim": WIDTH,
        "hidden_dim": HIDDEN,
        "n_heads": HEADS,
        "n_layers": LAYERS,
        "max_position_embeddings": PLACES,
    }
    (folder / "config.json").write_text(json.dumps(about))
    tensors = {"distilbert.vocab_transform.bias": ("F32", weights["embeddings.LayerNorm.bias"])}
    for part in ("word_embeddings", "position_embeddings", "LayerNorm"):
        for name, value in weights.items():
            if name.startswith(f"embeddings.{part}."):
                tensors[f"distilbert.{name}"] = ("F32", value)
    for layer in range(LAYERS):
        for own, theirs in {
            "attention.self.query": "attention.q_lin",
            "attention.self.key": "attention.k_lin",
            "attention.self.value": "attention.v_lin",
            "attention.output.dense": "attention.out_lin",
            "attention.output.LayerNorm": "sa_layer_norm",
            "intermediate.dense": "ffn.lin1",
            "output.dense": "ffn.lin2",
            "output.LayerNorm": "output_layer_norm",
        }.items():
            for kind in ("weight", "bias"):
                name = f"distilbert.transformer.layer.{layer}.{theirs}.{kind}"
                tensors[name] = ("F32", weights[f"encoder.layer.{layer}.{own}.{kind}"])
    write_safetensors(folder / "model.safetensors", tensors)
    name = "embeddings.token_type_embeddings.weight"
    return {**weights, name: 0 * weights[name]}


def forward(w: dict[str, np.ndarray], tokens: list[int], first: bool = False) -> np.ndarray:
    """One text of any length, without padding: [WIDTH], a unit vector."""

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = w["embeddings.word_embeddings.weight"][tokens]
    x = x + w["embeddings.position_embeddings.weight"][: len(tokens)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    if "embeddings_project.weight" in w:
        x = linear(x, "embeddings_project")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        q, k, v = (
            linear(x, f"{name}.attention.self.{part}").reshape(len(tokens), HEADS, -1)
            for part in ("query", "key", "value")
        )
        scores = softmax(np.einsum("ihd,jhd->hij", q, k) / np.sqrt(WIDTH // HEADS), axis=-1)
        y = np.einsum("hij,jhd->ihd", scores, v).reshape(len(tokens), WIDTH)
        x = norm(
            x + linear(y, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        hidden = linear(x, f"{name}.intermediate.dense")
        hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        x = norm(x + linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    pooled = x[0] if first else x.mean(axis=0)
    return pooled / np.linalg.norm(pooled)
