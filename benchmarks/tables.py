"""Tables of results: Markdown for people, JSON with all digits beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tgan_tf.files import replacing


def markdown(
    columns: Mapping[str, tuple[str, str]], rows: Mapping[str, Mapping[str, float]]
) -> str:
    """A line for each row; a dash where something cannot be said.

    Args:
        columns: of each number its head and its format, like ".2f".
        rows: numbers by name, by row.
    """
    lines = [f"| | {' | '.join(head for head, _ in columns.values())} |"]
    lines.append("|---" * (1 + len(columns)) + "|")
    for name, row in rows.items():
        cells = (format(row[c], form) if c in row else "-" for c, (_, form) in columns.items())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def save(text: str, found: Any, stem: Path) -> str:
    """Writes STEM.md, a table, and STEM.json, what it is of; gives the table."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for ending, content in (("md", text), ("json", json.dumps(found, indent=2))):
        with replacing(stem.parent / f"{stem.name}.{ending}") as beside:
            beside.write_text(content.rstrip("\n") + "\n", encoding="utf-8")
    return text
