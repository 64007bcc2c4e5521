"""Recipes side by side: the same data, the same number of images, loss by loss.

    python -m benchmarks.recipes --dataset=fashion_mnist --total_kimg=40
    python -m benchmarks.recipes --dataset=emoji --total_kimg=40 --recipes=default,ada,diffaugment
    python -m benchmarks.recipes --dataset=emoji --limit=500 --recipes=default,ada,diffaugment
    python -m benchmarks.recipes --total_kimg=30 --recipes=default,transgan,gat,vitgan

trains each recipe by train.py as a run of its own below --out (what is finished there is not
trained again), and writes OUT/recipes.md, recipes.json and recipes.png, the samples of all. The
default is what train.py does without further options, and the others say in what they differ. Those
of ARCHITECTURES have the networks of a published system, made small, in the default game. --limit
trains on that many images; --jobs trains so many at once, each bound to a core of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
from absl import flags

from benchmarks import tables
from tgan_tf import command
from tgan_tf.presets import PRESETS

_NO_PENALTY = {"r1_gamma": 0, "r2_gamma": 0}
_DIFFAUGMENT = "translation,cutout"
# What differs from the defaults: relativistic pairing loss, R1 and R2 by finite differences every
# fourth step, no augmentation.
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "exact": {"penalty": "exact"},
    "r1_only": {"r2_gamma": 0},
    "no_penalty": _NO_PENALTY,
    "non_saturating": {"loss": "non_saturating"},
    "hinge": {"loss": "hinge"},
    "least_squares": {"loss": "least_squares"},
    "wasserstein_gp": {
        "loss": "wasserstein",
        **_NO_PENALTY,
        "gp_weight": 10,
        "penalty": "exact",
        "penalty_every": 1,
    },
    "lecam": {"loss": "hinge", "lecam_weight": 0.3, "lecam_start_step": 100},
    "bcr": {"cr_real": 10, "cr_fake": 10},
    "zcr": {"zcr_d": 20, "zcr_g": 0.5},
    "dual_contrastive": {"loss": "dual_contrastive"},
    "pack": {"d_pack": 2},
    "diffaugment": {"augment": _DIFFAUGMENT},
    "ada": {"augment": _DIFFAUGMENT, "ada_target": 0.6, "ada_kimg": 50},
    "equal_rates": {"g_lr": 5e-4, "d_lr": 5e-4},
    "conv_d": {"d_kind": "conv"},
    "patch_stem": {"d_stem": "patch"},
    "l2_attention": {"d_attention": "l2"},
    "no_modulation": {"g_modulation": False},
    "patch_head": {"g_output": "patch"},
    "shuffled_pixels": {"g_output": "conv", "g_upsample": "dense_shuffle"},
}
_WINDOW = -1  # that divides the image: 7 of 28 pixels, 8 of 32
# Of a preset's options these belong to its game, not to its networks.
_OF_THE_GAME = {"g_lr", "d_lr", "d_steps", "g_batch_factor", "g_orthogonal"}


def _networks(preset: str, **small: Any) -> dict[str, Any]:
    """The networks of a published system with other sizes."""
    options = {
        name: value
        for name, value in PRESETS[preset].items()
        if name.startswith(("g_", "d_")) and name not in _OF_THE_GAME
    }
    return {**options, "mapping_layers": PRESETS[preset]["mapping_layers"], **small}


# A tenth of a million to four million weights a network. Tokens of stages are a quarter, half and
# all of the pixels a side.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "transgan": _networks(
        "transgan_cifar10",
        g_widths=(192, 48, 12),
        g_depths=(2, 2, 1),
        g_windows=(0, 0, _WINDOW),
        d_width=(48, 96),
        d_depth=(1, 3),
    ),
    "gat": _networks(
        "gat_s",
        mapping_layers=1,
        **{"w_dim": 96, "g_widths": 96, "g_depths": 4, "g_heads": 4, "g_patch": 4},
        **{"d_width": 96, "d_depth": 4, "d_heads": 4, "d_patch": 4},
    ),
    "vitgan": _networks("vitgan_cifar10", w_dim=96, g_widths=96, g_heads=4, d_width=96, d_heads=4),
    "styleswin": _networks(
        "styleswin_ffhq256",
        **{"w_dim": 128, "mapping_layers": 1},
        **{"g_widths": (96, 64, 32), "g_depths": (2, 2, 1), "g_heads": 4},
        g_windows=(0, _WINDOW, _WINDOW),
        d_width=(24, 48, 96),
    ),
    "hit": _networks(
        "hit_imagenet128",
        **{"g_widths": (96, 64, 32), "g_depths": (2, 2, 1), "g_heads": (8, 4, 4)},
        g_windows=(_WINDOW, _WINDOW, 0),
        d_width=(24, 48, 96),
    ),
    "lada": _networks("lada_cifar10", g_widths=(256, 128, 64), d_width=96, d_patch=2),
    "dcgan": _networks("dcgan", g_widths=(256, 128), d_width=128, d_patch=4),
    "biggan": _networks("biggan_cifar10", latent_dim=63, g_widths=(64, 64, 64), d_width=(64, 64)),
    # With its rates: weights are stored with a spread of 1, of which the default step is little.
    "stylegan2": _networks(
        "stylegan2_cifar10",
        **{"g_lr": 2.5e-3, "d_lr": 2.5e-3 * 16 / 17},
        **{"w_dim": 128, "g_widths": (96, 64, 32), "d_width": (32, 64, 96)},
    ),
    "r3gan": _networks(
        "r3gan_cifar10",
        **{"g_widths": (128, 128, 64), "g_depths": (1, 1, 1)},
        **{"d_width": (64, 128, 128), "d_depth": (1, 1, 1)},
    ),
}
RECIPES |= ARCHITECTURES
_METRICS = ("frechet", "precision", "recall", "density", "coverage", "class_accuracy")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("dataset", "fashion_mnist", "as for train.py", flag_values=values)
    flags.DEFINE_string("data_dir", "", "as for train.py", flag_values=values)
    flags.DEFINE_integer("image_size", 0, "0: 28 of fashion_mnist, else 32", flag_values=values)
    flags.DEFINE_list("recipes", list(RECIPES), "of these", flag_values=values)
    flags.DEFINE_float("total_kimg", 40.0, "of each", lower_bound=0.1, flag_values=values)
    flags.DEFINE_integer("seed", 0, "of all", flag_values=values)
    flags.DEFINE_integer(
        "limit", 0, "train on so many images only; 0: all", lower_bound=0, flag_values=values
    )
    flags.DEFINE_integer("eval_samples", 5000, "that are judged", flag_values=values)
    flags.DEFINE_string("extractors", "", "as for train.py", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "at once, one core each", lower_bound=1, flag_values=values)
    flags.DEFINE_string("out", "", "folder; empty: runs/recipes-DATASET", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Trains what is not there yet, then compares."""
    unknown = [name for name in values.recipes if name not in RECIPES]
    if unknown:
        raise ValueError(f"--recipes={unknown[0]}: unknown; there are {', '.join(RECIPES)}")
    kind = values.dataset.replace(":", "-").replace("/", "-")
    out = Path(values.out or f"runs/recipes-{kind}{f'-{values.limit}' if values.limit else ''}")
    out.mkdir(parents=True, exist_ok=True)
    cores: Queue[int] = Queue()
    for core in sorted(os.sched_getaffinity(0))[: values.jobs]:
        cores.put(core)

    def train(name: str) -> None:
        core = cores.get()
        try:
            _train(name, values, out, core if values.jobs > 1 else None)
        finally:
            cores.put(core)

    with ThreadPoolExecutor(values.jobs) as pool:
        list(pool.map(train, values.recipes))
    rows = [row for name in RECIPES if (row := _row(name, out))]
    rows.sort(key=lambda row: row["metrics"].get("frechet", np.inf))
    _picture(rows, out / "recipes.png")
    print(tables.save(table(rows), rows, out / "recipes"))


