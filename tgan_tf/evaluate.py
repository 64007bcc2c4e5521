"""Measures a run.

    python -m tgan_tf.evaluate --run=runs/00012-digits
    python -m tgan_tf.evaluate --run=runs/00012-digits --extractors=efficientnet_lite0

prints the metrics with their confidence intervals and appends them to RUN/metrics.jsonl. What is
not given is as in the run's configuration. A few minutes for 10,000 small images; the classifier
and what it sees in the real images are kept in --cache_dir.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from absl import flags

from tgan_tf import command
from tgan_tf.config import EXTRACTORS, METRICS

# Flags of an experiment that may be given anew.
_LISTS = {"metrics": METRICS, "extractors": EXTRACTORS}
_NUMBERS = {
    "eval_samples": "generated samples",
    "nearest_k": "k of precision, recall, density and coverage",
}
_PATHS = {
    "data_dir": "where the data set's files are",
    "cache_dir": "where prepared data and the classifier are kept",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    for name, choices in _LISTS.items():
        flags.DEFINE_list(name, None, f"of {', '.join(choices)}", flag_values=values)
    for name, text in _NUMBERS.items():
        flags.DEFINE_integer(name, None, text, flag_values=values)
    for name, text in _PATHS.items():
        flags.DEFINE_string(name, None, text, flag_values=values)
    flags.DEFINE_bool("record", True, "append the result to RUN/metrics.jsonl", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Measures, prints, records."""
    from tgan_tf import evaluation
    from tgan_tf.inference import find_run
    from tgan_tf.training.journal import Journal
    from tgan_tf.training.progress import Console

    names = (*_LISTS, *_NUMBERS, *_PATHS)
    options = {name: values[name].value for name in names if values[name].present}
    sampler = command.load_run(values)
    row = evaluation.evaluate_run(sampler, counting=Console().counting, **options)
    print(f"Step {row['step']:,} ({row['kimg']:g} kimg): {evaluation.table(row)}")
    if values.record:
        Journal(find_run(values.run) / "metrics.jsonl").append(row)


class _CallableModule(types.ModuleType):
    """Importing this module hides the function ``tgan_tf.evaluate``: then it takes its place."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from tgan_tf import evaluation

        return evaluation.evaluate(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule

if __name__ == "__main__":
    command.start(define_flags, run)
