"""Pictures for people: uint8 [height, width, C] arrays, and PNG files of them."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tgan_tf.files import replacing

GAP = 2  # pixels between neighbours and around them
_LEGIBLE = 48  # small images are enlarged until their longer side has about so many pixels
_WHITE = 255
_TEXT_SIZE = 12
_LINE, _LINES = 32, 3  # characters of a line, lines of a name


def tile(images: np.ndarray, columns: int = 0, scale: int = 0) -> np.ndarray:
    """Images side by side on white, row by row.

    Args:
        images: uint8 [N, H, W, C], N at least 1.
        columns: images in a row; 0: the square root of N, rounded up.
        scale: each pixel becomes so many squared; 0: ``legible_scale``.

    Returns:
        uint8 [height, width, C]; places without an image are white.

    Raises:
        ValueError: when there is no image.
    """
    count = len(images)
    if not count:
        raise ValueError("no images to show")
    columns = columns or math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    height, width = images.shape[1:3]
    scale = scale or legible_scale(height, width)
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)  # [N, sH, sW, C]
    cell_height, cell_width = scale * height + GAP, scale * width + GAP
    picture = np.full(
        (rows * cell_height + GAP, columns * cell_width + GAP, images.shape[-1]), _WHITE, np.uint8
    )
    for index, image in enumerate(images):
        top = GAP + index // columns * cell_height
        left = GAP + index % columns * cell_width
        picture[top : top + scale * height, left : left + scale * width] = image
    return picture


def legible_scale(height: int, width: int) -> int:
    """The whole number by which small images are enlarged so that a person can see them."""
    return max(1, round(_LEGIBLE / max(height, width)))


def with_row_names(picture: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """``picture`` of ``tile`` with a name to the left of each row, black on white.

    Args:
        picture: uint8 [height, width, C] with ``len(names)`` rows of equal height.
        names: one for each row; long ones, as captions are, take up to three lines.
    """
    font = ImageFont.load_default(_TEXT_SIZE)
    wrapped = [
        textwrap.wrap(name, _LINE, max_lines=_LINES, placeholder=" ...") or [""] for name in names
    ]
    width = math.ceil(max(font.getlength(line) for lines in wrapped for line in lines)) + 4 * GAP
    gutter = Image.new("L", (width, len(picture)), _WHITE)
    draw = ImageDraw.Draw(gutter)
    row_height = (len(picture) - GAP) / len(names)
    for index, lines in enumerate(wrapped):
        middle = GAP / 2 + (index + 0.5) * row_height
        place, text = (width - 2 * GAP, middle), "\n".join(lines)
        draw.text(place, text, fill=0, font=font, anchor="rm", align="right", spacing=2)
    written = np.asarray(gutter)[..., np.newaxis].repeat(picture.shape[-1], axis=-1)
    if picture.shape[-1] == 4:
        written[..., 3] = _WHITE  # opaque
    return np.concatenate([written, picture], axis=1)


def rows_of_classes(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    columns: int,
    scale: int = 0,
) -> np.ndarray:
    """One picture with a named row of the first ``columns`` images of each class.

    Args:
        images: uint8 [N, H, W, C].
        labels: int [N].
        class_names: one for each class; classes without images have an empty row.
        columns: images in a row.
        scale: as of ``tile``.
    """
    cells = np.full((len(class_names), columns, *images.shape[1:]), _WHITE, np.uint8)
    for label in range(len(class_names)):
        members = images[np.flatnonzero(labels == label)[:columns]]
        cells[label, : len(members)] = members
    picture = tile(cells.reshape(-1, *images.shape[1:]), columns, scale)
    return with_row_names(picture, class_names)


def save_png(picture: np.ndarray, path: str | os.PathLike[str]) -> Path:
    """Writes a PNG file, beside and then renamed; directories are made.

    Args:
        picture: uint8 [height, width, C] with C of 1, 3 or 4.
        path: where to.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    with replacing(path) as beside:
        image.save(beside, format="PNG")
    return path


def save_film(
    frames: Sequence[np.ndarray], path: str | os.PathLike[str], seconds_per_frame: float
) -> Path:
    """Writes an animated PNG that repeats for ever, as ``save_png`` writes a still one.

    Args:
        frames: uint8 [height, width, C] each.
        path: where to.
        seconds_per_frame: how long each is shown.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = (Image.fromarray(f[..., 0] if f.shape[-1] == 1 else f) for f in frames)
    with replacing(path) as beside:
        first.save(
            beside,
            format="PNG",
            save_all=True,
            append_images=others,
            duration=round(1000 * seconds_per_frame),
            loop=0,
        )
    return path
