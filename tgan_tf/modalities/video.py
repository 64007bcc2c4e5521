"""Video: uint8 clips [F, H, W, C] as stored, floating point in [-1, 1] for the networks."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageSequence

from tgan_tf.config import Config, ConfigError
from tgan_tf.files import replacing
from tgan_tf.modalities import pictures
from tgan_tf.modalities.base import Modality, file_stems

_SHOWN = 8  # frames of a clip in a picture of many


class VideoModality(Modality):
    """Clips of one length and size.

    Args:
        config: with the shape resolved.
        length: frames of a clip; 0: as in training.

    Raises:
        ConfigError: when the shape is not resolved.
    """

    name = "video"
    plural = "clips"
    sample_dtype = np.dtype(np.uint8)
    augmentations = ()

    def __init__(self, config: Config, length: int = 0) -> None:
        if not config.is_resolved or len(config.data.shape) != 4:
            raise ConfigError("the shape of a clip is not known before the data are read")
        frames, height, width, channels = config.data.shape
        self.sample_shape = self.signal_shape = (length or frames, height, width, channels)
        given = config.data.given_frames
        self.given_shape = (given, height, width, channels) if given else ()
        self._tanh = config.generator.g_output_activation == "tanh"
        self._rate = config.data.frame_rate

    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """uint8 [B, F, H, W, C] to float32 in [-1, 1]: x / 127.5 - 1."""
        return tf.cast(samples, tf.float32) / 127.5 - 1.0

    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """tanh, or nothing; decoding clips."""
        return tf.tanh(values) if self._tanh else values

    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """Floating point [B, F, H, W, C] to uint8, rounded half to even, as images are."""
        scaled = (tf.cast(values, tf.float32) + 1.0) * 127.5
        return tf.cast(tf.round(tf.clip_by_value(scaled, 0.0, 255.0)), tf.uint8)

    def give(self, given: tf.Tensor) -> tf.Tensor:
        """The first frames as ``encode`` has them, with a channel of ones: they are there."""
        return self.part_given(self.encode(given))

    def part_given(self, signals: tf.Tensor) -> tf.Tensor:
        first = signals[:, : self.given_shape[0]]
        return tf.concat([first, tf.ones_like(first[..., :1])], axis=-1)

    def withheld(self, samples: np.ndarray) -> np.ndarray:
        return samples[:, : self.given_shape[0]]

    def describe(self) -> str:
        frames, height, width, channels = self.sample_shape
        return f"{frames} frames of {height} x {width} {({1: 'grey', 3: 'RGB'})[channels]}"

    def files(self) -> Mapping[str, Callable[[tf.Tensor], dict[str, tf.Tensor]]]:
        return {"sample_png": _as_strip}

    def unfiled(self, signature: str, file: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(file)) as image:
            strip = np.asarray(image)
        frames, height, width, channels = self.sample_shape
        return strip.reshape(height, frames, width, channels).swapaxes(0, 1)

    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """A row for each clip, or several clips in a row: frames evenly spaced, side by side."""
        return pictures.tile(self._strips(samples), columns or 1, scale=1)

    def moments(self, samples: np.ndarray, columns: int = 0) -> list[np.ndarray]:
        return [pictures.tile(frames, columns) for frames in samples.swapaxes(0, 1)]

    def class_rows(
        self,
        samples: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        columns: int = 1,
    ) -> np.ndarray:
        """One picture with a named row of the first clips of each class."""
        return pictures.rows_of_classes(
            self._strips(samples), labels, class_names, max(1, columns // _SHOWN), scale=1
        )

    def write(
        self, samples: np.ndarray, directory: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> list[Path]:
        """``NAME.gif`` for each clip, its film strip ``NAME.png``, and ``NAME.mp4`` where
        imageio-ffmpeg is installed (``pip install 'tgan_tf[video]'``).

        Returns the GIF files.
        """
        files = []
        for clip, stem in zip(samples, file_stems(len(samples), names), strict=True):
            path = Path(directory) / f"{stem}.gif"
            pictures.save_png(pictures.tile(clip, len(clip)), path.with_suffix(".png"))
            large = _enlarged(clip)
            with replacing(path) as beside:
                first, *others = (
                    Image.fromarray(f[..., 0] if f.shape[-1] == 1 else f) for f in large
                )
                milliseconds = round(1000 / self._rate)
                first.save(
                    beside,
                    format="GIF",
                    save_all=True,
                    append_images=others,
                    duration=milliseconds,
                    loop=0,
                )
            files.append(path)
            _write_mp4(large, path.with_suffix(".mp4"), self._rate)
        return files

    def _strips(self, samples: np.ndarray) -> np.ndarray:
        """Clips [N, F, H, W, C] -> pictures uint8 [N, h, w, C] of some of their frames."""
        frames = samples.shape[1]
        shown = np.linspace(0, frames - 1, min(_SHOWN, frames)).round().astype(int)
        return np.stack([pictures.tile(clip[shown], len(shown)) for clip in samples])


def read_gif(path: str | os.PathLike[str]) -> np.ndarray:
    """The frames of a file that ``write`` made, uint8 [F, H, W, C], still enlarged."""
    with Image.open(path) as image:
        frames = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)]
    return np.stack(frames)


def _enlarged(clip: np.ndarray) -> np.ndarray:
    scale = pictures.legible_scale(*clip.shape[1:3])
    scale += scale * clip.shape[1] % 2 or scale * clip.shape[2] % 2  # MP4 has even sides
    return clip.repeat(scale, axis=1).repeat(scale, axis=2)


def _write_mp4(clip: np.ndarray, path: Path, rate: float) -> None:
    try:
        import imageio.v3 as iio
        import imageio_ffmpeg  # noqa: F401  # what the other needs for this format
    except ImportError:
        return
    file = iio.imwrite(
        "<bytes>",
        clip.repeat(3, axis=-1) if clip.shape[-1] == 1 else clip,
        extension=".mp4",
        plugin="FFMPEG",
        fps=rate,
        macro_block_size=2,
    )
    with replacing(path) as beside:
        beside.write_bytes(file)


def _as_strip(clips: tf.Tensor) -> dict[str, tf.Tensor]:
    """uint8 [B, F, H, W, C] -> string [B]: PNG files of all frames, side by side."""
    _, frames, height, width, channels = clips.shape
    strips = tf.transpose(clips, (0, 2, 1, 3, 4))  # [B, H, F, W, C]
    strips = tf.reshape(strips, (-1, height, frames * width, channels))
    return {"image_bytes": tf.map_fn(tf.io.encode_png, strips, fn_output_signature=tf.string)}
