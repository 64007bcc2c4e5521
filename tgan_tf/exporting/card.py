"""The model card of an export: README.md and a picture, for whoever finds the folder.

What it says comes from the run: its configuration, `data.json`, and the last row of
`metrics.jsonl` that measured this step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tgan_tf.config import DataConfig
from tgan_tf.inference import Sampler
from tgan_tf.modalities import pictures
from tgan_tf.training.journal import Journal
from tgan_tf.training.rundir import RunDirectory

PICTURE = "samples.png"
_COLUMNS = 10
_MOST_ROWS = 10  # classes in the picture

_UNKNOWN_LICENCE = "not recorded: ask whoever gave you the images before you publish samples"


def write_card(sampler: Sampler, folder: Path, described: Mapping[str, Any]) -> None:
    """Writes README.md and samples.png.

    Args:
        sampler: what was exported.
        folder: where to.
        described: the signatures, as `signatures.describe` gives them.
    """
    first, *others = _grids(sampler)
    if others:
        rate = sampler.config.data.frame_rate
        pictures.save_film([first, *others], folder / PICTURE, 1 / rate)
    else:
        pictures.save_png(first, folder / PICTURE)
    (folder / "README.md").write_text(card(sampler, described), encoding="utf-8")


def measured(sampler: Sampler) -> dict[str, Any] | None:
    """The last row of the run's `metrics.jsonl` that measured the weights of this step."""
    if sampler.path is None:
        return None
    rows = Journal(RunDirectory(sampler.path).metrics).rows("evaluation")
    return next((row for row in reversed(rows) if row["step"] == sampler.step), None)


def card(sampler: Sampler, described: Mapping[str, Any]) -> str:
    """The text of README.md, in Markdown."""
    config = sampler.config
    data = _data(sampler)
    count = data.get("training_images")
    kind = sampler.modality.plural
    images = f"{count:,} training {kind}" if count else f"its training {kind}"
    kimg = sampler.step * config.training.batch_size / 1000
    facts = [
        ("Makes", f"{kind}, {sampler.modality.describe()}, in one pass"),
        ("Network", f"transformer generator, {sampler.generator.count_params():,} parameters"),
        _condition(config.data),
        ("Trained on", _text(data.get("name") or config.data.dataset)),
        ("Images seen", f"{kimg:,.0f} thousand, in {sampler.step:,} steps"),
        ("Licence of the data", _text(data.get("licence") or _UNKNOWN_LICENCE)),
    ]
    if sampler.directions.names:
        facts.append(("Directions", _text(", ".join(sampler.directions.names))))
    lines = [f"# {title(sampler)}", "", f"![Samples]({PICTURE})", ""]
    if sampler.condition.rows(_MOST_ROWS)[0]:
        row = {"class": "class", "attributes": "attribute"}.get(config.data.condition, "caption")
        lines += [f"One {row} a row, without truncation, seeds from 0 up: not chosen by hand.", ""]
    else:
        lines += ["Without truncation, seeds from 0 up: not chosen by hand.", ""]
    lines += _table(("", ""), facts)
    lines += ["", "## Measured", "", *_measurements(sampler)]
    lines += ["", "## Signatures", ""]
    lines += _table(
        ("name", "inputs", "output"),
        [
            (f"`{name}`", _specs(entry["inputs"]), _specs(entry["outputs"]))
            for name, entry in described.items()
        ],
    )
    lines += [
        "",
        "The batch is in front of every input and output. `seed` makes the same sample in every",
        "runtime; `truncation` is 1 for all that was learned, less for the more typical.",
        "",
        "## Intended use",
        "",
        "Illustration, augmentation of data, teaching and research: wherever images like those of",
        "the training set help and made-up ones do no harm. Say that they are generated.",
        "",
        "## Limits",
        "",
        f"- It makes what {images} show, with their biases and gaps, and nothing else.",
        "- A sample can come close to a training image. `neighbours.png` and the memorisation",
        "  score of the run's report show how close.",
        "- Samples are no evidence of anything: not for medical, legal or identity decisions.",
    ]
    if "discriminate" in described:
        lines += [
            "- `discriminate` tells this model's own samples from its training data; it does not",
            "  detect images of other generators.",
        ]
    return "\n".join(lines) + "\n"


def title(sampler: Sampler) -> str:
    """What the model is called for people: the run's name."""
    return _text(
        sampler.path.name
        if sampler.path
        else sampler.config.run.name or sampler.config.data.dataset
    )


def _grids(sampler: Sampler) -> list[np.ndarray]:
    """A picture of samples; of those that move, one for each moment."""
    modality = sampler.modality
    names, labels = sampler.condition.rows(_MOST_ROWS)
    if not names:
        samples = sampler.sample(range(_COLUMNS * 4))
        return modality.moments(samples, _COLUMNS) or [modality.grid(samples, _COLUMNS)]
    rows = np.repeat(np.arange(len(names)), _COLUMNS)
    samples = sampler.sample(range(len(rows)), labels[rows])
    moments = modality.moments(samples, _COLUMNS)
    if moments:
        return [pictures.with_row_names(moment, names) for moment in moments]
    return [modality.class_rows(samples, rows, names, _COLUMNS)]


def _condition(data: DataConfig) -> tuple[str, str]:
    """What it can be asked for, as a row of the table."""
    if data.condition == "attributes":
        return "Attributes", _text(", ".join(data.attribute_names))
    if data.captions:
        return "Condition", f"a caption, or a vector of {data.vector_width} numbers for it"
    if data.condition == "vector":
        return "Condition", f"a vector of {data.vector_width} numbers"
    return "Classes", _text(", ".join(data.class_names)) or "none"


def _data(sampler: Sampler) -> dict[str, Any]:
    """What the run wrote about its data; nothing of runs that did not."""
    path = RunDirectory(sampler.path).data if sampler.path else None
    if path is None or not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def _measurements(sampler: Sampler) -> list[str]:
    row = measured(sampler)
    if row is None:
        return ["Not measured at this step; `python -m tgan_tf.evaluate` does it."]
    rows = []
    for name, value in row["metrics"].items():
        interval = row["details"][name].get("interval")
        bounds = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-"
        rows.append((name.replace("_", " "), f"{value:.4g}", bounds))
    return [
        f"{row['generated_images']:,} samples against {row['real_images']:,} {row['reference']}:",
        "",
        *_table(("metric", "value", "95 % interval"), rows),
    ]


def _specs(specs: Mapping[str, Mapping[str, Any]]) -> str:
    def one(name: str, spec: Mapping[str, Any]) -> str:
        shape = ", ".join("B" if size is None else str(size) for size in spec["shape"])
        return f"{name} {spec['dtype']} [{shape}]"

    return ", ".join(one(name, spec) for name, spec in specs.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _text(text: str) -> str:
    """Text that Markdown and HTML show as it is: names of classes come from users' folders."""
    return text.translate({ord(c): f"&#{ord(c)};" for c in "\\`*_[]<>|#&"})
