"""Whether an exported file computes what Keras computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tgan_tf.exporting import portable_random
from tgan_tf.inference import Sampler

FLOAT_TOLERANCE = 1e-4  # of the largest absolute value
_CAPTIONS = ("a red apple", "two cats, sleeping", "")
LEVEL_TOLERANCE = 1  # of 255: a value half-way between two levels may round either way


class ExportError(RuntimeError):
    """An export that would not compute what Keras computes; nothing of it is kept."""


@dataclass(frozen=True)
class Export:
    """An exported file or folder that was kept.

    Attributes:
        path: where it is.
        size_bytes: of all its files.
        errors: for each signature the greatest difference from Keras: relative to the largest value
            for float outputs, in levels of 255 for uint8.
    """

    path: Path
    size_bytes: int
    errors: Mapping[str, float]

    def summary(self) -> str:
        """Path, size and errors for a person, in two lines."""
        errors = ", ".join(f"{name} {error:.2g}" for name, error in self.errors.items())
        return (
            f"{self.path} ({self.size_bytes / 2**20:.2f} MiB)\n"
            f"greatest difference from Keras (float: of the largest value; uint8: levels): {errors}"
        )


@dataclass(frozen=True)
class Case:
    """One request and the answer that Keras gives to it."""

    signature: str
    inputs: Mapping[str, npt.NDArray]
    expected: npt.NDArray


def make_cases(
    sampler: Sampler, batch_size: int, *, first_seed: int = 0, portable: bool = False
) -> Iterator[Case]:
    """Requests for every signature, answered by Keras.

    Args:
        sampler: what is exported.
        batch_size: of the requests.
        first_seed: requests with other first seeds are other requests.
        portable: only those that TFLite files have.

    Raises:
        ExportError: Keras itself makes numbers that are not finite.
    """
    seeds = np.arange(first_seed, first_seed + batch_size, dtype=np.int32)
    truncation = np.linspace(1.0, 0.5, batch_size, dtype=np.float32)
    z = portable_random.normal_numpy(seeds, sampler.latent_dim)
    condition, others = sampler.condition, seeds + np.int32(1)
    labels, other_labels = (condition.of_seeds(which) for which in (seeds, others))
    label, keras_label = {}, None
    if condition.name:
        label, keras_label = {condition.name: labels}, tf.constant(labels)
    image = sampler.modality.show(sampler.generator(tf.constant(z), keras_label)).numpy()
    if not np.isfinite(image).all():
        raise ExportError(
            f"the generator at step {sampler.step} makes values that are not finite; the training"
            " diverged: export an earlier checkpoint."
        )
    yield Case("generate", {"z": z, **label}, image)
    if not portable:
        yield Case("serving_default", {"z": z, **label}, image)
    guidance = np.linspace(1.5, 1.0, batch_size, dtype=np.float32)
    inputs = {"seed": seeds, "truncation": truncation, **label}
    if sampler.guided:
        inputs |= {"guidance": guidance}
    steering: dict[str, npt.NDArray] = {}
    if sampler.steered:
        steering = {
            "temperature": np.linspace(1.0, 0.7, batch_size, dtype=np.float32),
            "top_k": np.arange(batch_size, dtype=np.int32) * 10,
            "top_p": np.linspace(1.0, 0.8, batch_size, dtype=np.float32),
        }
        inputs |= steering
    if sampler.takes_prefix:
        length = sampler.modality.sequence_shape[0]
        inputs["prefix"] = np.full((batch_size, length), -1, np.int32)
    samples = [
        sampler.sample(
            [int(seed)],
            own[np.newaxis] if label else None,
            psi,
            scale if sampler.guided else 1.0,
            **{name: values[row].item() for name, values in steering.items()},
        )
        for row, (seed, own, psi, scale) in enumerate(
            zip(seeds, labels, truncation, guidance, strict=True)
        )
    ]
    yield Case("sample", inputs, np.concatenate(samples))
    if sampler.modality.given_shape:
        given = sampler.modality.withheld(np.concatenate(samples))
        completed = [
            sampler.complete(
                [int(seed)],
                part,
                own[np.newaxis] if label else None,
                psi,
                scale if sampler.guided else 1.0,
                **{name: values[row].item() for name, values in steering.items()},
            )
            for row, (seed, part, own, psi, scale) in enumerate(
                zip(seeds, given, labels, truncation, guidance, strict=True)
            )
        ]
        yield Case("complete", {**inputs, "given": given}, np.concatenate(completed))
    if portable:
        return
    for name in sampler.modality.files():
        yield Case(name, inputs, sampler.modality.filed(np.concatenate(samples)))
    if encoder := condition.encoder:
        texts = [_CAPTIONS[seed % len(_CAPTIONS)] for seed in seeds]
        own = [
            sampler.sample([int(seed)], None, psi, scale if sampler.guided else 1.0, text=text)
            for seed, psi, scale, text in zip(seeds, truncation, guidance, texts, strict=True)
        ]
        text = {"text": np.array(texts, object)}
        yield Case("encode", text, encoder.encode(texts))
        others_than_label = {name: value for name, value in inputs.items() if name not in label}
        yield Case("sample_text", others_than_label | text, np.concatenate(own))
    if sampler.judges:
        images = np.concatenate(samples)
        yield Case(
            "discriminate",
            {sampler.modality.name: images, **label},
            sampler.discriminate(images, keras_label).numpy(),
        )
    if names := sampler.directions.names:
        strengths = np.random.default_rng(first_seed).normal(size=(batch_size, len(names)))
        strengths = strengths.astype(np.float32)
        edited = [
            sampler.sample(
                [int(seed)],
                own[np.newaxis] if label else None,
                psi,
                scale if sampler.guided else 1.0,
                edits=dict(zip(names, map(float, strengths[row]), strict=True)),
                **{name: values[row].item() for name, values in steering.items()},
            )
            for row, (seed, own, psi, scale) in enumerate(
                zip(seeds, labels, truncation, guidance, strict=True)
            )
        ]
        yield Case("edit", {**inputs, "strengths": strengths}, np.concatenate(edited))
    between = [
        sampler.interpolate(
            int(seed),
            int(other),
            3,
            np.stack(both) if label else None,
            psi,
            scale if sampler.guided else 1.0,
        )[1:2]
        for seed, other, *both, psi, scale in zip(
            seeds, others, labels, other_labels, truncation, guidance, strict=True
        )
    ]
    ends = {"seed_a": seeds, "seed_b": others, "t": np.full(batch_size, 0.5, np.float32)}
    ends |= {name: value for name, value in inputs.items() if name in ("truncation", "guidance")}
    if label:
        ends |= {f"{condition.name}_a": labels, f"{condition.name}_b": other_labels}
    yield Case("interpolate", ends, np.concatenate(between))


def difference(case: Case, answer: npt.NDArray) -> float:
    """How far `answer` is from the case's expected one, in the units of `Export.errors`.

    Raises:
        ExportError: it is further than the tolerance, or of another shape or type.
    """
    expected = case.expected
    what = f"signature {case.signature!r} at batch {len(expected)}"
    if (answer.shape, answer.dtype) != (expected.shape, expected.dtype):
        raise ExportError(
            f"{what} gives {answer.dtype} {answer.shape}, Keras {expected.dtype} {expected.shape}."
        )
    error = float(np.abs(answer.astype(np.float64) - expected.astype(np.float64)).max())
    tolerance: float = LEVEL_TOLERANCE
    if expected.dtype != np.uint8:
        error /= float(np.abs(expected).max()) or 1.0
        tolerance = FLOAT_TOLERANCE
    if not error <= tolerance:  # also when it is NaN
        raise ExportError(f"{what} is {error:.3g} from Keras, {tolerance:g} is allowed.")
    return error
