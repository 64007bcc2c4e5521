"""Images: uint8 [H, W, C] as stored, floating point in [-1, 1] for the networks."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities import pictures
from tgan_tf.modalities.base import Modality, file_stems


class ImageModality(Modality):
    """Grey, RGB or RGBA images of one size.

    Args:
        config: with image_size and channels resolved.

    Raises:
        ConfigError: when they are not.
    """

    name = "image"
    plural = "images"
    sample_dtype = np.dtype(np.uint8)

    def __init__(self, config: Config) -> None:
        if not config.is_resolved:
            raise ConfigError("--image_size and --channels are not known before the data are read")
        height, width = config.data.image_size
        self.sample_shape = self.signal_shape = (height, width, config.data.channels)
        self._tanh = config.generator.g_output_activation == "tanh"
        colour = ("color", "hue") if config.data.channels == 3 else ()
        self.augmentations = (*colour, "translation", "cutout", "erase", "filter", "flip")

    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """uint8 [B, H, W, C] to float32 in [-1, 1]: x / 127.5 - 1."""
        return tf.cast(samples, tf.float32) / 127.5 - 1.0

    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """tanh, or nothing; decoding clips.

        Where many pixels of the data are exactly -1 or 1, as a black background is, only tanh
        reaches them: the discriminator soon knows a linear output by its noise there.
        """
        return tf.tanh(values) if self._tanh else values

    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """Floating point [B, H, W, C], nominally in [-1, 1], to uint8; what is outside is clipped.

        (x + 1) * 127.5, rounded half to even as IEEE 754 and ``tf.round`` do, so that every
        platform makes the same picture; the inverse of ``encode`` for all 256 values.
        """
        scaled = (tf.cast(values, tf.float32) + 1.0) * 127.5
        return tf.cast(tf.round(tf.clip_by_value(scaled, 0.0, 255.0)), tf.uint8)

    def describe(self) -> str:
        height, width, channels = self.sample_shape
        return f"{height} x {width} {({1: 'grey', 3: 'RGB', 4: 'RGBA'})[channels]}"

    def files(self) -> Mapping[str, Callable[[tf.Tensor], dict[str, tf.Tensor]]]:
        return {"sample_png": _as_png}

    def unfiled(self, signature: str, file: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(file)) as image:
            pixels = np.asarray(image)
        return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]

    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """One picture of uint8 [N, H, W, C], small images enlarged by a whole number."""
        return pictures.tile(samples, columns)

    def class_rows(
        self,
        samples: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        columns: int = 10,
    ) -> np.ndarray:
        """One picture with a named row of the first ``columns`` samples of each class.

        Args:
            samples: uint8 [N, H, W, C].
            labels: int [N].
            class_names: one for each class; classes without samples have an empty row.
            columns: samples in a row.
        """
        return pictures.rows_of_classes(samples, labels, class_names, columns)

    def write(
        self, samples: np.ndarray, directory: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> list[Path]:
        """Writes ``NAME.png`` for each image, at its own size; see ``Modality.write``.

        Characters of a name that do not belong in a file's become ``_``.
        """
        stems = file_stems(len(samples), names)
        return [
            pictures.save_png(sample, Path(directory) / f"{stem}.png")
            for sample, stem in zip(samples, stems, strict=True)
        ]


def _as_png(images: tf.Tensor) -> dict[str, tf.Tensor]:
    """uint8 [B, H, W, C] -> string [B]."""
    # One by one: the operation takes single images in some versions.
    return {"image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}
