"""How far a run's metrics differ from one draw of samples to another.

    python -m benchmarks.draws --run=runs/00000-poems-poems

Each draw has other seeds than the rest. Where the run kept its generator after likelihood alone
(`RUN/likelihood`), the same seeds of that stand beside, with the number of draws in which the run
is the greater: a difference in one draw may be chance. Writes RUN/benchmark/draws.md and .json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from benchmarks import tables
from tgan_tf import command

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

Draws = Sequence[Mapping[str, float]]


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    flags.DEFINE_integer("draws", 5, "of --eval_samples each", lower_bound=2, flag_values=values)
    flags.DEFINE_string("data_dir", "", "as for train.py; empty: the run's", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Measures, writes and prints the table."""
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.data.sources import load_source
    from tgan_tf.training.likelihood import load_likelihood

    data = sampler.config.data
    if values.data_dir:
        data = sampler.config.replace(data_dir=values.data_dir).data
    source = load_source(data)
    samplers = {"run": sampler}
    if (before := load_likelihood(sampler.path, sampler.step)) is not None:
        samplers["likelihood"] = before
    found: dict[str, list[dict[str, float]]] = {name: [] for name in samplers}
    for number in range(values.draws):
        for name, one in samplers.items():
            found[name].append(_draw(one, source, number))
            print(f"draw {number + 1} of {values.draws}: {name}", flush=True)
    print(
        tables.save(table(found), found, Path(sampler.path or values.run) / "benchmark" / "draws")
    )


def _draw(sampler: Sampler, source: Any, number: int) -> dict[str, float]:
    """The metrics of one draw, and nothing beside them."""
    from tgan_tf import evaluation

    first = number * sampler.config.evaluation.eval_samples

    def sample(seeds: Sequence[int], labels: Any, **options: Any) -> np.ndarray:
        return sampler.sample([first + seed for seed in seeds], labels, **options)

    results = evaluation.measure(sample, source, sampler.config, baselines=False).results
    return {name: result.value for name, result in results.items()}


def table(found: Mapping[str, Draws]) -> str:
    """As Markdown: means and standard deviations of draws.

    Args:
        found: draws of the ``run`` and, where there is one, of ``likelihood``.
    """
    beside = found.get("likelihood")
    count = len(found["run"])
    heads = ["", "run"] + (["likelihood alone", f"run greater, of {count}"] if beside else [])
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in found["run"][0]:
        numbers = {who: np.array([draw[name] for draw in draws]) for who, draws in found.items()}
        cells = [f"{n.mean():.4g} ± {n.std(ddof=1):.2g}" for n in numbers.values()]
        if beside:
            cells.append(f"{np.sum(numbers['run'] > numbers['likelihood'])}")
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    command.start(define_flags, run)
