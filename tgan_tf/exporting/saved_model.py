"""SavedModel for TensorFlow Serving and for the C, Java and Go loaders."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.exporting import signatures
from tgan_tf.exporting.card import measured, write_card
from tgan_tf.exporting.parity import Case, Export, ExportError, difference, make_cases
from tgan_tf.exporting.warm_up import write_requests
from tgan_tf.files import replacing
from tgan_tf.inference import Sampler
from tgan_tf.training.rundir import environment

CHECKED_BATCHES = (1, 3)
_CAPTIONS = 12  # of training samples, for pages to propose


def to_saved_model(
    sampler: Sampler, out_dir: str | os.PathLike[str], *, version: int | None = None
) -> Export:
    """Exports to `OUT_DIR/VERSION/`, the layout that TensorFlow Serving watches.

    The folder is written beside, run by the Session loader on every signature at batch 1 and 3,
    compared with Keras, and only then given its name; a server never sees half of it. Besides the
    SavedModel it holds a model card (`README.md`, `samples.png`), requests for servers to warm up
    with, and `manifest.json` (configuration, step, versions, metrics, signatures, SHA-256 of all
    files).

    Args:
        sampler: what to export.
        out_dir: folder of all versions of this model; made if need be.
        version: a positive integer; None: one more than the greatest in `out_dir`.

    Returns:
        What was kept.

    Raises:
        ExportError: the file does not give Keras' numbers; nothing is left behind.
        FileExistsError: that version is there already.
        ValueError: `version` is not positive.
    """
    out_dir = Path(out_dir)
    if version is None:
        version = 1 + max(_versions(out_dir), default=0)
    if version < 1:
        raise ValueError(f"version must be a positive integer, got {version}.")
    final = out_dir / str(version)
    if final.exists():
        raise FileExistsError(f"{final} exists; give another version, or none for the next one.")
    out_dir.mkdir(parents=True, exist_ok=True)
    with replacing(final) as beside:
        functions = signatures.build_functions(sampler)
        signatures.save(functions, str(beside), sampler.condition.encoder)
        cases = [list(make_cases(sampler, batch)) for batch in CHECKED_BATCHES]
        errors = check(sampler, beside, cases)
        described = signatures.describe(functions)
        write_requests(cases[0], beside, out_dir.name)
        write_card(sampler, beside, described)
        _write_manifest(beside, sampler, described)
        size = sum(file.stat().st_size for file in _files(beside))
    return Export(final, size, errors)


def check(
    sampler: Sampler, path: str | os.PathLike[str], cases: Sequence[Sequence[Case]]
) -> dict[str, float]:
    """Runs a SavedModel by the Session loader and compares every signature with Keras.

    `tf.saved_model.load` proves nothing: it finds variables that servers do not.

    Args:
        sampler: what was exported.
        path: of the SavedModel.
        cases: for each size of batch what is asked.

    Returns:
        The greatest difference for each signature, as in `Export.errors`.

    Raises:
        ExportError: the file cannot be run, or gives other numbers.
    """
    errors: dict[str, float] = {}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        try:
            meta = tf.compat.v1.saved_model.load(session, ["serve"], os.fspath(path))
        except (tf.errors.OpError, RuntimeError) as error:
            raise ExportError(f"the Session loader cannot load the SavedModel: {error}") from error
        for case in itertools.chain(*cases):
            signature = meta.signature_def[case.signature]
            feed = {signature.inputs[name].name: value for name, value in case.inputs.items()}
            try:
                (output,) = signature.outputs.values()
                answer = session.run(output.name, feed)
            except tf.errors.OpError as error:
                raise ExportError(f"signature {case.signature!r} fails: {error}") from error
            if answer.dtype == object:  # files
                answer = np.stack([sampler.modality.unfiled(case.signature, f) for f in answer])
            errors[case.signature] = max(difference(case, answer), errors.get(case.signature, 0.0))
    return errors


def _versions(out_dir: Path) -> list[int]:
    if not out_dir.is_dir():
        return []
    return [int(entry.name) for entry in out_dir.iterdir() if entry.name.isdecimal()]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write_manifest(folder: Path, sampler: Sampler, described: dict[str, Any]) -> None:
    condition = sampler.condition
    manifest = {
        "format": "saved_model",
        "tensorflow": tf.__version__,
        "run": sampler.path.name if sampler.path else None,
        "step": sampler.step,
        "environment": environment(),
        "metrics": row["metrics"] if (row := measured(sampler)) else {},
        "class_names": list(sampler.config.data.class_names),
        "captions": list(condition.rows(_CAPTIONS)[0]) if condition.encoder else [],
        "directions": list(sampler.directions.names),
        "signatures": described,
        "config": sampler.config.to_dict(),
        "sha256": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in _files(folder)
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
