"""Samples with a sentence each: what a folder says of its images, and sentences as vectors.

A folder of images has captions if ``metadata.jsonl``, ``metadata.csv``, ``captions.jsonl`` or
``captions.csv`` lies in it: the path of an image below the folder, and its text, one row an image.

    file_name,text                    {"file_name": "a.png", "text": "a red apple"}
    a.png,a red apple                 {"file_name": "b/c.png", "text": "pears, two"}
    b/c.png,"pears, two"
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from tgan_tf.config import ConfigError
from tgan_tf.data.attributes import entries_of
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.types import Progress

if TYPE_CHECKING:
    from tgan_tf.language import TextEncoder

_FILES = ("metadata.jsonl", "metadata.csv", "captions.jsonl", "captions.csv")
_SHOWN = "docs/captions.md"
_KEYS = ("file_name", "file"), ("text", "caption")


class Captions(NamedTuple):
    """What a file says.

    Attributes:
        path: of the file.
        texts: captions by the path of an image below the folder.
    """

    path: Path
    texts: dict[str, str]


def read_captions(folder: Path) -> Captions:
    """The captions of a folder's images.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        raise ConfigError(
            f"--captions: {folder} has none; put a captions.csv into it, as {_SHOWN} shows"
        )
    texts: dict[str, str] = {}
    rows: dict[str, int] = {}
    try:
        for number, entry in enumerate(entries_of(path), 1):
            try:
                file, text = _read(entry)
            except ValueError as error:
                raise ValueError(f"row {number} {error}") from error
            if file in rows:
                raise ValueError(
                    f"rows {rows[file]} and {number} are both of {file}, and an image has one"
                    " caption; keep one of them, or give the other to a copy of the image"
                )
            rows[file], texts[file] = number, text
        if not texts:
            raise ValueError("has no rows")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; {_SHOWN} shows what it holds") from error
    return Captions(path, texts)


def _read(entry: Any) -> tuple[str, str]:
    """Image and text of a row; its errors say what is wrong with it."""
    if not isinstance(entry, dict):
        raise ValueError(f"is no object with names, but {entry!r}")
    if None in entry:  # where the csv module puts what is too much
        raise ValueError(
            f"has {len(entry) - 1 + len(entry[None])} fields, not {len(entry) - 1}; put a text with"
            " a comma into double quotes"
        )
    found = [next((entry[k] for k in keys if entry.get(k)), "") for keys in _KEYS]
    for value in found:
        if not isinstance(value, str):
            raise ValueError(f"has {value!r}, which is no string; an image has one caption")
    file, text = found
    if not file or not text.strip():
        raise ValueError("lacks file_name or text")
    return PurePath(file).as_posix(), " ".join(text.split())


class CaptionReader(Reader):
    """A data set whose samples are made for their captions, as vectors of an encoder.

    Args:
        reader: the data set.
        encoder: of the captions.
        name: of the encoder, for messages.
        progress: called with (done, total) captions.

    Raises:
        ConfigError: there are no captions.
    """

    def __init__(
        self, reader: Reader, encoder: TextEncoder, progress: Progress | None = None
    ) -> None:
        self._reader, self._encoder, self._progress = reader, encoder, progress
        self.name, self.count = reader.name, reader.count
        self.mirror_safe, self.licence = reader.mirror_safe, reader.licence
        self.skipped = reader.skipped
        self.identity = ["captions", reader.identity, encoder.identity]

    def items(self) -> Iterator[Item]:
        items = list(self._reader.items())
        texts = sorted({item.caption for item in items})
        if "" in texts:
            missing = [item for item in items if not item.caption]
            raise ConfigError(
                f"--captions: {self._reader.describe(missing[0].key)} of {self.name} has none, like"
                f" {len(missing):,} of its {len(items):,}; choose other data, or write these into a"
                f" folder with a captions.csv ({_SHOWN})"
                if len(texts) > 1
                else f"--captions: {self.name} has none; {_SHOWN} says which data have them"
            )
        vectors = dict(zip(texts, self._encoder.encode(texts, self._progress), strict=True))
        for item in items:
            yield item._replace(label=vectors[item.caption])

    def load(self, key: Any, size: tuple[int, int]) -> Image.Image:
        return self._reader.load(key, size)

    def describe(self, key: Any) -> str:
        return self._reader.describe(key)

    def native_size(self) -> tuple[int, int]:
        return self._reader.native_size()

    def native_channels(self) -> int:
        return self._reader.native_channels()
