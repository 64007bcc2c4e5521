"""Texts that are no poems: verses, functions, news, and anybody's lines.

Each function gives ``[(text, name of its class or None)]``.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sysconfig
import textwrap
import warnings
from pathlib import Path

from tgan_tf.config import ConfigError

Texts = list[tuple[str, str | None]]

_NOT_THE_LIBRARY = {"site-packages", "test", "tests", "idle_test"}
_VERSE = re.compile(r"^(\d?[A-Z][a-z]+\d+:\d+) (.+)$", re.MULTILINE)
_FIRST_OF_NEW = "Mat1:1"
_LABELS = ("label", "class", "category")


def read_lines(path: str) -> Texts:
    """``text:PATH``: a file with a text on each line, or JSON Lines with ``text`` and ``label``.

    Raises:
        ConfigError: naming the file and the line.
    """
    file = Path(path).expanduser()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--dataset=text:{path}: cannot be read as UTF-8 ({error})") from error
    if file.suffix not in (".jsonl", ".json"):
        return [(line.strip(), None) for line in lines if line.strip()]
    texts: Texts = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text = record["text"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f'{file}, line {number}: {line[:60]!r} is not {{"text": ..., "label": ...}}'
            ) from error
        label = next((record[name] for name in _LABELS if name in record), None)
        texts.append((str(text), None if label is None else str(label)))
    if len({label is None for _, label in texts}) == 2:
        raise ConfigError(f"{file}: some lines have a label and some have none; give all or none")
    return texts


def read_verses() -> Texts:
    """``verses``: the King James Bible, of Debian's ``bible-kjv``; classes are the testaments.

    Raises:
        ConfigError: it is not installed.
    """
    if shutil.which("bible") is None:
        raise ConfigError("--dataset=verses: apt-get install bible-kjv, which has the text")
    result = subprocess.run(
        ["bible", "-f"], input="gen1:1-rev22:21\n", capture_output=True, text=True, check=False
    )
    verses: Texts = []
    testament = "Old"
    for place, verse in _VERSE.findall(result.stdout):
        testament = "New" if place == _FIRST_OF_NEW else testament
        verses.append((verse.strip(), testament))
    if not verses:
        raise ConfigError(f"--dataset=verses: `bible -f` gives no verses {result.stderr[:200]}")
    return verses


def read_functions(folder: str = "") -> Texts:
    """``code``: functions of Python's standard library, dedented, without classes.

    Args:
        folder: with ``*.py`` files; empty: the standard library beside the interpreter.

    Raises:
        ConfigError: there is no function.
    """
    root = Path(folder or sysconfig.get_path("stdlib")).expanduser()
    texts: Texts = []
    for path in sorted(root.rglob("*.py")):
        if not _NOT_THE_LIBRARY.isdisjoint(path.parts):
            continue
        try:
            source = path.read_text(encoding="utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in old strings
                tree = ast.parse(source)
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue  # some are broken on purpose
        lines = source.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                text = textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
                texts.append((text, None))
    if not texts:
        raise ConfigError(f"--dataset=code: no functions below {root}; pass another --data_dir")
    return texts


def read_news() -> Texts:
    """``news``: sentences of 300 documents of the Australian Broadcasting Corporation (Lee 2005).

    Raises:
        ConfigError: gensim, which has them, is not installed.
    """
    spec = importlib.util.find_spec("gensim")
    root = Path(spec.origin).parent if spec and spec.origin else Path()
    file = root / "test" / "test_data" / "lee_background.cor"
    if not file.is_file():
        raise ConfigError("--dataset=news: pip install gensim, which has the text")
    documents = file.read_text(encoding="utf-8").splitlines()
    sentences = [s for line in documents for s in re.split(r"(?<=[.?!])\s+", line.strip())]
    return [(sentence, None) for sentence in sentences if sentence]
