"""The same generator in fewer bits: TFLite files with half-precision and 8-bit weights.

| variant | weights | computes in | at least |
|---|---|---|---|
| `float32` | float32 | float32 | Keras' numbers |
| `float16` | float16 | float32 | 50 dB |
| `dynamic_int8` | int8 | int8 products of activations measured at run time | 40 dB |
| `int8` | int8 | int8, ranges measured beforehand on seeds | 35 dB |

The quality of a variant is the peak signal-to-noise ratio of its uint8 samples against Keras'. The
arithmetic around the network (a seed's z, truncation, decoding) stays in float32 in all of them, so
the same seed is the same picture, more or less exactly.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tgan_tf.exporting import TFLITE_VARIANTS, flatbuffer, portable_random, tflite
from tgan_tf.files import replacing
from tgan_tf.inference import EXACT, Sampler

_CALIBRATION_SEEDS = 128
# Other seeds than those that are calibrated on.
_FIRST_JUDGED, _JUDGED = 100_000, 64
_TIMED_CALLS = 50


@dataclass(frozen=True)
class Quantized:
    """A converted variant.

    Attributes:
        content: the file.
        psnr_db: of its samples against Keras'; infinite if they are equal.
        levels: the greatest difference of a value, of 255.
        in_float: parts of the network that had to stay in float32 for the quality.
    """

    content: bytes
    psnr_db: float
    levels: int
    in_float: tuple[str, ...] = ()


def quantize(sampler: Sampler, variant: str, batch_size: int = 1) -> Quantized:
    """Converts and measures one variant.

    Where full int8 misses its quality, parts of the network go back to float32, those first that
    gain most, until it does not; a part is a block, the first map or the output.

    Args:
        sampler: what to export.
        variant: of `TFLITE_VARIANTS`.
        batch_size: of every input and output.

    Returns:
        The variant, which may still miss its quality.

    Raises:
        ExportError: the generator cannot be converted, or float32 is not Keras'.
    """
    judge = _Judge(sampler, batch_size)
    if variant in ("float32", "float16"):
        content = tflite.convert(sampler, batch_size)
        tflite.check(sampler, content, batch_size)
        half = variant == "float16"
        return judge(flatbuffer.with_half_weights(content) if half else content)
    described = tflite.describe(sampler)
    with tempfile.TemporaryDirectory(prefix="tgan_tf-") as folder:
        converter = tflite.make_converter(sampler, batch_size, folder)
        if variant == "dynamic_int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            return judge(flatbuffer.with_metadata(converter.convert(), described))
        names = flatbuffer.results(converter.convert())
        converter = tflite.make_converter(sampler, batch_size, folder)
        calibrated = _calibrated(sampler, converter, batch_size)

    def convert(in_float: Sequence[str]) -> Quantized:
        kept = [name for name in names if _parts(name) & {EXACT, *in_float}]
        content = flatbuffer.with_metadata(calibrated(kept), described)
        found = judge(content)
        return Quantized(found.content, found.psnr_db, found.levels, tuple(in_float))

    best = convert(())
    if best.psnr_db >= TFLITE_VARIANTS["int8"]:
        return best
    parts = sorted({part for name in names for part in _parts(name)} - {EXACT, ""})
    gains = sorted(parts, key=lambda part: -convert((part,)).psnr_db)
    for count in range(1, len(gains) + 1):
        best = convert(tuple(gains[:count]))
        if best.psnr_db >= TFLITE_VARIANTS["int8"]:
            break
    return best


def _parts(name: str) -> set[str]:
    """The parts of the network that an operation belongs to, by its name; fused ones have many."""
    first = (part.split("/")[0] for part in name.split(";") if "/" in part)
    # Each signature's trace counts on: block, block_1.
    return {EXACT if part.startswith(EXACT) else part for part in first}


def _calibrated(
    sampler: Sampler, converter: tf.lite.TFLiteConverter, batch_size: int
) -> Callable[[list[str]], bytes]:
    """Full int8 from measured ranges: names that stay in float32 -> file."""

    def requests() -> Iterator[tuple[str, dict[str, npt.NDArray]]]:
        for first in range(0, _CALIBRATION_SEEDS, batch_size):
            seed = np.arange(first, first + batch_size, dtype=np.int32)
            label = _label(sampler, seed)
            inputs = {"seed": seed, **_ones(sampler, batch_size), **label}
            yield "sample", inputs
            if sampler.modality.given_shape:
                given = sampler.modality.withheld(sampler.sample(seed))
                yield "complete", {**inputs, "given": given}
            z = portable_random.normal_numpy(seed, sampler.latent_dim)
            yield "generate", {"z": z, **label}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = requests
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    options = tf.lite.experimental.QuantizationDebugOptions()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it still uses the interpreter that LiteRT succeeds
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_options=options
        )

    def convert(in_float: list[str]) -> bytes:
        options.denylisted_nodes = in_float
        return debugger.get_nondebug_quantized_model()

    return convert


def _label(sampler: Sampler, seeds: npt.NDArray[np.int32]) -> dict[str, npt.NDArray]:
    """Each seed's own condition, by the name of the input; nothing of an unconditional one."""
    condition = sampler.condition
    return {condition.name: condition.of_seeds(seeds)} if condition.name else {}


def _ones(sampler: Sampler, batch_size: int) -> dict[str, npt.NDArray]:
    """Truncation and guidance that leave w alone."""
    names = ("truncation", "guidance") if sampler.guided else ("truncation",)
    return {name: np.ones(batch_size, np.float32) for name in names}


