"""Any picture to uint8 [H, W, C] of a given size, by stated rules.

- Orientation: EXIF's is applied. Of an animation or a document, the first frame or page counts.
- Depth: 16-bit grey is divided by 257 and rounded; 32-bit integers are taken as 16-bit values;
  floating point with a maximum of at most 1 is multiplied by 255, and otherwise clipped to 0..255.
- Alpha (also a palette's or a transparent colour) is composed over white, unless 4 channels are
  asked for; an opaque image then gets alpha 255.
- Colour: palette, CMYK, YCbCr and HSV become RGB; RGB becomes grey by ITU-R 601-2 luma; grey
  becomes RGB by repetition.
- Size: ``crop`` scales the image to cover the target and keeps the centre; ``pad`` scales it to fit
  inside and fills the rest with white (transparent white for 4 channels); ``stretch`` ignores the
  aspect ratio. Always Pillow's Lanczos filter, which is antialiased when it makes smaller.
"""

from __future__ import annotations

import os

import numpy as np
from PIL import Image, ImageOps

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_EXIF_ORIENTATION = 0x0112
_SWAPS_SIDES = (5, 6, 7, 8)  # the EXIF orientations that turn the image by 90 degrees


def image_from_file(path: str | os.PathLike[str], size: tuple[int, int]) -> Image.Image:
    """Reads an image file, upright.

    Args:
        path: a file in any format that Pillow reads.
        size: the (H, W) it will become; a larger JPEG is decoded at a half, a quarter or an
            eighth, but never smaller than twice this.
    """
    with Image.open(path) as image:
        side = 2 * max(size)
        image.draft(None, (side, side))  # does nothing but for JPEG
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
        return image


def image_from_array(array: np.ndarray) -> Image.Image:
    """uint8 [H, W, C] with C of 1, 3 or 4 as a Pillow image."""
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def header(path: str | os.PathLike[str]) -> tuple[tuple[int, int], bool]:
    """((H, W) when upright, whether it counts as a colour image), without decoding the pixels.

    A palette counts as colour unless all of its entries are grey; an RGB file counts as colour even
    when each pixel is grey.
    """
    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(_EXIF_ORIENTATION) in _SWAPS_SIDES:
            width, height = height, width
        return (height, width), _is_colour(image)


def _is_colour(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        palette = np.reshape(image.getpalette() or [0, 0, 0], (-1, 3))
        return bool((palette != palette[:, :1]).any())
    return image.mode not in _GREY_MODES and not image.mode.startswith("I;16")


def to_row(image: Image.Image, shape: tuple[int, int, int], fit: str) -> np.ndarray:
    """Converts by the rules above.

    Args:
        image: upright, of any mode.
        shape: the (H, W, C) to make.
        fit: ``crop``, ``pad`` or ``stretch``.

    Returns:
        uint8 [H, W, C].
    """
    height, width, channels = shape
    image = _fitted(_with_channels(image, channels), (width, height), fit)
    return np.asarray(image, np.uint8).reshape(shape)


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    image = _to_8_bit(image)
    if image.has_transparency_data and channels != 4:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    # By way of RGB: Pillow has no direct conversion between some of its modes.
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA", "P", "PA"):
        image = image.convert("RGB")
    return image.convert(_MODES[channels])


def _to_8_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float64))
        values = values * 255 if values.max(initial=0) <= 1 else values
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    return image


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    if image.size == size:
        return image
    if fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "pad":
        white = "#ffffff00" if image.mode == "RGBA" else "white"
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=white)
    return image.resize(size, Image.Resampling.LANCZOS)
