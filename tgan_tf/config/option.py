"""What a field of the configuration says of itself."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    resolved: bool = False,
) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: the flag's default; its type is the flag's type.
        help: the flag's help text.
        choices: legal values (of every element, where the value is a tuple of strings).
        low: least legal value, inclusive.
        high: greatest legal value, inclusive.
        above: legal values are strictly greater.
        resolved: filled in from the data set, not a flag.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "low": low,
        "high": high,
        "above": above,
        "resolved": resolved,
    }
    return field(default=default, metadata=metadata)


def as_text(value: Any) -> str:
    """A value as it is given to a flag."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
