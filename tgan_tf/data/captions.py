"""Samples with a sentence each: what a folder says of its images, and sentences as vectors.

A folder of images has captions if ``metadata.jsonl``, ``metadata.csv``, ``captions.jsonl`` or
``captions.csv`` lies in it: the path of an image below the folder, and its text.

    file_name,text                    {"file_name": "a.png", "text": "a red apple"}
    a.png,a red apple                 {"file_name": "b/c.png", "text": "two pears"}
    b/c.png,two pears
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from PIL import Image

from tgan_tf.config import ConfigError
from tgan_tf.data.attributes import entries_of
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.types import Progress

if TYPE_CHECKING:
    from tgan_tf.language import TextEncoder

_FILES = ("metadata.jsonl", "metadata.csv", "captions.jsonl", "captions.csv")
_KEYS = ("file_name", "file"), ("text", "caption")


def read_captions(folder: Path) -> dict[str, str] | None:
    """Captions by the path of an image below the folder; None without such a file.

    Raises:
        ConfigError: it cannot be read.
    """
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        return None
    captions = {}
    try:
        for number, entry in enumerate(entries_of(path), 1):
            file, text = (next((entry[k] for k in keys if entry.get(k)), "") for keys in _KEYS)
            if not file or not str(text).strip():
                raise ValueError(f"row {number} lacks file_name or text")
            captions[PurePath(file).as_posix()] = " ".join(str(text).split())
    except (OSError, UnicodeDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: {error}; tgan_tf.data.captions shows what it holds") from error
    return captions


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
        self.identity = ["captions", reader.identity, encoder.identity]

    def items(self) -> Iterator[Item]:
        items = list(self._reader.items())
        texts = sorted({item.caption for item in items})
        if "" in texts:
            missing = next(item for item in items if not item.caption)
            raise ConfigError(
                f"--captions: {self._reader.describe(missing.key)} of {self.name} has none"
                if len(texts) > 1
                else f"--captions: {self.name} has none; tgan_tf.data.captions says how a folder"
                " gets them"
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
