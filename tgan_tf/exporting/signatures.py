"""The functions of an exported generator.

Every input and output has the batch in front and none is a scalar: TensorFlow Serving batches
requests only then. Inputs are addressed by name, their order differs between runtimes.

| signature | inputs | output |
|---|---|---|
| `generate`, `serving_default` | z float32 [B, latent_dim], label int32 [B] | `image` float32 [B, H, W, C], nominally in [-1, 1] |
| `sample` | seed int32 [B], label int32 [B], truncation float32 [B], guidance float32 [B] | `image` uint8 [B, H, W, C] |
| `sample_png` | the same | `image_bytes` string [B], PNG files, which REST gives in base64 |
| `sample_text` | those of `sample`, with text string [B] instead of condition | `image_bytes`; of a run with `--captions` |
| `encode` | text string [B] | `condition` float32 [B, K]; of a run with `--captions` |
| `interpolate` | seed_a, seed_b, label_a, label_b, t in [0, 1], truncation, guidance, [B] each | `image` uint8 [B, H, W, C] on the line in w from one to the other |
| `discriminate` | image uint8 [B, H, W, C], label int32 [B] | `probability` float32 [B], how probable D finds it that they are real; of a run whose D judges images one by one |
| `complete` | those of `sample`, given uint8 | `music` [B, T, V], in which given voices [B, T, V] are as given; voices to be written begin with 255; of a run with `--given_voices`. `video` [B, F, H, W, C], whose first frames are the given ones [B, k, H, W, C]; of a run with `--given_frames` |
| `edit` | those of `sample`, strengths float32 [B, K] | `image` uint8 [B, H, W, C]; of a run with K directions |

Other modalities have their own name for `image`, their own shapes and types, and other signatures
than `sample_png`, see `Modality.files`. An unconditional generator has no input `label`; of
attributes it is called `attributes`, of a vector `condition`, float32 [B, K] both (`attributes_a` and
so on). One that was trained without `--condition_dropout` has no input `guidance`, and with it the
label after the last class is "no class". What is made token by token has more inputs of `sample` and
all that is like it: temperature float32 [B], top_k int32 [B], top_p float32 [B], and of texts prefix
int32 [B, T], negative where no token is given; `sample_text` of texts gives `string` [B]. TFLite
files have `generate`, `sample` and `complete` alone.
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
        Concrete functions by signature; with an open batch those of servers too.
    """
    kind = sampler.modality.name

    def generate(z: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        return {kind: sampler.modality.show(sampler.generator(z, *label))}

    def sample(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        given = dict(zip(arguments, inputs, strict=True))
        return {kind: sampler.render(**{"label": None, **given})}

    def interpolate(
        seed_a: tf.Tensor, seed_b: tf.Tensor, t: tf.Tensor, truncation: tf.Tensor, *rest: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        guidance, *labels = rest if sampler.guided else (None, *rest)
        label_a, label_b = labels or (None, None)
        walk = sampler.render_between(seed_a, seed_b, label_a, label_b, t, truncation, guidance)
        return {kind: walk}

    def edit(
        seed: tf.Tensor, strengths: tf.Tensor, truncation: tf.Tensor, *rest: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        given = {"label": None, **dict(zip(arguments[2:], rest, strict=True))}
        offset = tf.matmul(strengths, sampler.directions.vectors)  # [B, w_dim]
        return {kind: sampler.render(seed, truncation=truncation, offset=offset, **given)}

    def complete(
        seed: tf.Tensor, given: tf.Tensor, truncation: tf.Tensor, *rest: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        controls = {"label": None, **dict(zip(arguments[2:], rest, strict=True))}
        return {kind: sampler.completed(seed, given, truncation=truncation, **controls)}

    def discriminate(given: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability": sampler.discriminate(given, *label)}

    def filed(convert: Any) -> Any:
        return lambda *inputs: convert(sample(*inputs)[kind])

    def of_text(convert: Any, encode: Any) -> Any:
        def sample_text(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            *others, text = inputs
            return convert(sample(*others, encode(text))[kind])

        return sample_text

    def vector(name: str, dtype: tf.DType) -> tf.TensorSpec:
        return tf.TensorSpec([batch_size], dtype, name)

    controls = [vector("truncation", tf.float32)]
    controls += [vector("guidance", tf.float32)] if sampler.guided else []
    steering = []
    if sampler.steered:
        steering = [
            vector("temperature", tf.float32),
            vector("top_k", tf.int32),
            vector("top_p", tf.float32),
        ]
    if sampler.takes_prefix:
        length = sampler.modality.sequence_shape[0]
        steering.append(tf.TensorSpec([batch_size, length], tf.int32, "prefix"))
    condition = sampler.condition
    label = [condition.spec(batch_size)] if condition.name else []
    seed_and_more = [vector("seed", tf.int32), *controls, *steering, *label]
    # What the sampler calls them.
    arguments = ["label" if [spec] == label else spec.name for spec in seed_and_more]
    functions: dict[str, tuple[Any, list[tf.TensorSpec]]] = {
        "generate": (
            generate,
            [tf.TensorSpec([batch_size, sampler.latent_dim], tf.float32, "z"), *label],
        ),
        "sample": (sample, seed_and_more),
    }
    if given_shape := sampler.modality.given_shape:
        dtype = tf.as_dtype(sampler.modality.sample_dtype)
        given = tf.TensorSpec([batch_size, *given_shape], dtype, "given")
        functions["complete"] = (complete, [seed_and_more[0], given, *seed_and_more[1:]])
    if batch_size is None:
        text = vector("text", tf.string)
        if encoder := condition.encoder:
            functions["encode"] = (lambda text: {condition.name: encoder(text)}, [text])
        ends = [vector(f"seed_{end}", tf.int32) for end in "ab"]
        labels = [condition.spec(None, f"_{end}") for end in "ab"] if label else []
        for name, convert in sampler.modality.files().items():
            functions[name] = (filed(convert), seed_and_more)
            if encoder:
                functions["sample_text"] = (of_text(convert, encoder), [*seed_and_more[:-1], text])
        if count := len(sampler.directions.names):
            strengths = tf.TensorSpec([None, count], tf.float32, "strengths")
            functions["edit"] = (edit, [seed_and_more[0], strengths, *seed_and_more[1:]])
        if sampler.judges:
            shape = [None, *sampler.modality.sample_shape]
            given = tf.TensorSpec(shape, tf.as_dtype(sampler.modality.sample_dtype), kind)
            functions["discriminate"] = (discriminate, [given, *label])
        inputs = [*ends, vector("t", tf.float32), *controls, *labels]
        functions["interpolate"] = (interpolate, inputs)
    # No jit_compile: the attribute would stay in the file, and servers have XLA off on the CPU.
    return {
        name: tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
        for name, (function, specs) in functions.items()
    }


def save(functions: Functions, path: str, owner: tf.Module | None = None) -> None:
    """Writes a SavedModel whose variables are stored once and found by every loader.

    The saved object holds the raw variables of the graphs. With a Keras model as its attribute,
    Python would load the file, but the Session loader (TensorFlow Serving, C, Java, Go) would not
    find the variables; `model.export` stores each of them twice.

    Args:
        functions: of `build_functions`.
        path: an empty folder, or none yet.
        owner: of tables of words, which are no variables.
    """
    module = tf.Module()
    variables = {id(v): v for f in functions.values() for v in f.graph.variables}
    module.state = list(variables.values())
    module.owner = owner
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
