"""``report.html``: a whole run on one page that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from tgan_tf.config import Config
from tgan_tf.files import replacing
from tgan_tf.training import curves
from tgan_tf.training.journal import Journal, Row
from tgan_tf.training.progress import duration
from tgan_tf.training.rundir import RunDirectory

ParameterTable = Sequence[tuple[str, str, int]]

_FILM = 6  # moments of the run that are shown

_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #1d2430; --soft: #68707d; --line: #e3e6ea; --tile: #f6f7f9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171c; --ink: #e4e7ec; --soft: #949ca9; --line: #2b3038; --tile: #1c2026;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 48px 0 14px; }
p { margin: 0 0 12px; }
.soft, figcaption, th { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 28px; }
.tile {
  flex: 1 1 140px; background: var(--tile); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px;
}
.tile b { display: block; font-size: 24px; line-height: 1.25; font-weight: 600; }
.tile span { color: var(--soft); font-size: 13px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 24px; }
.film { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 20px; }
figure { margin: 0; }
figcaption { font-size: 13px; margin-top: 6px; }
img { display: block; max-width: 100%; border-radius: 6px; image-rendering: pixelated; }
.pair img, .film img { width: 100%; }
.curves svg { display: block; width: 100%; height: auto; color: var(--soft); }
pre {
  background: var(--tile); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px;
  overflow-x: auto; font: 13px/1.6 ui-monospace, SFMono-Regular, Menlo, monospace; margin: 0 0 12px;
}
table { border-collapse: collapse; font-size: 14px; }
td, th { text-align: left; padding: 4px 28px 4px 0; border-bottom: 1px solid var(--line); }
th { font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.code { font: 13px ui-monospace, SFMono-Regular, Menlo, monospace; }
details { margin: 10px 0; }
summary { cursor: pointer; padding: 4px 0; }
.scroll { overflow-x: auto; }
.changed td { font-weight: 600; }
"""


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
    sections = [
        _header(run, config, rows),
        _tiles(rows, networks),
        _samples(run, fakes),
        _section("Classes", _image(run.samples / "classes.png", "The same latents in each row.")),
        _film(fakes),
        _section("Curves", f'<div class="curves">{curves.svg(rows)}</div>' if rows else ""),
        _evaluations(rows),
        _again(run),
        _section("Networks", "".join(_network(*item) for item in networks.items())),
        _configuration(config),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(run.path.name)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        "<main>\n" + "\n".join(filter(None, sections)) + "\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def _header(run: RunDirectory, config: Config, rows: list[Row]) -> str:
    # The last row may be an evaluation of an earlier checkpoint.
    data, done = config.data, max((row["kimg"] for row in rows), default=0.0)
    colours = {1: "grey", 3: "RGB", 4: "RGBA"}[data.channels]
    facts = [
        data.dataset,
        f"{data.image_size[0]} x {data.image_size[1]} {colours}",
        f"{data.num_classes} classes" if data.num_classes else "unconditional",
        f"{done:g} of {config.training.total_kimg:g} thousand images shown",
    ]
    return f'<h1>{escape(run.path.name)}</h1>\n<p class="soft">{escape(" · ".join(facts))}</p>'


def _tiles(rows: list[Row], networks: Mapping[str, ParameterTable]) -> str:
    """The headline: metrics if there are any, then what it took."""
    tiles = []
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    if evaluations:
        tiles += [(_words(k), _number(v, 3)) for k, v in evaluations[-1]["metrics"].items()]
    ticks = [row for row in rows if row["kind"] == "tick"]
    if ticks:
        tiles.append(("training", duration(ticks[-1]["seconds"])))
        speeds = [row["images_per_second"] for row in ticks if row.get("images_per_second")]
        if speeds:
            tiles.append(("images per second", f"{statistics.median(speeds):,.0f}"))
    tiles += [
        (f"{name} parameters", _count(sum(row[2] for row in table)))
        for name, table in networks.items()
    ]
    cells = (
        f'<div class="tile"><b>{escape(v)}</b><span>{escape(k)}</span></div>' for k, v in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _samples(run: RunDirectory, fakes: Sequence[Path]) -> str:
    if not fakes:
        return ""
    pair = _image(fakes[-1], f"Made after {_kimg(fakes[-1]):g} thousand images")
    pair += _image(run.samples / "reals.png", "From the training data")
    return _section("Samples", f'<div class="pair">{pair}</div>')


def _film(fakes: Sequence[Path]) -> str:
    """The same latents over time."""
    if len(fakes) < 3:
        return ""
    # Early moments differ most: indices grow as squares, but each by one at least.
    last, chosen = len(fakes) - 1, [0]
    for index in range(1, min(_FILM, last)):
        chosen.append(max(chosen[-1] + 1, round(last * (index / _FILM) ** 2)))
    shown = "".join(_image(fakes[i], f"{_kimg(fakes[i]):g} thousand images") for i in chosen)
    return _section("The same latents over time", f'<div class="film">{shown}</div>')


def _evaluations(rows: list[Row]) -> str:
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    if not evaluations:
        return ""
    names = list(dict.fromkeys(name for row in evaluations for name in row["metrics"]))
    head = ["thousand images", *map(_words, names)]
    body = [
        [f"{row['kimg']:g}", *(_number(row["metrics"].get(name)) for name in names)]
        for row in evaluations
    ]
    last = evaluations[-1]
    facts = {k: v for k, v in last.items() if k not in ("kind", "step", "kimg", "metrics")}
    how = _table(((_words(k), _plain(v)) for k, v in facts.items()), code=(1,))
    return _section(
        "Metrics",
        f'<div class="scroll">{_table(body, head, numbers=range(len(head)))}</div>'
        f"<details><summary>How they were measured</summary>{how}</details>",
    )


def _again(run: RunDirectory) -> str:
    flags = run.flags.read_text(encoding="utf-8")
    return _section(
        "Make it again",
        f"<pre>python train.py --flagfile={escape(str(run.flags))}</pre>"
        f"<p class='soft'>with these flags:</p><pre>{escape(flags)}</pre>"
        "<p class='soft'>More samples:</p>"
        f"<pre>python -m tgan_tf.generate --run={escape(str(run.path))} --seeds=0-63</pre>",
    )


def _network(name: str, table: ParameterTable) -> str:
    rows = [(part, shapes, f"{count:,}") for part, shapes, count in table]
    total = sum(count for _, _, count in table)
    body = _table(rows, ("part", "weights", "parameters"), numbers=(2,), code=(0, 1))
    return f"<details><summary>{escape(name)}: {total:,} parameters</summary>{body}</details>"


def _configuration(config: Config) -> str:
    """Every option; those that are not at their default in bold."""
    default, parts = Config(), []
    for section in dataclasses.fields(config):
        values, usual = getattr(config, section.name), getattr(default, section.name)
        rows = []
        for leaf in dataclasses.fields(values):
            value = getattr(values, leaf.name)
            changed = ' class="changed"' if value != getattr(usual, leaf.name) else ""
            rows.append(
                f"<tr{changed}><td class='code'>{leaf.name}</td>"
                f"<td class='code'>{escape(_plain(value))}</td></tr>"
            )
        parts.append(
            f"<details><summary>{section.name}</summary><table>{''.join(rows)}</table></details>"
        )
    return _section("Configuration", "".join(parts))


def _table(
    rows: Iterable[Sequence[str]],
    head: Sequence[str] = (),
    *,
    numbers: Sequence[int] = (),
    code: Sequence[int] = (),
) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        parts = []
        for column, cell in enumerate(cells):
            kind = "number" if column in numbers else "code" if column in code else ""
            parts.append(f"<{tag}{f' class={kind!r}' if kind else ''}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    top = line(head, "th") if head else ""
    return f"<table>{top}{''.join(line(row, 'td') for row in rows)}</table>"


def _image(path: Path, caption: str) -> str:
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _kimg(path: Path) -> float:
    return float(path.stem.removeprefix("fakes").replace("_", "."))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _count(value: int) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e5 else f"{value:,}"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return _number(value) if isinstance(value, float) else str(value) or "-"


def _number(value: object, digits: int = 4) -> str:
    """With so many digits that mean something; - for none."""
    if not isinstance(value, int | float):
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-3 or not value else f"{value:.1e}"