class _Judge:
    """Samples of a file against Keras'."""

    def __init__(self, sampler: Sampler, batch_size: int) -> None:
        seeds = np.arange(_FIRST_JUDGED, _FIRST_JUDGED + _JUDGED, dtype=np.int32)
        self._seeds = seeds[: _JUDGED // batch_size * batch_size or batch_size]
        self._batch, self._ones = batch_size, _ones(sampler, batch_size)
        self._kind = sampler.modality.name
        self._label = _label(sampler, self._seeds)
        self._expected = sampler.sample(self._seeds).astype(np.int32)

    def __call__(self, content: bytes) -> Quantized:
        tflite.check_operators(content)
        run = Interpreter(model_content=content, num_threads=1).get_signature_runner("sample")
        made = []
        for first in range(0, len(self._seeds), self._batch):
            part = slice(first, first + self._batch)
            label = {name: values[part] for name, values in self._label.items()}
            made.append(run(seed=self._seeds[part], **self._ones, **label)[self._kind].copy())
        error = np.abs(np.concatenate(made).astype(np.int32) - self._expected)
        mean_square = float(np.mean(np.square(error, dtype=np.float64)))
        psnr = 10 * np.log10(255**2 / mean_square) if mean_square else np.inf
        return Quantized(content, float(psnr), int(error.max()))


@dataclass(frozen=True)
class Variant:
    """A row of the table of TFLite files.

    Attributes:
        variant: of `TFLITE_VARIANTS`.
        file: its name.
        size_bytes: of the file.
        psnr_db: of its samples against Keras'; None: they are equal.
        levels: the greatest difference of a value, of 255.
        needed_db: the quality that the variant should have.
        ms: median time of one call of `sample`, one thread, in milliseconds.
        in_float: parts of the network that stayed in float32 for the quality.
    """

    variant: str
    file: str
    size_bytes: int
    psnr_db: float | None
    levels: int
    needed_db: float
    ms: float
    in_float: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether it has the quality that it should have."""
        return self.psnr_db is None or self.psnr_db >= self.needed_db


def to_tflite_variants(
    sampler: Sampler,
    path: str | os.PathLike[str],
    variants: Iterable[str] = tuple(TFLITE_VARIANTS),
    *,
    batch_size: int = 1,
) -> list[Variant]:
    """Writes TFLite files in several precisions, and a table of them beside.

    `digits.tflite` is the float32 file, `digits.int8.tflite` that of int8, and so on;
    `digits.variants.json` and `digits.variants.md` are the table. All variants are made before the
    first is written.

    Args:
        sampler: what to export.
        path: of the float32 file; replaced if it exists, as the others are.
        variants: of `TFLITE_VARIANTS`.
        batch_size: of every input and output.

    Returns:
        The table; `is_good` says of a row whether the variant has its quality.

    Raises:
        ExportError: as for `to_tflite`; nothing is written.
        ValueError: an unknown variant, none, or `batch_size` is not positive.
    """
    path, variants = Path(path), list(variants)
    unknown = [name for name in variants if name not in TFLITE_VARIANTS]
    if unknown or not variants:
        raise ValueError(
            f"variants={','.join(variants)}: give some of {', '.join(TFLITE_VARIANTS)}."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    made = {name: quantize(sampler, name, batch_size) for name in variants}
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, quantized in made.items():
        file = path if name == "float32" else path.with_suffix(f".{name}{path.suffix}")
        with replacing(file) as beside:
            beside.write_bytes(quantized.content)
        psnr = None if np.isinf(quantized.psnr_db) else quantized.psnr_db
        size, needed = len(quantized.content), TFLITE_VARIANTS[name]
        ms = _milliseconds(sampler, quantized.content, batch_size)
        rows.append(
            Variant(name, file.name, size, psnr, quantized.levels, needed, ms, quantized.in_float)
        )
    with replacing(path.with_suffix(".variants.json")) as beside:
        values = [{**asdict(row), "is_good": row.is_good} for row in rows]
        beside.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    with replacing(path.with_suffix(".variants.md")) as beside:
        beside.write_text(table(rows) + "\n", encoding="utf-8")
    return rows


def table(rows: Iterable[Variant]) -> str:
    """Of TFLite files, as Markdown."""
    lines = [
        "| file | MiB | ms | PSNR dB | needed | greatest difference | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        psnr = "equal" if row.psnr_db is None else f"{row.psnr_db:.1f}"
        remark = "" if row.is_good else "**misses its quality**"
        if row.in_float:
            remark += f" float32: {', '.join(row.in_float)}"
        lines.append(
            f"| {row.file} | {row.size_bytes / 2**20:.2f} | {row.ms:.2f} | {psnr} |"
            f" {row.needed_db:g} | {row.levels} of 255 | {remark.strip()} |"
        )
    return "\n".join(lines)


def _milliseconds(sampler: Sampler, content: bytes, batch_size: int) -> float:
    """Median time of one call of `sample`."""
    run = Interpreter(model_content=content, num_threads=1).get_signature_runner("sample")
    zeros = np.zeros(batch_size, np.int32)
    inputs = {"seed": zeros, **_ones(sampler, batch_size), **_label(sampler, zeros)}
    times = []
    for _ in range(_TIMED_CALLS):
        start = time.perf_counter()
        run(**inputs)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3
