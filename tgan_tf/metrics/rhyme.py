"""Whether Chinese verses rhyme, as they are pronounced today.

Finals of the same of the fourteen rhymes of 中華新韻 (2005), whatever the tone; each character by
its usual reading, of the package pypinyin. Rhymes of the Tang that no longer are count as none, so
real poems do not come to 1.
"""

from __future__ import annotations

import functools
import importlib.util

MISSING = "rhyme: not measured; pip install 'tgan_tf[text]' (pypinyin, how characters are read)"
_RHYMES = (
    "a ia ua",
    "o e uo",
    "ie ve",
    "ai uai",
    "ei uei",
    "ao iao",
    "ou iou",
    "an ian uan van",
    "en in uen vn",
    "ang iang uang",
    "eng ing ueng ong iong",
    "i er v",
    "-i",
    "u",
)
_NUMBERS = {final: number for number, line in enumerate(_RHYMES) for final in line.split()}
_BUZZING = ("zh", "ch", "sh", "r", "z", "c", "s")  # after these, i is another vowel


def is_known() -> bool:
    """Whether there are pronunciations."""
    return importlib.util.find_spec("pypinyin") is not None


@functools.cache
def rhyme_of(character: str) -> int | None:
    """The number of a character's rhyme; None: it is not known how it is read."""
    from pypinyin import Style, pinyin

    def part(style: Style) -> str:
        found = pinyin(character, style=style, strict=True, errors="ignore")
        return found[0][0] if found else ""

    final = part(Style.FINALS)
    if final == "i" and part(Style.INITIALS) in _BUZZING:
        final = "-i"
    return _NUMBERS.get(final)


def rhymes(one: str, other: str) -> bool:
    """Whether two lines end alike."""
    ends = [rhyme_of(line[-1]) if line else None for line in (one, other)]
    return ends[0] is not None and ends[0] == ends[1]
