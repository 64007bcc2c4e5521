"""``report.html``: a whole run on one page that needs nothing else, not even a network."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tgan_tf import other_metrics
from tgan_tf.config import Config, DataConfig
from tgan_tf.files import replacing
from tgan_tf.metrics import intervals
from tgan_tf.modalities import Modality, make_modality
from tgan_tf.training import curves, pages
from tgan_tf.training.journal import Journal, Row
from tgan_tf.training.pages import image, number, plain, section, table, words
from tgan_tf.training.progress import duration
from tgan_tf.training.rundir import RunDirectory

ParameterTable = Sequence[tuple[str, str, int]]

# What the rows of classes.png are where they are no classes.
_ROWS = {"attributes": "Attributes", "vector": "Captions"}
_FILM = 6  # moments of the run that are shown
_NOT_FACTS = ("kind", "step", "kimg", "metrics", "details")


def write(run: RunDirectory, networks: Mapping[str, ParameterTable]) -> None:
    """Writes the report of a run, finished or not, and ``samples/curves.png``.

    Args:
        run: whose files are read.
        networks: parameter table of each network, of ``summary.parameter_table``.
    """
    config = Config.load(run.config)
    rows = Journal(run.metrics).rows()
    curves.write_png(rows, run.samples / "curves.png")
    with replacing(run.report) as beside:
        beside.write_text(_page(run, config, rows, networks), encoding="utf-8")


def _page(
    run: RunDirectory, config: Config, rows: list[Row], networks: Mapping[str, ParameterTable]
) -> str:
    fakes = sorted(run.samples.glob("fakes*.png"))
    modality = make_modality(config)
    plural = modality.plural
    sections = [
        _header(run, config, modality, rows),
        _tiles(rows, networks, plural),
        _health(rows),
        _samples(run, fakes, plural),
        _clips(run),
        section(
            _ROWS.get(config.data.condition, "Classes"),
            image(run.samples / "classes.png", "The same latents in each row."),
        ),
        _wide(run, "From sample to sample", "interpolation", "A film: straight lines in w."),
        _wide(
            run,
            "Nearest training images",
            "neighbours",
            "Samples (first and seventh column), and the training images most like each.",
        ),
        _film(fakes, plural),
        _evaluations(rows, plural),
        _curves("Curves", curves.panels(rows)),
        _curves("Curves of health", curves.health_panels(rows)),
        _again(run),
        section("Networks", "".join(_network(*item) for item in networks.items())),
        _configuration(config),
    ]
    return pages.page(run.path.name, sections)


def _header(run: RunDirectory, config: Config, modality: Modality, rows: list[Row]) -> str:
    # The last row may be an evaluation of an earlier checkpoint.
    data, done = config.data, max((row["kimg"] for row in rows), default=0.0)
    facts = [
        data.dataset,
        modality.describe(),
        _condition(data),
        f"{done:g} of {config.training.total_kimg:g} thousand {modality.plural} shown",
    ]
    return f'<h1>{escape(run.path.name)}</h1>\n<p class="soft">{escape(" · ".join(facts))}</p>'


def _condition(data: DataConfig) -> str:
    kinds = {"class": "classes", "attributes": "attributes", "vector": "numbers say what to make"}
    return f"{data.condition_width} {kinds[data.condition]}" if data.condition else "unconditional"


def _tiles(rows: list[Row], networks: Mapping[str, ParameterTable], plural: str) -> str:
    """The headline: metrics of the samples, if any, with intervals, then what it took."""
    tiles = []
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    if evaluations:
        last = evaluations[-1]
        for name, value in last["metrics"].items():
            if name.startswith(other_metrics.BESIDE):
                continue
            bounds = pages.interval(last.get("details", {}).get(name))
            tiles.append((words(name), number(value, 3), bounds))
    ticks = [row for row in rows if row["kind"] == "tick"]
    if ticks:
        tiles.append(("training", duration(ticks[-1]["seconds"]), ""))
        speeds = [row["images_per_second"] for row in ticks if row.get("images_per_second")]
        if speeds:
            tiles.append((f"{plural} per second", f"{statistics.median(speeds):,.0f}", ""))
    tiles += [
        (f"{name} parameters", pages.count(sum(row[2] for row in table)), "")
        for name, table in networks.items()
    ]
    return pages.tiles(tiles)


def _health(rows: list[Row]) -> str:
    """What was found wrong, in the order in which it began, and what was done about it."""
    ticks = [row for row in rows if row["kind"] == "tick"]
    if not ticks:
        return ""
    now, cards = ticks[-1].get("diagnoses", ()), []
    for row in rows:
        if row["kind"] == "diagnosis":
            still = row["name"] in now
            cards.append(
                pages.card(
                    "sick" if still else "past",
                    words(row["name"]).capitalize(),
                    f"steps {row['since_step']:,} to {row['step']:,}"
                    + (", and at the end" if still else "; not at the end"),
                    f"Seen: {row['evidence']}.",
                    f"Usually: {row['cause']}.",
                    f"Try this: {row['advice']}.",
                )
            )
        elif row["kind"] == "remedy":
            title = f"Remedy {row['number']} of {row['of']}"
            facts = f"steps {row['since_step']:,} to {row['found_at_step']:,}"
            seen = f"Against {words(row['diagnosis'])}: {row['evidence']}."
            cards.append(pages.card("treated", title, facts, f"Done: {row['what']}.", seen))
    if not cards:
        looks = sum("d_train" in row for row in ticks)
        seen = f"{len(ticks):,} rows of the log and {looks:,} looks at the networks"
        cards.append(pages.card("well", "Nothing was found wrong", seen))
    return section("Health", "".join(cards))


def _samples(run: RunDirectory, fakes: Sequence[Path], plural: str) -> str:
    if not fakes:
        return ""
    pair = image(fakes[-1], f"Made after {_kimg(fakes[-1]):g} thousand {plural}")
    pair += image(run.samples / "reals.png", "From the training data")
    return section("Samples", f'<div class="pair">{pair}</div>')


def _clips(run: RunDirectory) -> str:
    pair = image(run.samples / "clips.png", "Made at the end, seeds from 0 up")
    pair += image(run.samples / "real_clips.png", "From the training data")
    return section("Clips", f'<div class="pair">{pair}</div>' if pair else "")


def _wide(run: RunDirectory, title: str, name: str, caption: str) -> str:
    picture = image(run.samples / f"{name}.png", caption)
    return section(title, f'<div class="wide">{picture}</div>' if picture else "")


def _curves(title: str, plots: list[curves.Panel]) -> str:
    return section(title, f'<div class="curves">{curves.svg(plots)}</div>' if plots else "")


def _film(fakes: Sequence[Path], plural: str) -> str:
    """The same latents over time."""
    if len(fakes) < 3:
        return ""
    # Early moments differ most: indices grow as squares, but each by one at least.
    last, chosen = len(fakes) - 1, [0]
    for index in range(1, min(_FILM, last)):
        chosen.append(max(chosen[-1] + 1, round(last * (index / _FILM) ** 2)))
    shown = "".join(image(fakes[i], f"{_kimg(fakes[i]):g} thousand {plural}") for i in chosen)
    return section("The same latents over time", f'<div class="film">{shown}</div>')


def _evaluations(rows: list[Row], plural: str) -> str:
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    if not evaluations:
        return ""
    last = evaluations[-1]
    body = []
    for name, value in last["metrics"].items():
        detail = last.get("details", {}).get(name, {})
        sizes = [plain(detail.get(kind, "-")) for kind in ("fake", "real")]
        body.append([words(name), number(value), pages.interval(detail) or "-", *sizes])
        for scale, there in detail.get("details", {}).get("with_guidance", {}).items():
            gain = intervals.gain(there["gain"], there["interval"])
            body.append([f"with guidance {scale}", number(there["share"]), gain, *sizes])
    head = ("metric", "value", "95 % interval", "samples", f"real {plural}")
    parts = [table(body, head, numbers=range(1, 5))]
    if len(evaluations) > 1:
        names = list(dict.fromkeys(name for row in evaluations for name in row["metrics"]))
        body = [
            [f"{row['kimg']:g}", *(number(row["metrics"].get(name)) for name in names)]
            for row in evaluations
        ]
        columns = [f"thousand {plural}", *map(words, names)]
        over_time = table(body, columns, numbers=range(len(columns)))
        parts.append(f"<details><summary>Over time</summary>{over_time}</details>")
    facts = {k: v for k, v in last.items() if k not in _NOT_FACTS}
    how = table(((words(k), plain(v)) for k, v in facts.items()), code=(1,))
    parts.append(f"<details><summary>How they were measured</summary>{how}</details>")
    return section("Metrics", f'<div class="scroll">{"".join(parts)}</div>')


def _again(run: RunDirectory) -> str:
    flags = run.flags.read_text(encoding="utf-8")
    return section(
        "Make it again",
        f"<pre>python train.py --flagfile={escape(str(run.flags))}</pre>"
        f"<p class='soft'>with these flags:</p><pre>{escape(flags)}</pre>"
        "<p class='soft'>More samples:</p>"
        f"<pre>python -m tgan_tf.generate --run={escape(str(run.path))} --seeds=0-63</pre>",
    )


def _network(name: str, parts: ParameterTable) -> str:
    rows = [(part, shapes, f"{count:,}") for part, shapes, count in parts]
    total = sum(count for _, _, count in parts)
    body = table(rows, ("part", "weights", "parameters"), numbers=(2,), code=(0, 1))
    return f"<details><summary>{escape(name)}: {total:,} parameters</summary>{body}</details>"


def _configuration(config: Config) -> str:
    """Every option; those that are not at their default in bold."""
    default, parts = Config.for_dataset(config.data.dataset), []
    for group in dataclasses.fields(config):
        values, usual = getattr(config, group.name), getattr(default, group.name)
        rows = []
        for leaf in dataclasses.fields(values):
            value = getattr(values, leaf.name)
            changed = ' class="changed"' if value != getattr(usual, leaf.name) else ""
            rows.append(
                f"<tr{changed}><td class='code'>{leaf.name}</td>"
                f"<td class='code'>{escape(plain(value))}</td></tr>"
            )
        parts.append(
            f"<details><summary>{group.name}</summary><table>{''.join(rows)}</table></details>"
        )
    return section("Configuration", "".join(parts))


def _kimg(path: Path) -> float:
    return float(path.stem.removeprefix("fakes").replace("_", "."))
