"""Frozen vision models that a user has: what a discriminator sees through, or is aligned with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.layers import resize_tokens, to_grid, to_tokens
from tgan_tf.networks.vision_transformer import VisionTransformer


class Backbone:
    """Tokens of images, from a frozen model.

    Args:
        path: a directory with a vision transformer of Hugging Face, a SavedModel, or a ``.keras``
            file. Of the latter two: one input, RGB images in [-1, 1]; every output, in order, is a
            level: ``[B, N, C]``, ``[B, H, W, C]`` or ``[B, C]``.
        size: pixels a side to which images are resized; 0: as the model says, or as they are.
        image_size: (H, W) of the images.
        dtype: of the numbers.
        twice: whether gradients are derived once more, as exact penalties do.

    Attributes:
        widths: channels of the levels.

    Raises:
        ConfigError: there is no such model, it does not take the images, or it cannot be derived.
    """

    def __init__(
        self,
        path: str,
        size: int,
        image_size: tuple[int, int],
        dtype: tf.DType = tf.float32,
        *,
        twice: bool = False,
    ) -> None:
        place = Path(path).expanduser()
        self._model, model_size = _load(place, size, dtype)
        self._image_size, self._size = image_size, model_size or image_size
        spec = tf.TensorSpec((1, *image_size, 3), dtype)
        try:
            levels = tf.function(self, autograph=False).get_concrete_function(spec)
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise ConfigError(
                f"--d_backbone={path}: the model cannot be called with RGB images"
                f" {self._size[0]}x{self._size[1]} ({error}); see --d_backbone_size"
            ) from error
        self.widths = [level.shape[-1] for level in levels.structured_outputs]
        self._count = levels.structured_outputs[-1].shape[1]
        if twice:
            above = [tf.TensorSpec(x.shape, x.dtype) for x in levels.structured_outputs]
            self._check_second_derivative(path, spec, above)

    def __call__(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Images in [-1, 1], ``[B, H, W, 1 or 3]`` -> levels, ``[B, N, C]`` each."""
        if images.shape[-1] == 1:
            images = tf.repeat(images, 3, axis=-1)
        x = resize_tokens(to_tokens(images), self._image_size, self._size)
        return [_as_tokens(level) for level in self._model(to_grid(x, self._size))]

    def _check_second_derivative(
        self, path: str, images: tf.TensorSpec, above: list[tf.TensorSpec]
    ) -> None:
        """Traced, not computed: whether the gradient's own gradient is there.

        The gradient is linear in that of the levels, so only where an operation has none is it
        missing, be the model itself linear or not.
        """

        def derive(images: tf.Tensor, above: list[tf.Tensor]) -> list[tf.Tensor | None]:
            with tf.GradientTape(watch_accessed_variables=False) as outer:
                outer.watch(above)
                with tf.GradientTape(watch_accessed_variables=False) as inner:
                    inner.watch(images)
                    levels = self(images)
                gradient = inner.gradient(levels, images, output_gradients=above)
                squared = tf.reduce_sum(tf.square(gradient))
            found: list[tf.Tensor | None] = outer.gradient(squared, above)
            return found

        try:
            tf.function(derive, autograph=False).get_concrete_function(images, above)
        except LookupError as error:
            raise ConfigError(
                f"--d_backbone={path}: something in the model has no second derivative, which"
                f" --penalty=exact and --gp_weight need ({error}); give"
                " --penalty=finite_difference, or the model without it: docs/presets.md"
            ) from error

    def grid_tokens(self, images: tf.Tensor, grid: tuple[int, int]) -> tf.Tensor:
        """Those of the last level that have a place, resized to a grid: ``[B, N, C]``."""
        side = int(self._count**0.5)
        tokens = self(images)[-1][:, self._count - side**2 :]  # without class tokens and the like
        return resize_tokens(tokens, (side, side), grid)


def _load(path: Path, size: int, dtype: tf.DType) -> tuple[Any, tuple[int, int] | None]:
    """A function of images ``[B, h, w, 3]`` to a list of levels, and its (h, w) if it has one."""
    if (path / "config.json").exists():
        model = VisionTransformer(path, size, dtype)
        return model, (model.size, model.size)
    if (path / "saved_model.pb").exists():
        loaded = tf.saved_model.load(os.fspath(path))
        return _signature(path, loaded, size, dtype)
    if path.suffix == ".keras" and path.exists():
        # No code of the file is run: Keras refuses lambdas.
        network = keras.saving.load_model(path, compile=False)
        network.trainable = False

        def call(images: tf.Tensor) -> list[tf.Tensor]:
            outputs = network(tf.cast(images, network.inputs[0].dtype), training=False)
            return [tf.cast(output, dtype) for output in tf.nest.flatten(outputs)]

        return call, _size_of(network.inputs[0].shape, size)
    raise ConfigError(
        f"--d_backbone={path}: there is no config.json and model.safetensors of a vision"
        " transformer, no SavedModel and no .keras file"
    )


def _signature(
    path: Path, loaded: Any, size: int, dtype: tf.DType
) -> tuple[Any, tuple[int, int] | None]:
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise ConfigError(f"--d_backbone={path}: the SavedModel has no signature serving_default")
    inputs = signatures["serving_default"].structured_input_signature[1]
    if len(inputs) != 1:
        raise ConfigError(f"--d_backbone={path}: serving_default has inputs {', '.join(inputs)}")
    ((name, spec),) = inputs.items()

    def call(images: tf.Tensor) -> list[tf.Tensor]:
        # By way of what was loaded: a signature alone does not keep its variables alive.
        outputs = loaded.signatures["serving_default"](**{name: tf.cast(images, spec.dtype)})
        return [tf.cast(outputs[key], dtype) for key in sorted(outputs)]

    return call, _size_of(spec.shape, size)


def _size_of(shape: Any, size: int) -> tuple[int, int] | None:
    height, width = shape[1:3]
    return (size, size) if size else ((height, width) if height and width else None)


def _as_tokens(level: tf.Tensor) -> tf.Tensor:
    if level.shape.rank == 2:
        return level[:, None]
    return to_tokens(level) if level.shape.rank == 4 else level


def make_backbone(config: Config, dtype: str) -> Backbone:
    """The one that a resolved configuration names.

    Args:
        config: with ``d_backbone``.
        dtype: of the numbers; float32 under mixed precision.
    """
    d, o = config.discriminator, config.objective
    height, width = config.data.image_size
    exact = o.penalty == "exact" and (o.r1_gamma or o.r2_gamma)
    return Backbone(
        d.d_backbone,
        d.d_backbone_size,
        (height, width),
        tf.as_dtype(dtype),
        twice=d.d_kind == "frozen" and bool(exact or o.gp_weight),
    )
