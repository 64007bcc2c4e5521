"""``kanji``: Chinese characters as written in Japan, each with its meanings in English.

6,348 of the 6,355 characters of KANJIDIC (Debian: ``kanjidic``), drawn from a font (Debian:
``fonts-ipafont-gothic``) in black on white, at any size. The class is the school grade; the caption
lists the first three meanings. Characters without a meaning are left out. With ``--captions``,
those that mean the same are held out together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.split import held_out_rows, repeats

LICENCE = "CC BY-SA 4.0 (KANJIDIC, EDRDG), drawn with IPA Gothic"
_FOLDERS = {
    "kanjidic": Path("/usr/share/edict"),
    "ipag.ttf": Path("/usr/share/fonts/opentype/ipafont-gothic"),
}
_SIZE = (32, 32)
_MARGIN = 0.06  # of the side, on each
_MEANINGS = 3
_CLASSES = {
    **{str(grade): f"grade {grade}" for grade in range(1, 7)},
    "8": "secondary school",
    "9": "names",
    "10": "names",
}
_OTHER = "other"


class KanjiReader(Reader):
    """See the module.

    Args:
        data: the configuration's section; ``--data_dir`` holds kanjidic and ipag.ttf, if they are
            not where Debian has them.
        seed: chooses the held-out characters.

    Raises:
        ConfigError: a file is not there, or not the dictionary.
    """

    name = "kanji"
    mirror_safe = False
    licence = LICENCE
    class_names = (*dict.fromkeys(_CLASSES.values()), _OTHER)

    def __init__(self, data: DataConfig, seed: int) -> None:
        dictionary = _found("kanjidic", data.data_dir)
        self._font = _found("ipag.ttf", data.data_dir)
        raw = dictionary.read_bytes()
        try:
            lines = raw.decode("euc-jp").splitlines()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{dictionary}: not KANJIDIC ({error}); fetch it again") from error
        entries = [entry for line in lines if (entry := _entry(line))]
        if len(entries) < 2:
            raise ConfigError(f"{dictionary}: has no characters with meanings; fetch it again")
        labels = np.array([self.class_names.index(name) for _, name, _ in entries], np.int32)
        captions = [caption for _, _, caption in entries] if data.captions else []
        held_out = held_out_rows(labels, captions, data.val_fraction, seed)
        self._items = [
            Item(character, int(label), index in held_out, caption)
            for index, ((character, _, caption), label) in enumerate(
                zip(entries, labels, strict=True)
            )
        ]
        self.count = len(entries)
        font = hashlib.sha256(self._font.read_bytes()).hexdigest()
        self.identity = ["kanji", hashlib.sha256(raw).hexdigest(), font, data.val_fraction, seed]
        if repeats(captions):
            self.identity.append("captions")

    def items(self) -> Iterator[Item]:
        yield from self._items

    def load(self, key: str, size: tuple[int, int]) -> Image.Image:
        """Drawn four times as large and made smaller, which smooths the strokes."""
        side = 4 * max(size)
        image = Image.new("L", (side, side), 255)
        font = ImageFont.truetype(self._font, round(side * (1 - 2 * _MARGIN)))
        ImageDraw.Draw(image).text((side / 2, side / 2), key, fill=0, font=font, anchor="mm")
        return image.resize((max(size), max(size)), Image.Resampling.BOX)

    def native_size(self) -> tuple[int, int]:
        return _SIZE

    def native_channels(self) -> int:
        return 1


def _entry(line: str) -> tuple[str, str, str] | None:
    """Character, class and caption; None of what is no character, or means nothing."""
    meanings = re.findall(r"\{([^}]+)\}", line)
    # The last of the meanings of an element may name a radical.
    meanings = [meaning for meaning in meanings if not meaning.startswith("(")]
    if line.startswith("#") or not meanings:
        return None
    grade = re.search(r" G(\d+) ", line)
    name = _CLASSES.get(grade.group(1), _OTHER) if grade else _OTHER
    return line[0], name, ", ".join(meanings[:_MEANINGS])


def _found(name: str, data_dir: str) -> Path:
    folder = Path(data_dir).expanduser() if data_dir else _FOLDERS[name]
    if not (folder / name).is_file():
        raise ConfigError(
            f"--dataset=kanji: {folder} has no {name}; apt-get install kanjidic"
            " fonts-ipafont-gothic, or pass --data_dir with both files"
        )
    return folder / name
