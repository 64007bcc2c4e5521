"""Texts as a picture, in a font that has their characters where one is installed."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SIZE = 16  # pixels of a character
_GAP = 10
_WIDEST = 32  # characters in a line of the picture
_WHITE = 255
# Of those that Debian installs, fonts with Chinese characters first.
_FONTS = (
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "NotoSansCJK-Regular.ttc",
    "NotoSerifCJK-Regular.ttc",
    "ipag.ttf",
    "DroidSansFallbackFull.ttf",
    "DejaVuSansMono.ttf",
)
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts")


@functools.cache
def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The best font that is there; Pillow's own has Latin letters alone."""
    files = {
        path.name: path
        for folder in _FOLDERS
        for path in Path(folder).expanduser().rglob("*.tt[cf]")
    }
    for name in _FONTS:
        if name in files:
            return ImageFont.truetype(str(files[name]), _SIZE)
    return ImageFont.load_default(_SIZE)


def draw(texts: Sequence[str], columns: int = 0) -> np.ndarray:
    """Draws texts side by side, row by row.

    Args:
        texts: at least one; long lines are broken.
        columns: texts in a row; 0: about as many as rows.

    Returns:
        uint8 ``[height, width, 1]``, black on white.
    """
    columns = columns or math.ceil(math.sqrt(len(texts)))
    cells = [_broken(text) for text in texts]
    face = font()
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    boxes = [probe.multiline_textbbox((0, 0), cell, font=face) for cell in cells]
    width = math.ceil(max(max(box[2] for box in boxes), _SIZE)) + _GAP
    height = math.ceil(max(max(box[3] for box in boxes), _SIZE)) + _GAP
    rows = -(-len(cells) // columns)
    page = Image.new("L", (columns * width + _GAP, rows * height + _GAP), _WHITE)
    pen = ImageDraw.Draw(page)
    for index, cell in enumerate(cells):
        place = (_GAP + index % columns * width, _GAP + index // columns * height)
        pen.multiline_text(place, cell, fill=0, font=face)
    return np.asarray(page)[..., np.newaxis]


def _broken(text: str) -> str:
    lines = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, _WIDEST, drop_whitespace=False) or [""]
    ]
    return "\n".join(lines)
