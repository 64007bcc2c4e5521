"""Several runs side by side: a table for the terminal, and a page."""

from __future__ import annotations

import dataclasses
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tgan_tf.config import BEST_METRICS, Config
from tgan_tf.files import replacing
from tgan_tf.training import curves, pages
from tgan_tf.training.journal import Journal, Row
from tgan_tf.training.progress import duration
from tgan_tf.training.resume import differences
from tgan_tf.training.rundir import RunDirectory


@dataclass(frozen=True)
class Side:
    """One run.

    Attributes:
        run: its files.
        config: its configuration.
        rows: of its ``metrics.jsonl``.
        name: for the table.
    """

    run: RunDirectory
    config: Config
    rows: list[Row]
    name: str


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        title: what it is about.
        cells: text for each run.
        best: the runs that are best in it, by place.
    """

    title: str
    cells: list[str]
    best: frozenset[int] = frozenset()


def read(path: str | os.PathLike[str]) -> Side:
    """What the files of a run say.

    Raises:
        FileNotFoundError: it is no run directory.
    """
    run = RunDirectory(path)
    if not run.config.is_file():
        raise FileNotFoundError(
            f"{path}: not a run directory (it has no config.json); give some like runs/00003-digits"
        )
    return Side(run, Config.load(run.config), Journal(run.metrics).rows(), run.path.resolve().name)


def lines(sides: Sequence[Side]) -> list[Line]:
    """The table: metrics, what it took, what was found wrong, options that differ."""
    return [*_metrics(sides), *_costs(sides), *_troubles(sides), *_options(sides)]


def _last(side: Side, kind: str) -> Row:
    return next((row for row in reversed(side.rows) if row["kind"] == kind), {})


def _metrics(sides: Sequence[Side]) -> Iterator[Line]:
    evaluations = [_last(side, "evaluation") for side in sides]
    names = dict.fromkeys(name for row in evaluations for name in row.get("metrics", ()))
    for name in names:
        values = [row.get("metrics", {}).get(name) for row in evaluations]
        cells = []
        for row, value in zip(evaluations, values, strict=True):
            bounds = pages.interval(row.get("details", {}).get(name))
            cells.append(pages.number(value) + (f" ({bounds})" if bounds else ""))
        yield Line(pages.words(name), cells, _best(name, values))


def _best(name: str, values: Sequence[float | None]) -> frozenset[int]:
    """Of two runs or more that have a value."""
    better = next((more for metric, more in BEST_METRICS.items() if name.startswith(metric)), None)
    known = [value for value in values if value is not None]
    if better is None or len(known) < 2:
        return frozenset()
    best = max(known) if better else min(known)
    return frozenset(place for place, value in enumerate(values) if value == best)


def _costs(sides: Sequence[Side]) -> Iterator[Line]:
    ticks = [_last(side, "tick") for side in sides]
    yield Line("thousand images", [pages.number(row.get("kimg")) for row in ticks])
    yield Line("training", [duration(row["seconds"]) if row else "-" for row in ticks])
    speeds = []
    for side in sides:
        known = [row["images_per_second"] for row in side.rows if row.get("images_per_second")]
        speeds.append(f"{statistics.median(known):,.0f}" if known else "-")
    yield Line("images per second", speeds)


def _troubles(sides: Sequence[Side]) -> Iterator[Line]:
    found, done = [], []
    for side in sides:
        rows = [row for row in side.rows if row["kind"] == "diagnosis"]
        found.append(
            ", ".join(dict.fromkeys(pages.words(row["name"]) for row in rows)) or "nothing"
        )
        done.append(str(sum(row["kind"] == "remedy" for row in side.rows)))
    yield Line("found wrong", found)
    if set(done) != {"0"}:
        yield Line("remedies", done)


def _options(sides: Sequence[Side]) -> Iterator[Line]:
    first, *others = (side.config for side in sides)
    names = dict.fromkeys(name for other in others for name in differences(first, other))
    for name in names:
        yield Line(f"--{name}", [pages.plain(_option(side.config, name)) for side in sides])


def _option(config: Config, name: str) -> Any:
    sections = (getattr(config, section.name) for section in dataclasses.fields(config))
    return next(getattr(section, name) for section in sections if hasattr(section, name))


def text(sides: Sequence[Side]) -> str:
    """The table for a terminal; ``*`` marks the best."""
    rows = [["", *(side.name for side in sides)]]
    for line in lines(sides):
        marked = [c + (" *" if i in line.best else "") for i, c in enumerate(line.cells)]
        rows.append([line.title, *marked])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def write(sides: Sequence[Side], path: Path) -> None:
    """The page: the table, samples, curves of all runs in one drawing."""
    names = ", ".join(side.name for side in sides)
    sections = [
        f'<h1>{len(sides)} runs</h1>\n<p class="soft">{escape(names)}</p>',
        pages.section("Side by side", f'<div class="scroll">{_table(sides)}</div>'),
        pages.section("Samples of the same latents", f'<div class="film">{_samples(sides)}</div>'),
        pages.section("Curves", f'<div class="curves">{curves.svg(_panels(sides))}</div>'),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        beside.write_text(pages.page(f"{len(sides)} runs", sections), encoding="utf-8")


def _table(sides: Sequence[Side]) -> str:
    heads = "".join(f"<th>{escape(side.name)}</th>" for side in sides)
    body = []
    for line in lines(sides):
        cells = "".join(
            f"<td{' class=best' if place in line.best else ''}>{escape(cell)}</td>"
            for place, cell in enumerate(line.cells)
        )
        body.append(f"<tr><th>{escape(line.title)}</th>{cells}</tr>")
    return f"<table><tr><th></th>{heads}</tr>{''.join(body)}</table>"


def _samples(sides: Sequence[Side]) -> str:
    pictures = []
    for side in sides:
        fakes = sorted(side.run.samples.glob("fakes*.png"))
        pictures += [pages.image(path, side.name) for path in fakes[-1:]]
    return "".join(pictures)


def _panels(sides: Sequence[Side]) -> list[curves.Panel]:
    """One for each number that any run has, with a curve for each run."""
    merged: dict[str, curves.Panel] = {}
    for side in sides:
        for panel in curves.panels(side.rows) + curves.health_panels(side.rows):
            for label, points in panel.series.items():
                title = f"{panel.title}: {label}" if label else panel.title
                known = merged.get(title) or dataclasses.replace(panel, title=title, series={})
                merged[title] = dataclasses.replace(
                    known, series=known.series | {side.name: points}
                )
    return list(merged.values())
