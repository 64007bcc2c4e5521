"""Measures a run, an exported generator, or any images.

    python -m tgan_tf.evaluate --run=runs/00012-digits
    python -m tgan_tf.evaluate --run=runs/00012-digits --extractors=efficientnet_lite0
    python -m tgan_tf.evaluate --samples=model.tflite --reference=fashion_mnist
    python -m tgan_tf.evaluate --samples=folder:/fakes --reference=folder:/photos \\
        --protocol=clean_fid --extractors=inception:/models/classify_image_graph_def.pb

prints the metrics with their confidence intervals; those of a run are appended to
RUN/metrics.jsonl. What is not given is as in the run's configuration. A few minutes for 10,000
small images; the classifier and what it sees in the real images are kept in --cache_dir.
docs/metrics.md says what the numbers mean.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from tgan_tf import command
from tgan_tf.config import (
    EXTRACTORS,
    METRICS,
    MORE_METRICS,
    PROTOCOLS,
    Config,
    ConfigError,
    DataConfig,
)
from tgan_tf.quiet import start_tensorflow

if TYPE_CHECKING:
    from tgan_tf.evaluation import Counting, Evaluation

# Flags of an experiment that may be given anew.
_LISTS = {"metrics": (*METRICS, *MORE_METRICS), "extractors": EXTRACTORS}
_NUMBERS = {
    "eval_samples": "generated samples",
    "nearest_k": "k of precision, recall, density and coverage",
}
_PATHS = {
    "data_dir": "where the data set's files are",
    "cache_dir": "where prepared data and the classifier are kept",
    "sentence_encoder": "of texts, as for train.py",
}
_DATA = ("folder", "npz", "tfds")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_string(
        "samples",
        None,
        "instead of --run: the folder of a SavedModel, a .tflite file, or images: folder:PATH,"
        " npz:PATH, tfds:NAME",
        flag_values=values,
    )
    flags.DEFINE_string(
        "reference", None, "real images, as --dataset names them", flag_values=values
    )
    flags.DEFINE_enum(
        "reference_split",
        "auto",
        ["auto", "training", "held-out", "all"],
        "which of them; auto: held out, or training where those are too few; all for images"
        " against images",
        flag_values=values,
    )
    for name, choices in _LISTS.items():
        flags.DEFINE_list(name, None, f"of {', '.join(choices)}", flag_values=values)
    flags.DEFINE_enum(
        "protocol",
        "none",
        ["none", *PROTOCOLS],
        "measure as this reference implementation does",
        flag_values=values,
    )
    for name, text in _NUMBERS.items():
        flags.DEFINE_integer(name, None, text, flag_values=values)
    for name, text in _PATHS.items():
        flags.DEFINE_string(name, None, text, flag_values=values)
    flags.DEFINE_list(
        "image_size",
        None,
        "H,W of --samples and --reference, for images of several sizes",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "fit",
        "crop",
        ["crop", "pad", "stretch"],
        "how other aspect ratios become --image_size",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "strategy", "one", ["one", "mirrored"], "devices of the networks", flag_values=values
    )
    flags.DEFINE_string(
        "neighbours",
        "",
        "PNG of the samples nearest to training images (--metrics=memorisation); empty: of a run"
        " RUN/samples/neighbours.png, else neighbours.png",
        flag_values=values,
    )
    flags.DEFINE_bool("record", True, "append a run's row to its metrics.jsonl", flag_values=values)
    flags.register_validator(
        "image_size",
        lambda given: given is None or (len(given) == 2 and all(n.isdecimal() for n in given)),
        "give height and width, like --image_size=32,32",
        flag_values=values,
    )
    flags.register_multi_flags_validator(
        ["run", "image_size"],
        lambda given: not (given["run"] and given["image_size"]),
        "a run has a size of its own: leave --image_size out",
        flag_values=values,
    )
    flags.register_multi_flags_validator(
        ["run", "samples"],
        lambda given: bool(given["run"]) != bool(given["samples"]),
        "give one of --run=runs/00012-digits and --samples=PATH",
        flag_values=values,
    )


def run(values: flags.FlagValues) -> None:
    """Measures, prints, records."""
    from tgan_tf import evaluation
    from tgan_tf.inference import find_run
    from tgan_tf.training.journal import Journal
    from tgan_tf.training.progress import Console

    counting = Console().counting
    names = (*_LISTS, *_NUMBERS, *_PATHS, "protocol")
    options = {name: values[name].value for name in names if values[name].present}
    if values.samples:
        result, row = _measure_samples(values, options, counting)
        print(evaluation.table(row))
    else:
        if values.reference:
            options["dataset"] = values.reference
        result, row = evaluation.evaluate_run(
            command.load_run(values),
            split=values.reference_split,
            strategy=_strategy(values),
            counting=counting,
            **options,
        )
        print(f"Step {row['step']:,} ({row['kimg']:g} kimg): {evaluation.table(row)}")
        if values.record:
            Journal(find_run(values.run) / "metrics.jsonl").append(row)
    for name, images in result.pictures.items():
        folder = find_run(values.run) / "samples" if values.run else Path()
        path = Path(values.neighbours or folder / f"{name}.png")
        evaluation.save_neighbours(images, path)
        print(f"Samples, each followed by its nearest training images: {path}")


def _measure_samples(
    values: flags.FlagValues, options: dict[str, Any], counting: Counting
) -> tuple[Evaluation, dict[str, Any]]:
    """What is no run has no step, and a configuration only if its manifest holds one."""
    start_tensorflow()
    from tgan_tf import evaluation
    from tgan_tf.conditions import condition_of
    from tgan_tf.data.opaque import Joined, OpaqueRows
    from tgan_tf.data.sources import load_source
    from tgan_tf.exporting.reader import ExportedSampler

    kind = values.samples.partition(":")[0]
    shape: dict[str, Any] = {"fit": values.fit}
    if values.image_size:
        shape["image_size"] = tuple(map(int, values.image_size))
    exported = None if kind in _DATA else ExportedSampler(values.samples)
    config = Config()
    if exported is not None and exported.config is not None:
        config = Config.from_dict(exported.config)
    elif not values.reference:
        raise ConfigError(
            "--reference: name the real images, like --reference=fashion_mnist or"
            " --reference=folder:/photos"
        )
    if values.reference:
        config = dataclasses.replace(config, data=DataConfig(dataset=values.reference, **shape))
    config = config.replace(**options)
    with counting(f"preparing {config.data.dataset}") as progress:
        source = load_source(config.data, progress=progress)
    config = source.resolve(config)
    split = values.reference_split
    if exported is None:
        data = DataConfig(dataset=values.samples, cache_dir=config.data.cache_dir, **shape)
        with counting(f"preparing {values.samples}") as progress:
            fakes = load_source(data, progress=progress)
        images = OpaqueRows(Joined(fakes.train.samples, fakes.val.samples))
        reals = OpaqueRows(source.train.samples)
        if images.shape[1:] != reals.shape[1:]:
            raise ConfigError(
                f"--samples: images are {list(images.shape[1:])}, those of --reference"
                f" {list(reals.shape[1:])}: both must have one size and channels"
            )
        sample: Any = images
        asked = config.evaluation.eval_samples if "eval_samples" in options else len(images)
        if asked > len(images):
            raise ConfigError(f"--eval_samples={asked}: --samples has only {len(images)} images")
        metrics = options.get("metrics") or [m for m in METRICS if m != "class_accuracy"]
        config = config.replace(eval_samples=asked, metrics=metrics)
        split = "all" if split == "auto" and kind == "folder" else split
        config = source.resolve(config.replace(conditional=False))
    else:
        if not exported.condition:
            config = config.replace(conditional=False)
        config = source.resolve(config)
        wanted = condition_of(config)
        if wanted.name != exported.condition:
            raise ConfigError(
                f"--reference={config.data.dataset}: the generator needs `{exported.condition}`,"
                " and these images have none"
            )

        def sample(seeds: Any, label: Any) -> Any:
            return exported.sample(seeds, wanted.check(label, seeds))

    result = evaluation.measure(
        sample, source, config, split=split, strategy=_strategy(values), counting=counting
    )
    return result, result.row(0, config)


def _strategy(values: flags.FlagValues) -> Any:
    from tgan_tf.training.strategy import make_strategy

    return make_strategy(values.strategy, batch_size=64)


class _CallableModule(types.ModuleType):
    """Importing this module hides the function ``tgan_tf.evaluate``: then it takes its place."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from tgan_tf import evaluation

        return evaluation.evaluate(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule

if __name__ == "__main__":
    command.start(define_flags, run)
