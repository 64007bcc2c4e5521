"""Pieces of pages that need nothing else, not even a network: report.html, compare.html."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = """
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
.tile span { color: var(--soft); font-size: 13px; display: block; }
.tile small { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 24px; }
.film { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 20px; }
figure { margin: 0; }
figcaption { font-size: 13px; margin-top: 6px; }
img { display: block; max-width: 100%; border-radius: 6px; image-rendering: pixelated; }
.pair img, .film img { width: 100%; }
.wide img { width: min(100%, 640px); }
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
.card {
  border: 1px solid var(--line); border-left: 4px solid var(--mark); border-radius: 10px;
  padding: 12px 16px; margin: 0 0 12px; max-width: 820px;
}
.card p { margin: 4px 0 0; }
.card code { font: inherit; white-space: nowrap; }
.card b { margin-right: 8px; }
.sick { --mark: #d1495b; }
.past { --mark: #d4a72c; }
.treated { --mark: #4c78a8; }
.well { --mark: #3d9970; }
td.best { font-weight: 600; }
"""


def page(title: str, sections: Iterable[str]) -> str:
    """A whole page; empty sections are left out."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<main>\n" + "\n".join(filter(None, sections)) + "\n</main>\n</body>\n</html>\n"
    )


def tiles(items: Iterable[tuple[str, str, str]]) -> str:
    """Headline numbers: (label, value, what stands below in small letters)."""
    cells = (
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(label)}</span>'
        f"<small>{escape(small)}</small></div>"
        for label, value, small in items
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def card(kind: str, title: str, facts: str, *paragraphs: str) -> str:
    """Something to be read: ``kind`` is sick, past, treated or well."""
    text = "".join(f"<p>{_with_flags(paragraph)}</p>" for paragraph in paragraphs)
    head = f'<b>{escape(title)}</b><span class="soft">{escape(facts)}</span>'
    return f'<div class="card {kind}">{head}{text}</div>'


def _with_flags(text: str) -> str:
    """Flags are not broken over two lines."""
    return re.sub(r"(--[\w=,-]*\w)", r"<code>\1</code>", escape(text))


def section(title: str, content: str) -> str:
    """Content under a title; empty without content."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def table(
    rows: Iterable[Sequence[str]],
    head: Sequence[str] = (),
    *,
    numbers: Sequence[int] = (),
    code: Sequence[int] = (),
) -> str:
    """Text in cells.

    Args:
        rows: of as many cells each.
        head: titles of the columns.
        numbers: columns whose digits stand below each other.
        code: columns of what a program reads.
    """

    def line(cells: Sequence[str], tag: str) -> str:
        parts = []
        for column, cell in enumerate(cells):
            kind = "number" if column in numbers else "code" if column in code else ""
            parts.append(f"<{tag}{f' class={kind!r}' if kind else ''}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    top = line(head, "th") if head else ""
    return f"<table>{top}{''.join(line(row, 'td') for row in rows)}</table>"


def image(path: Path, caption: str) -> str:
    """The PNG itself, with a caption; empty where there is none."""
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def words(name: str) -> str:
    """A name for people."""
    return name.replace("_", " ")


def count(value: int) -> str:
    """How many, in short."""
    return f"{value / 1e6:.2f} M" if value >= 1e5 else f"{value:,}"


def plain(value: object) -> str:
    """Any JSON value as text."""
    if isinstance(value, dict):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return number(value) if isinstance(value, float) else str(value) or "-"


def number(value: object, digits: int = 4) -> str:
    """With so many digits that mean something; - for none."""
    if not isinstance(value, int | float):
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-3 or not value else f"{value:.1e}"


def interval(detail: Mapping[str, Any] | None) -> str:
    """The 95 % bounds of a result's details, or nothing."""
    bounds = (detail or {}).get("interval")
    return f"{number(bounds[0], 3)} to {number(bounds[1], 3)}" if bounds else ""
