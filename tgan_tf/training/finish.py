"""What comes after the last step: metrics, exported files, the report, the mark of the end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tgan_tf import evaluation
from tgan_tf.config import Config
from tgan_tf.data.types import Source
from tgan_tf.exporting import to_saved_model, to_tflite
from tgan_tf.exporting.parity import Export
from tgan_tf.files import replacing
from tgan_tf.inference import Sampler, load
from tgan_tf.training import best
from tgan_tf.training.journal import Journal, Row
from tgan_tf.training.likelihood import load_likelihood
from tgan_tf.training.preview import clips, film
from tgan_tf.training.progress import Console
from tgan_tf.training.recorder import Recorder
from tgan_tf.training.rundir import RunDirectory

# name -> (how it is called, how it is made below RUN/export)
_EXPORTS: dict[str, tuple[str, Callable[[Sampler, Path], Export]]] = {
    # TensorFlow Serving's layout: a resumed run's newer weights are a newer version.
    "saved_model": ("SavedModel", lambda sampler, path: to_saved_model(sampler, path / "model")),
    "tflite": ("TFLite", lambda sampler, path: to_tflite(sampler, path / "model.tflite")),
}


def finish(
    run: RunDirectory, config: Config, source: Source, recorder: Recorder, console: Console
) -> None:
    """Measures and exports the last checkpoint, or the best one, and says where everything is.

    What is there already is not made again: metrics of the same options, from before the process
    was killed, and all of a finished run but what is asked for now for the first time.

    Raises:
        EvaluationError: the samples cannot be measured.
        ExportError: an exported file does not compute what Keras computes.
    """
    sampler = load(_chosen(run, config, console))
    result = _earlier_result(run, sampler.step)
    row = _measured(recorder.journal, sampler.step, config)
    exports: dict[str, Mapping[str, Any]] = result["exports"]
    to_measure = bool(config.evaluation.metrics) and row is None
    to_export = [name for name in config.run.export if _EXPORTS[name][0] not in exports]
    if run.is_finished and not to_measure and not to_export:
        console.say("It is finished: nothing left to do. To train it longer, add --total_kimg")
        return
    film(sampler, run.samples)
    if source.modality == "video":
        clips(sampler, source.train, run.samples)
    neighbours = run.samples / "neighbours.png"
    if source.modality == "image":
        with console.counting("looking for nearest training images") as progress:
            evaluation.draw_neighbours(sampler, source, neighbours, progress)
    try:
        if to_measure:
            measured = evaluation.measure(
                sampler.sample,
                source,
                config,
                sampler=sampler,
                likelihood=load_likelihood(run.path, sampler.step),
                counting=console.counting,
            )
            for picture in measured.pictures.values():  # by the features of a network
                evaluation.save_neighbours(picture, neighbours)
            row = measured.row(sampler.step, config)
            recorder.row(row)
        for name in to_export:
            title, make = _EXPORTS[name]
            console.say(f"Exporting {title} ...")
            exports[title] = _entry(make(sampler, run.export), run)
    finally:
        recorder.report()
    if row:
        result["metrics"] = row["metrics"]
    with replacing(run.result) as beside:
        beside.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    _say_where(run, row, exports, console)


def _chosen(run: RunDirectory, config: Config, console: Console) -> Path:
    """The checkpoint to finish with: the last, or with --best_metric the best that was measured."""
    record = None if config.health.best_metric == "none" else best.read(run.best)
    if record is None:
        return run.path
    value, step = record["value"], record["row"]["step"]
    console.say(f"Best {record['metric']}: {value:.4g}, at step {step:,}; this one is finished")
    return run.best


def _earlier_result(run: RunDirectory, step: int) -> dict[str, Any]:
    """``result.json`` as far as it holds for this step and its exports are still there."""
    result: dict[str, Any] = {"step": step, "metrics": {}, "exports": {}}
    if run.is_finished:
        earlier = json.loads(run.result.read_text(encoding="utf-8"))
        if earlier["step"] == step:
            result["metrics"] = earlier["metrics"]
            result["exports"] = {
                title: export
                for title, export in earlier["exports"].items()
                if (run.path / export["path"]).exists()
            }
    return result


def _measured(journal: Journal, step: int, config: Config) -> Row | None:
    """The row of this step that was measured with the same options, or None."""
    wanted = evaluation.options(config)
    for row in journal.rows("evaluation"):
        if row["step"] == step and row.get("options") == wanted:
            return row
    return None


def _entry(export: Export, run: RunDirectory) -> dict[str, Any]:
    return {
        "path": export.path.relative_to(run.path).as_posix(),
        "size_bytes": export.size_bytes,
        "errors": dict(export.errors),
    }


def _say_where(
    run: RunDirectory, row: Row | None, exports: Mapping[str, Mapping[str, Any]], console: Console
) -> None:
    console.say()
    if row:
        console.say(evaluation.table(row) + "\n")
    fakes = sorted(run.samples.glob("fakes*.png"))
    lines = [("Samples", str(fakes[-1] if fakes else run.samples)), ("Report", str(run.report))]
    lines += [
        (title, f"{run.path / export['path']} ({export['size_bytes'] / 2**20:.1f} MiB)")
        for title, export in exports.items()
    ]
    for title, text in lines:
        console.say(f"{title:<12}{text}")
    command = f"python -m tgan_tf.generate --run={shlex.quote(str(run.path))} --seeds=0-63"
    console.say(f"\nNext:  {command}")
