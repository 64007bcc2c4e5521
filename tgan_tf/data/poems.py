"""``poems``: classical Chinese quatrains of the Tang and the Song dynasty.

From the npm package ``chinese-poetry`` (or its archive): every poem of four lines of five or of
seven characters, traditional as printed, punctuation left out, each text once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tgan_tf.config import ConfigError

DYNASTIES = ("Tang", "Song")
FORMS = {"5": (5,), "7": (7,), "all": (5, 7)}
LINES = 4
LICENCE = "MIT (chinese-poetry)"
_FILES = "poet.{}.*.json"
_BESIDE = "authors.tang.json"  # in other folders are ranks and tones of the same names
_MARKS = re.compile(r"[，。！？；：、]")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_PLACES = (
    "node_modules/chinese-poetry",
    "~/node_modules/chinese-poetry",
    "/usr/local/lib/node_modules/chinese-poetry",
    "/usr/lib/node_modules/chinese-poetry",
)


def find_files(data_dir: str) -> list[tuple[int, Path]]:
    """(number of the dynasty, file) for each file of poems.

    Raises:
        ConfigError: there is none.
    """
    for place in (data_dir,) if data_dir else _PLACES:
        folder = Path(place).expanduser()
        found = [
            (number, path)
            for number, dynasty in enumerate(DYNASTIES)
            for path in sorted(folder.rglob(_FILES.format(dynasty.lower())))
            if (path.parent / _BESIDE).exists()
        ]
        if found:
            return found
    where = f"{data_dir} has no file poet.tang.0.json" if data_dir else "the poems are not here"
    raise ConfigError(
        f"--dataset=poems: {where}; npm install chinese-poetry (85 MB), or pass"
        " --data_dir=FOLDER with the unpacked package in it"
    )


def quatrains(files: list[tuple[int, Path]], forms: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """(text without marks, number of the dynasty), each text once.

    Args:
        files: of ``find_files``.
        forms: characters in a line.

    Raises:
        ConfigError: a file cannot be read.
    """
    seen = set()
    for dynasty, path in files:
        try:
            poems = json.loads(path.read_text(encoding="utf-8"))
            texts = ["".join(poem["paragraphs"]) for poem in poems]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: not a file of poems ({error}); unpack it again") from error
        for text in texts:
            lines = [line for line in _MARKS.split(text) if line]
            form = len(lines[0]) if lines else 0
            if len(lines) != LINES or form not in forms:
                continue
            whole = "".join(lines)
            if any(len(line) != form for line in lines) or not _HAN.fullmatch(whole):
                continue
            if whole not in seen:
                seen.add(whole)
                yield whole, dynasty
