"""What the kits for apps share: a model's description, and folders that are whole or not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tgan_tf.data.vocabulary import ends, poem_lines

_PLURALS = {
    "image": "pictures",
    "video": "clips",
    "text": "texts",
    "music": "windows",
    "series": "time series",
}
# By which what is made token by token is steered.
STEERING = ("temperature", "top_k", "top_p", "prefix")
DESCRIPTION = "model.json"  # beside the model in every kit


def describe(
    model: Path,
    title: str,
    shows: Sequence[str] = ("image",),
    conditions: Collection[str] = ("label",),
) -> dict[str, Any]:
    """What an app must know of a model.

    Args:
        model: a TFLite file with this project's metadata and a batch of one.
        title: for people; empty: the run's name.
        shows: kinds of samples that the app can show.
        conditions: inputs that the app has controls for, of label, attributes and condition.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no TFLite file, has no metadata, another batch or other inputs, or makes
            something else.
    """
    from ai_edge_litert.interpreter import Interpreter

    from tgan_tf.exporting.flatbuffer import read_metadata

    if not model.is_file():
        raise FileNotFoundError(f"--model={model}: no such file; python -m export.tflite makes one")
    content = model.read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(f"--model={model} is no TFLite file")
    try:
        values = read_metadata(content)
        details = Interpreter(model_content=content).get_signature_runner("sample")
    except ValueError as error:
        raise ValueError(f"--model={model}: {error}") from error
    asked = set(details.get_input_details()) - {"seed", "truncation", "guidance", *conditions}
    if asked or not set(details.get_output_details()) <= set(shows):
        raise ValueError(
            f"--model={model}: this app shows {', '.join(_PLURALS[kind] for kind in shows)} and"
            f" has controls for {', '.join(conditions)}; the model takes"
            f" {', '.join(details.get_input_details())} and makes"
            f" {', '.join(details.get_output_details())}. python -m export.web shows samples of any"
            " kind, of classes, attributes, vectors, captions; else use the file with LiteRT"
        )
    if (batch := int(details.get_input_details()["seed"]["shape"][0])) != 1:
        raise ValueError(f"--model={model} has a batch of {batch}; export it with --batch_size=1")
    config = values["config"]
    inputs = details.get_input_details()
    return {
        "plural": _PLURALS[config["data"]["modality"]],
        "title": title or config["run"]["name"] or config["data"]["dataset"],
        "guided": "guidance" in inputs,
        "steered": "temperature" in inputs,
        "begun": "prefix" in inputs,
        **of_samples(config["data"], values["sample_shape"]),
        "attribute_names": config["data"]["attribute_names"],
        "vector_width": config["data"]["vector_width"],
        "captions": config["data"]["captions"],
        **{name: values[name] for name in ("latent_dim", "class_names", "step")},
    }


def of_samples(data: Mapping[str, Any], shape: Sequence[int]) -> dict[str, Any]:
    """What a page must know to show samples.

    Args:
        data: the section of the model's configuration; empty: another project's model.
        shape: of a sample.
    """
    vocabulary = data.get("vocabulary", [])
    modality = data.get("modality", "image")
    is_text = modality == "text"
    return {
        "modality": modality,
        "sample_shape": list(shape),
        "frame_rate": data.get("frame_rate", 1),
        "vocabulary": vocabulary,
        "channel_mean": data.get("channel_mean", []),
        "channel_std": data.get("channel_std", []),
        "text_ends": is_text and ends(vocabulary),
        "text_lines": poem_lines(data["dataset"]) if is_text else 0,
    }


def write_model(model: Path, info: dict[str, Any], folder: Path) -> None:
    """``model.tflite`` and ``model.json``."""
    shutil.copyfile(model, folder / "model.tflite")
    text = json.dumps(info, indent=2) + "\n"
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")


@contextmanager
def replacing_folder(out: Path, mark: str, what: str) -> Iterator[Path]:
    """A folder beside ``out`` that takes its place when the block ends without an error.

    Args:
        out: what is there already must be one of the same kind.
        mark: a file by which that is known.
        what: the kind, for the message.

    Raises:
        FileExistsError: ``out`` is something else.
    """
    if out.exists() and not (out / mark).is_file():
        raise FileExistsError(f"--out={out} is there and no {what}; give another folder")
    beside = out.with_name(f".{out.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield beside
        if out.exists():
            shutil.rmtree(out)
        beside.replace(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