def _train(name: str, values: flags.FlagValues, out: Path, core: int | None) -> None:
    """One run, unless it is finished; its output goes to OUT/NAME.log."""
    if _finished(name, out):
        return
    size = values.image_size or (28 if values.dataset == "fashion_mnist" else 32)
    options = {
        "dataset": values.dataset,
        "image_size": size,
        "total_kimg": values.total_kimg,
        "seed": values.seed,
        "eval_samples": values.eval_samples,
        "snapshot_kimg": values.total_kimg,
        "out_dir": out,
        "name": name,
        "export": "",
    }
    if values.data_dir:
        options["data_dir"] = values.data_dir
    if values.limit:
        options["train_limit"] = values.limit
    extractors = values.extractors or ("efficientnet_lite0" if values.limit else "")
    if extractors:  # a classifier that learned from few images sees little
        options |= {
            "extractors": extractors,
            "metrics": "frechet,precision_recall,density_coverage",
        }
    arguments = words({**options, **RECIPES[name]})
    environment = dict(os.environ)
    prefix = []
    if core is not None:
        environment |= {"TF_NUM_INTRAOP_THREADS": "1"}
        prefix = ["taskset", "-c", str(core)]
    print(f"{name}: training", flush=True)
    with (out / f"{name}.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [*prefix, sys.executable, "train.py", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    print(f"{name}: {'done' if done.returncode == 0 else f'failed, see {log.name}'}", flush=True)


def words(options: dict[str, Any]) -> list[str]:
    """As on the command line."""

    def word(name: str, value: Any) -> str:
        if isinstance(value, bool):
            return f"--{'' if value else 'no'}{name}"
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        return f"--{name}={value}"

    return [word(name, value) for name, value in options.items()]


def _finished(name: str, out: Path) -> Path | None:
    """The run of a recipe, if it has come to its end."""
    runs = [path.parent for path in out.glob(f"*-{name}/result.json")]
    return runs[-1] if runs else None


def _row(name: str, out: Path) -> dict[str, Any] | None:
    """What the table says of a recipe."""
    run = _finished(name, out)
    if run is None:
        return None
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ticks = [row for row in map(json.loads, lines) if row["kind"] == "tick"]
    looks = [row for row in ticks if "d_val" in row]
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    found = result["metrics"]
    metrics = {m: v for m in _METRICS for name, v in found.items() if name.startswith(m)}
    logits = {key: looks[-1][key] for key in ("d_train", "d_val", "d_fake", "overfit")}
    return {
        "recipe": name,
        "changes": RECIPES[name],
        "metrics": metrics,
        "seconds": ticks[-1]["seconds"],
        "kimg": ticks[-1]["kimg"],
        "augment_p": ticks[-1].get("augment_p"),
        **logits,
        "run": run.name,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """As Markdown, the best distance first."""
    heads = ["recipe", *_METRICS, "seconds", "D(real)", "D(val)", "D(fake)"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        numbers = [row["metrics"].get(metric) for metric in _METRICS]
        cells = [row["recipe"], *("-" if n is None else f"{n:.3f}" for n in numbers)]
        cells += [f"{row['seconds']:.0f}"]
        cells += [f"{row[key]:.2f}" for key in ("d_train", "d_val", "d_fake")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _picture(rows: list[dict[str, Any]], path: Path) -> None:
    """The last samples of each recipe, in the order of the table."""
    from PIL import Image

    from tgan_tf.modalities.pictures import save_png, with_row_names

    strips = []
    for row in rows:
        samples = path.parent / row["run"] / "samples"
        with Image.open(sorted(samples.glob("fakes*.png"))[-1]) as image:
            picture = np.asarray(image.convert("RGB"))
        strips.append(picture[: len(picture) // 4])  # the first rows
    if strips:
        names = [row["recipe"] for row in rows]
        save_png(with_row_names(np.concatenate(strips), names), path)


if __name__ == "__main__":
    command.start(define_flags, run)
