"""Pictures of a run as it goes: real samples once, fakes of the same latents again and again."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tgan_tf.conditions import Kept, condition_of
from tgan_tf.data.types import SampleSet
from tgan_tf.exporting import portable_random
from tgan_tf.files import replacing
from tgan_tf.gan import TransformerGAN
from tgan_tf.inference import Sampler
from tgan_tf.modalities import pictures

_COLUMNS = 8
_CLASS_COLUMNS = 10
_MOST_CLASSES = 20
_PIXELS_AT_ONCE = 2**22
_CLIPS = 16
_FILM_CELLS, _FILM_STEPS, _FILM_SECONDS = 8, 12, 0.08


class Preview:
    """Draws with the averaged generator while it is being trained.

    The fakes are those of the seeds 0 to 63, so they are what ``python -m tgan_tf.generate`` draws
    of the same checkpoint.

    Args:
        gan: whose averaged generator draws.
        folder: of the pictures; made if need be.
        kept: attributes or vectors of training samples, of which each seed has one.
    """

    def __init__(
        self,
        gan: TransformerGAN,
        folder: str | os.PathLike[str],
        kept: Kept | None = None,
    ) -> None:
        self._condition = condition_of(gan.config, kept)
        self._modality = gan.modality
        self._config = gan.config
        self._folder = Path(folder)
        self._render = tf.function(self._generate, autograph=False)
        self._gan = gan
        *size, _ = gan.modality.signal_shape
        self._rows = max(1, min(_COLUMNS, 2048 // size[0]))
        self._batch = max(1, min(_COLUMNS * self._rows, _PIXELS_AT_ONCE // math.prod(size)))

    def sample(
        self,
        seeds: npt.ArrayLike,
        label: np.ndarray | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """One sample for each seed, as ``Sampler.sample`` makes them without truncation.

        Args:
            seeds: int [N].
            label: int [N] or float [N, K]; None: each seed's own.
            progress: called with (samples done, N).

        Returns:
            [N, *sample_shape], of images uint8 [N, H, W, C].
        """
        seeds = np.asarray(seeds, np.int32)
        if self._condition.name and label is None:
            label = self._condition.of_seeds(seeds)
        z = portable_random.normal_numpy(seeds, self._config.generator.latent_dim)
        count, parts = len(z), []
        for start in range(0, count, self._batch):
            # Always the same size: the function is traced once.
            part = np.arange(start, start + self._batch) % count
            own = None if label is None else tf.constant(label[part], self._condition.dtype)
            of_seeds = tf.constant(seeds[part])
            parts.append(self._render(tf.constant(z[part]), own, of_seeds).numpy())
            if progress is not None:
                progress(min(start + self._batch, count), count)
        return np.concatenate(parts)[:count]

    def _generate(self, z: tf.Tensor, label: tf.Tensor | None, seeds: tf.Tensor) -> tf.Tensor:
        """As ``TransformerGAN.generate``; seeds int32 ``[B]`` choose tokens made one by one."""
        if not self._config.is_autoregressive:
            return self._gan.generate(z, label)
        noise = portable_random.token_noise(seeds, self._modality.sequence_shape[1])
        return self._gan.generate(z, label, noise)

    def reals(self, images: SampleSet) -> np.ndarray:
        """``reals.png``: training images, chosen by the run's seed."""
        rng = np.random.default_rng(self._config.training.seed)
        count = min(len(images), _COLUMNS * self._rows)
        chosen = np.sort(rng.choice(len(images), count, replace=False))
        shown = images.samples[chosen][rng.permutation(count)]
        return self._write("reals", self._modality.grid(shown, _COLUMNS), shown)

    def fakes(self, kimg: float) -> np.ndarray:
        """``fakes000123.png``, or ``fakes000123_456.png``: of the fixed latents, after ``kimg``."""
        fakes = self.sample(np.arange(_COLUMNS * self._rows))
        return self._write("fakes", self._modality.grid(fakes, _COLUMNS), fakes, _number(kimg))

    def classes(self) -> np.ndarray | None:
        """``classes.png``: a named row for each class or attribute, the same latents in each."""
        names, labels = self._condition.rows(_MOST_CLASSES)
        if not names:
            return None
        seeds = np.tile(np.arange(_CLASS_COLUMNS), len(names))
        rows = np.repeat(np.arange(len(names)), _CLASS_COLUMNS)
        samples = self.sample(seeds, labels[rows])
        grid = self._modality.class_rows(samples, rows, names, _CLASS_COLUMNS)
        return self._write("classes", grid, samples)

    def _write(
        self, name: str, grid: np.ndarray, samples: np.ndarray, number: str = ""
    ) -> np.ndarray:
        pictures.save_png(grid, self._folder / f"{name}{number}.png")
        if text := self._modality.sheet(samples):
            with replacing(self._folder / f"{name}{number}.txt") as beside:
                beside.write_text(text, encoding="utf-8")
        return grid


def film(sampler: Sampler, folder: str | os.PathLike[str]) -> Path:
    """``interpolation.png``, an animated PNG: straight lines in w, from seed to seed and back.

    Each of eight cells walks through three seeds of its own; where there are conditions, through
    samples of one.
    """
    cells = []
    for cell in range(_FILM_CELLS):
        label = None
        if sampler.condition.name:
            label = sampler.condition.of_seeds([cell])[0]
        if sampler.num_classes:
            label = cell % sampler.num_classes
        seeds = [3 * cell, 3 * cell + 1, 3 * cell + 2, 3 * cell]
        walks = [
            sampler.interpolate(a, b, _FILM_STEPS + 1, label)[:-1]
            for a, b in itertools.pairwise(seeds)
        ]
        cells.append(np.concatenate(walks))  # [frames, *sample_shape]
    frames = []
    for index in range(len(cells[0])):
        samples, columns = np.stack([cell[index] for cell in cells]), _FILM_CELLS // 2
        moments = sampler.modality.moments(samples, columns)
        frames.append(
            moments[index % len(moments)] if moments else sampler.modality.grid(samples, columns)
        )
    return pictures.save_film(frames, Path(folder) / "interpolation.png", _FILM_SECONDS)


def clips(sampler: Sampler, reals: SampleSet, folder: str | os.PathLike[str]) -> None:
    """``clips.png`` and ``real_clips.png``, animated PNGs, of samples that move."""
    chosen = np.linspace(0, len(reals) - 1, _CLIPS).astype(np.int64)
    for name, samples in (
        ("clips", sampler.sample(range(_CLIPS))),
        ("real_clips", reals.samples[chosen]),
    ):
        moments = sampler.modality.moments(samples)
        pictures.save_film(
            moments, Path(folder) / f"{name}.png", 1 / sampler.config.data.frame_rate
        )


def _number(kimg: float) -> str:
    """To the image, so that names differ however often pictures are made; they sort by it."""
    thousands, rest = divmod(round(kimg * 1000), 1000)
    return f"{thousands:06d}" + (f"_{rest:03d}" if rest else "")
