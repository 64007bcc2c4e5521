"""``sines[:slow]``, ``watch``, ``sunspots`` and ``series:PATH``: time series, [T, C] of any units.

- ``sines``: 10,000 series of 24 steps and 5 channels, ``sin(2 pi f t + p)`` with a frequency f in
  [0, 0.1) per step and a phase p in [-pi, pi) for each channel. TimeGAN's sinusoidal data (Yoon et
  al. 2019, sec. 5.1) of the slower frequencies: the faster ones have fewer than ten steps a round.
- ``sines:slow``: ``sin(a t + b)`` with a and b in [0, 0.1): less than half a round, all of it above
  zero. The sinusoidal data of TTS-GAN (Li et al. 2022), whose published numbers are of these.
- ``watch``: exercises of the shoulder, seen by a watch; a second a piece. See ``packaged``.
- ``sunspots``: yearly numbers; 48 years a piece. See ``packaged``.
- ``series:PATH``: see ``recordings``.

Recordings longer than ``--series_length`` are cut into pieces, see ``windows``. Of the pieces
that are trained on, config.json keeps each channel's mean, standard deviation and correlation of a
step with the one before, by which ``tgan_tf.modalities.series`` makes what the networks see.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import packaged, windows
from tgan_tf.data.recordings import Recordings, read_recordings
from tgan_tf.data.types import Progress, SampleSet, Source

_SINES, _SINE_CHANNELS, _SINE_LENGTH = 10_000, 5, 24
_TOP_FREQUENCY, _SLOW_PHASE = 0.1, 0.1
_SUNSPOT_LENGTH = 48  # some four cycles
_WATCH_LENGTH = 24  # a second, about half of a repetition
_MOST_MEMORY = 0.98


def load(data: DataConfig, *, seed: int = 0, progress: Progress | None = None) -> Source:
    """Loads, cuts and splits; see the module and ``sources.load_source``."""
    del progress  # nothing here takes long
    kind, _, path = data.dataset.partition(":")
    flag = f"--dataset={data.dataset}"
    length, licence = data.series_length, ""
    if kind == "sines":
        if path not in ("", "slow"):
            raise ConfigError(f"{flag}: sines are sines, or sines:slow")
        recordings, licence = _sines(length or _SINE_LENGTH, slow=bool(path)), "none"
    elif kind == "sunspots":
        recordings, licence = packaged.sunspots(), "public domain"
        length = length or _SUNSPOT_LENGTH
    elif kind == "watch":
        recordings, licence = packaged.watch(), "BSD-3-Clause"
        length = length or _WATCH_LENGTH
    else:
        recordings = read_recordings(path)
    lengths = [len(values) for values in recordings.values]
    if not length:
        length = min(lengths)
        if len(lengths) == 1 or max(lengths) != length:
            raise ConfigError(
                f"{flag}: {len(lengths)} recordings of {length} to {max(lengths)} steps; say how"
                " long a sample is with --series_length"
            )
    names = recordings.names or tuple(f"recording {index}" for index in range(len(lengths)))
    short = tuple(
        f"{name}: {steps} steps, fewer than --series_length={length}"
        for name, steps in zip(names, lengths, strict=True)
        if steps < length
    )
    labels, class_names = _classes(recordings.labels if data.conditional else None)
    splits = windows.cut(
        lengths,
        labels,
        length=length,
        stride=data.series_stride or max(1, length // 2),
        val_fraction=data.val_fraction,
        seed=seed,
        flag=flag,
    )
    train, val = (_pieces(recordings, labels, pieces, length) for pieces in splits)
    mean = train.samples.mean(axis=(0, 1), dtype=np.float64)
    std = train.samples.std(axis=(0, 1), dtype=np.float64)
    # A channel that never changes stays as it is.
    std = np.where(std > 0, std, 1.0)
    channels = len(recordings.channel_names)
    return Source(
        name=Path(path).stem or kind,
        train=train,
        val=val,
        class_names=class_names,
        licence=licence,
        skipped=recordings.skipped + short,
        modality="series",
        shape=(length, 1, channels),
        vocabulary=recordings.channel_names,
        channel_mean=tuple(mean.tolist()),
        channel_std=tuple(std.tolist()),
        channel_memory=tuple(_memory((train.samples - mean) / std).tolist()),
    )


def _memory(samples: np.ndarray) -> np.ndarray:
    """Correlation of a step with the one before, of standardised [N, T, C]: [C], 0 to 0.98."""
    together = (samples[:, 1:] * samples[:, :-1]).mean(axis=(0, 1))
    # Of 1, nothing would be new; below 0, a step would be told apart less than it is.
    return np.clip(together, 0, _MOST_MEMORY)


def _classes(names: list[str] | None) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if names is None or len(set(names)) < 2:
        return None, ()
    class_names, labels = np.unique(names, return_inverse=True)
    return labels.astype(np.int32), tuple(map(str, class_names))


def _pieces(
    recordings: Recordings, labels: np.ndarray | None, pieces: windows.Pieces, length: int
) -> SampleSet:
    rows = [recordings.values[row][start : start + length] for row, start in pieces]
    chosen = None if labels is None else labels[[row for row, _ in pieces]]
    return SampleSet(np.stack(rows).astype(np.float32), chosen)


def _sines(length: int, slow: bool) -> Recordings:
    rng = np.random.default_rng(0)  # the data are the same in every run
    one_for_each = (_SINES, 1, _SINE_CHANNELS)
    frequency = rng.uniform(0, _TOP_FREQUENCY, one_for_each)
    if slow:
        phase = rng.uniform(0, _SLOW_PHASE, one_for_each)
    else:
        frequency *= 2 * np.pi
        phase = rng.uniform(-np.pi, np.pi, one_for_each)
    values = np.sin(frequency * np.arange(length)[:, None] + phase)  # [N, T, C]
    names = tuple(f"sine_{index}" for index in range(_SINE_CHANNELS))
    return Recordings(list(values), None, names, ())
