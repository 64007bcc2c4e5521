"""The functions of an exported generator.

Every input and output has the batch in front and none is a scalar: TensorFlow Serving batches
requests only then. Inputs are addressed by name, their order differs between runtimes.

| signature | inputs | output `image` |
|---|---|---|
| `generate`, `serving_default` | z float32 [B, latent_dim], label int32 [B] | float32 [B, H, W, C], nominally in [-1, 1] |
| `sample` | seed int32 [B], label int32 [B], truncation float32 [B], guidance float32 [B] | uint8 [B, H, W, C] |

An unconditional generator has no input `label`; one that was trained without `--condition_dropout`
has no input `guidance`, and with it the label after the last class is "no class".
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tgan_tf.inference import Sampler

Functions = Mapping[str, Any]  # signature name -> ConcreteFunction


def build_functions(sampler: Sampler, batch_size: int | None = None) -> Functions:
    """Traces the functions behind the signatures.

    Args:
        sampler: what to export.
        batch_size: None leaves the batch open.

    Returns:
        `generate` and `sample` as concrete functions that return `{"image": ...}`.
    """

    def generate(z: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": sampler.generator(z, *label)}

    def sample(seed: tf.Tensor, truncation: tf.Tensor, *rest: tf.Tensor) -> dict[str, tf.Tensor]:
        guidance, label = [*(rest if sampler.guided else (None, *rest)), None][:2]
        return {"image": sampler.render(seed, label, truncation, guidance)}

    def vector(name: str, dtype: tf.DType) -> tf.TensorSpec:
        return tf.TensorSpec([batch_size], dtype, name)

    label = [vector("label", tf.int32)] if sampler.num_classes else []
    inputs = {
        generate: [tf.TensorSpec([batch_size, sampler.latent_dim], tf.float32, "z")],
        sample: [vector("seed", tf.int32), vector("truncation", tf.float32)],
    }
    if sampler.guided:
        inputs[sample].append(vector("guidance", tf.float32))
    # No jit_compile: the attribute would stay in the file, and servers have XLA off on the CPU.
    return {
        function.__name__: tf.function(
            function, input_signature=[*specs, *label], autograph=False
        ).get_concrete_function()
        for function, specs in inputs.items()
    }


def save(functions: Functions, path: str) -> None:
    """Writes a SavedModel whose variables are stored once and found by every loader.

    The saved object holds the raw variables of the graphs. With a Keras model as its attribute,
    Python would load the file, but the Session loader (TensorFlow Serving, C, Java, Go) would not
    find the variables; `model.export` stores each of them twice.
    """
    module = tf.Module()
    variables = {id(v): v for f in functions.values() for v in f.graph.variables}
    module.state = list(variables.values())
    tf.saved_model.save(
        module, path, signatures={**functions, "serving_default": functions["generate"]}
    )


def describe(functions: Functions) -> dict[str, dict[str, dict[str, Any]]]:
    """Names, types and shapes (None is the batch) of all inputs and outputs, as plain values."""

    def plain(specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
        return {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in sorted(specs.items())
        }

    return {
        name: {
            "inputs": plain({spec.name: spec for spec in function.structured_input_signature[0]}),
            "outputs": plain(function.structured_outputs),
        }
        for name, function in functions.items()
    }
