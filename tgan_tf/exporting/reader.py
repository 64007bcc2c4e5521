"""An exported generator, run by the runtime that it was exported for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tgan_tf.exporting import flatbuffer, portable_random
from tgan_tf.inference import check_seeds


class ExportedSampler:
    """Seeds to samples by the signature ``sample`` of a SavedModel or TFLite file.

    Args:
        path: the folder of a SavedModel (or of its versions: the last is taken), or a ``.tflite``
            file.

    Attributes:
        condition: name of the input that says what to make: label, attributes or condition; empty:
            it takes none.
        config: the run's configuration from the manifest of a SavedModel or the metadata of a
            TFLite file, as plain values; None where there is none.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: no model that can be read, or without the signature ``sample``.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path).expanduser()
        self.config: dict[str, Any] | None = None
        if path.is_dir():
            path = _last_version(path)
            self._batch, names = 0, self._open_saved_model(path)
            manifest = path / "manifest.json"
            if manifest.is_file():
                self.config = json.loads(manifest.read_text(encoding="utf-8"))["config"]
        elif path.is_file():
            self._batch, names = self._open_tflite(path)
        else:
            raise FileNotFoundError(
                f"{path}: give the folder of a SavedModel, or a .tflite file that "
                "`python -m export.tflite` made"
            )
        if not {"seed", "truncation"} <= names:
            raise ValueError(
                f"{path}: the signature 'sample' takes {', '.join(sorted(names))}; it must take "
                "seed and truncation, as what this project exports does"
            )
        self.condition = next(iter({"label", "attributes", "condition"} & names), "")
        self._guided = "guidance" in names

    def _open_saved_model(self, path: Path) -> set[str]:
        self._module = tf.saved_model.load(str(path))  # kept: it owns the variables
        signatures = self._module.signatures
        if "sample" not in signatures:
            raise ValueError(
                f"{path}: has no signature 'sample', only {', '.join(sorted(signatures))}; export "
                "the run again with `python -m export.saved_model`"
            )
        run = signatures["sample"]
        (output,) = run.structured_outputs
        self._run = lambda inputs: run(**{k: tf.constant(v) for k, v in inputs.items()})[
            output
        ].numpy()
        return set(run.structured_input_signature[1])

    def _open_tflite(self, path: Path) -> tuple[int, set[str]]:
        try:
            interpreter = Interpreter(str(path), num_threads=1)
        except ValueError as error:
            raise ValueError(f"{path} is no TFLite file ({error})") from error
        known = interpreter.get_signature_list()
        if "sample" not in known:
            raise ValueError(
                f"{path}: has no signature 'sample', only {', '.join(sorted(known))}; export the "
                "run again with `python -m export.tflite`"
            )
        with contextlib.suppress(ValueError):
            self.config = flatbuffer.read_metadata(path.read_bytes())["config"]
        run = interpreter.get_signature_runner("sample")
        (output,) = run.get_output_details()
        self._run = lambda inputs: run(**inputs)[output]
        details = run.get_input_details()
        return int(details["seed"]["shape"][0]), set(details)

    def sample(
        self,
        seeds: Iterable[SupportsIndex],
        label: np.ndarray | None = None,
        *,
        num_classes: int = 0,
        batch_size: int = 64,
    ) -> np.ndarray:
        """Makes one sample for each seed, without truncation.

        Args:
            seeds: N integers in the range of int32.
            label: int ``[N]``, of attributes or vectors float ``[N, K]``; None: each seed's own
                class of `num_classes`.
            num_classes: of a conditional generator.
            batch_size: samples made at once where the file leaves it open.

        Returns:
            ``[N, *sample_shape]``.

        Raises:
            ValueError: as `inference.check_seeds`, or a conditional generator without labels.
        """
        seeds = check_seeds(seeds)
        if self.condition and label is None:
            if not num_classes:
                raise ValueError(f"the generator needs `{self.condition}`: give the labels")
            label = portable_random.classes_numpy(seeds, num_classes)
        size = self._batch or batch_size
        parts = []
        for start in range(0, len(seeds), size):
            rows = np.arange(start, start + size)
            # A fixed batch is filled up with the last seed.
            rows = np.minimum(rows, len(seeds) - 1) if self._batch else rows[rows < len(seeds)]
            inputs = {"seed": seeds[rows], "truncation": np.ones(len(rows), np.float32)}
            if self._guided:
                inputs["guidance"] = np.ones(len(rows), np.float32)
            if self.condition:
                dtype = np.int32 if self.condition == "label" else np.float32
                inputs[self.condition] = np.asarray(label, dtype)[rows]
            parts.append(np.array(self._run(inputs)))
        return np.concatenate(parts)[: len(seeds)]


def _last_version(path: Path) -> Path:
    if (path / "saved_model.pb").is_file():
        return path
    versions = [
        p for p in path.iterdir() if p.name.isdecimal() and (p / "saved_model.pb").is_file()
    ]
    if not versions:
        raise FileNotFoundError(f"{path}: no saved_model.pb here, nor in a version's folder")
    return max(versions, key=lambda version: int(version.name))
