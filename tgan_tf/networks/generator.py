"""Transformer decoder from noise to image."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import LINEAR_INITIALIZERS, Config
from tgan_tf.layers import (
    Dense,
    ImageOutput,
    ImageStem,
    MappingNetwork,
    Normalization,
    TransformerBlock,
    rematerialized,
    shuffle_pixels,
    sincos_table,
    upsample,
)
from tgan_tf.modalities import make_modality
from tgan_tf.networks.noise import TokenNoise


@keras.saving.register_keras_serializable(package="tgan_tf")
class TransformerGenerator(keras.Model):
    """A mapping network, then stages of modulated transformer blocks on growing grids.

    ``w = mapping(z, label)`` scales and shifts every norm. The first tokens are a linear map of
    ``w`` (or a learned constant) plus a learned position table; each stage runs its blocks, and
    between stages channels are shuffled into 2x2 times as many tokens (TransGAN, Jiang et al.
    2021), so that attention is global where the grid is small and windowed where it is large.
    Each of these is an option; without mapping, modulation and final norm it is TransGAN itself.

    Args:
        config: a resolved configuration.

    Attributes:
        noise_numbers: how many random numbers an example's attention layers take.
        remat: whether blocks are computed once more on the way back; for whoever trains to set.
    """

    remat = False

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(**{"dtype": config.training.precision, "name": "generator", **kwargs})
        self.config = config
        g, data = config.generator, config.data
        self.num_conditions = data.num_conditions
        self.latent_dim = g.latent_dim
        self.modality = make_modality(config)
        last = len(g.g_widths) - 1
        (height, width), (down, across) = data.grid(g.g_patch), data.growth
        self.grids = [
            (height // down ** (last - stage), width // across ** (last - stage))
            for stage in range(len(g.g_widths))
        ]

    def build(self, z_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        g, data, policy = self.config.generator, self.config.data, self.dtype_policy
        z_shape = (None, g.latent_dim)
        # Biases stay zeros, as Keras has them.
        initializer = LINEAR_INITIALIZERS[g.g_init]
        linear: dict[str, Any] = {"kernel_initializer": initializer, "dtype": policy}
        self.mapping_network = MappingNetwork(
            g.w_dim,
            g.mapping_layers,
            self.num_conditions,
            g.g_class_std,
            dtype=policy,
            name="mapping",
        )
        self.mapping_network.build(z_shape, (None,))
        w_shape = self.mapping_network.compute_output_shape(z_shape)
        self.w_dim = w_shape[-1]
        count, width = self.grids[0][0] * self.grids[0][1], g.g_widths[0]
        if g.g_input == "dense":
            self.first = Dense(count * width, **linear, name="first")
            self.first.build(w_shape)
        self.constant: Any = None
        if g.g_input == "constant" and g.g_position != "learned":
            self.constant = self.add_weight(
                shape=(count, width),
                initializer=keras.initializers.RandomNormal(stddev=1.0),
                name="constant",
            )
        context_shape = None
        if g.g_latent_tokens:
            self.latent_tokens = Dense(g.g_latent_tokens * width, **linear, name="latent_tokens")
            self.latent_tokens.build(w_shape)
            if g.g_latent_position:
                self.latent_position = self.add_weight(
                    shape=(g.g_latent_tokens, width),
                    initializer=keras.initializers.RandomNormal(stddev=0.02),
                    name="latent_position",
                )
            context_shape = (None, g.g_latent_tokens, width)
        if data.given_voices:
            side = data.signal_shape[0] // self.grids[0][0]
            self.given_stem = ImageStem(
                width, side, "patch", data.signal_shape[1], dtype=policy, name="given"
            )
            self.given_stem.build((None, *data.signal_shape))
        self.positions: list[Any] = []  # variables or tables, [N, C]
        self.widen: dict[str, Dense] = {}  # Keras tracks dictionaries by string
        self.stages: list[list[TransformerBlock]] = []
        self._noise = TokenNoise()
        previous, windows = width, self.config.windows_of_stages
        for stage, (grid, width, depth, heads, window) in enumerate(
            zip(self.grids, g.g_widths, g.g_depths, g.heads_of_stages, windows, strict=True)
        ):
            shape = (None, grid[0] * grid[1], width)
            if stage and g.upsampling[stage - 1].startswith("dense_"):
                # Shuffling 2x2 leaves a quarter of the channels: map to 4 * width before.
                shuffles = g.upsampling[stage - 1] == "dense_shuffle"
                more = math.prod(data.growth) if shuffles else 1
                widen = Dense(more * width, **linear, name=f"widen_{stage}")
                widen.build((None, shape[1] // more, previous))
                self.widen[str(stage)] = widen
            if g.g_position == "learned":
                self.positions.append(
                    self.add_weight(
                        shape=shape[1:],
                        initializer=keras.initializers.RandomNormal(
                            # A constant input is all that tells tokens apart at first.
                            stddev=1.0 if stage == 0 and g.g_input == "constant" else 0.02
                        ),
                        name=f"position_{stage}",
                    )
                )
            else:
                self.positions.append(sincos_table(grid, width))
            blocks = []
            # Latent tokens that a stage attends to once have a block of their own, without
            # self-attention.
            leads = int(bool(g.g_latent_tokens) and g.g_latent_attention == "stage")
            for index in range(-leads, depth):
                lead = index < 0
                attends = not lead and stage < len(g.g_widths) - g.g_mlp_stages
                cross = g.g_latent_attention if g.g_latent_tokens else ""
                if cross == "stage":
                    cross = "after" if lead else ""
                block = TransformerBlock(
                    width,
                    heads,
                    g.g_mlp_ratio,
                    norm=g.g_norm,
                    epsilon=g.g_norm_epsilon,
                    activation=g.g_activation,
                    modulation=("gate" if g.g_gate else "shift") if g.g_modulation else "",
                    cross=cross,
                    initializer=initializer,
                    self_attention=attends,
                    attention={
                        "grid": grid,
                        "window": window,
                        "pattern": g.g_window_pattern,
                        "kind": g.g_attention,
                        "qk_norm": g.g_qk_norm,
                        "relative_bias": g.g_relative_bias,
                        "rotary": g.g_position == "rotary",
                        "noise": g.g_noise,
                    },
                    dtype=policy,
                    name=f"stage_{stage}_latent" if lead else f"stage_{stage}_block_{index}",
                )
                block.build(shape, w_shape, context_shape)
                blocks.append(block)
                self._noise.add(shape[1] if g.g_noise and attends else 0)
            self.stages.append(blocks)
            previous = width
        self.norms: list[Normalization] = []
        self.norm_modulations: list[Dense] = []
        self.outputs_of_levels: list[ImageOutput] = []
        for level in range(g.g_levels):
            suffix = f"_{level}" if level else ""
            if g.g_final_norm:
                norm = Normalization(
                    g.g_norm,
                    g.g_norm_epsilon,
                    affine=not g.g_final_modulation,
                    dtype=policy,
                    name=f"norm{suffix}",
                )
                norm.build(shape)
                self.norms.append(norm)
            if g.g_final_modulation:
                modulation = Dense(2 * width, **linear, name=f"norm_modulation{suffix}")
                modulation.build(w_shape)
                self.norm_modulations.append(modulation)
            output = ImageOutput(
                self.grids[-1],
                data.patch(g.g_patch),
                data.signal_shape[-1],
                g.g_output,
                dtype=policy,
                name=f"output{suffix}",
            )
            output.build(shape)
            self.outputs_of_levels.append(output)
        self.noise_numbers = self._noise.numbers
        self.built = True

    def call(
        self,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        given: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Noise to images.

        Args:
            z: ``[B, latent_dim]``.
            label: where conditional, int ``[B]`` or float ``[B, K]``, see ``layers.embed``.
            noise: ``[B, noise_numbers]``, standard normal, for the attention layers; None: the
                same for all examples, always.
            given: ``[B, H, W, C]``, parts of the signal that are kept as they are, where a model
                has ``--given_voices``; zeros where it is to be made. None: nothing is given.

        Returns:
            ``[B, H, W, C]``, the modality's signal.
        """
        return self.synthesis(self.mapping(z, label), noise, given)

    def mapping(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label``) -> ``w`` ``[B, w_dim]``."""
        return self.mapping_network(tf.cast(z, self.compute_dtype), label)

    def synthesis(
        self, w: tf.Tensor, noise: tf.Tensor | None = None, given: tf.Tensor | None = None
    ) -> tf.Tensor:
        """``w`` ``[B, w_dim]`` (and ``given``) -> signal ``[B, H, W, C]``; of images in [-1, 1]."""
        if self.config.data.given_voices and given is None:
            given = tf.zeros((tf.shape(w)[0], *self.config.data.signal_shape), self.compute_dtype)
        made = self.modality.activate(self.values(w, noise, given))
        if given is None:
            return made
        given = tf.cast(given, made.dtype)
        return tf.where(tf.reduce_any(given != 0, axis=-1, keepdims=True), given, made)

    def values(
        self, w: tf.Tensor, noise: tf.Tensor | None = None, given: tf.Tensor | None = None
    ) -> tf.Tensor:
        """What ``synthesis`` activates, ``[B, H, W, C]``: of texts, logits of all tokens."""
        g = self.config.generator
        w = tf.cast(w, self.compute_dtype)
        count, width = self.grids[0][0] * self.grids[0][1], g.g_widths[0]
        context = None
        if g.g_latent_tokens:
            context = tf.reshape(self.latent_tokens(w), (-1, g.g_latent_tokens, width))
            if g.g_latent_position:
                context = context + tf.cast(self.latent_position, context.dtype)
        if g.g_input == "dense":
            x = tf.reshape(self.first(w), (-1, count, width))  # [B, N, C]
        else:
            x = tf.zeros((tf.shape(w)[0], count, width), self.compute_dtype)  # [B, N, C]
            if self.constant is not None:
                x = x + tf.cast(self.constant, x.dtype)
        if given is not None:
            x = x + self.given_stem(given)
        parts = self._noise.parts(noise, self.compute_dtype)
        images: list[tf.Tensor] = []
        for stage, (blocks, position) in enumerate(zip(self.stages, self.positions, strict=True)):
            if stage:
                x = self._upsample(x, stage)  # [B, 4 * N, C']
            x = x + tf.cast(position, x.dtype)
            depth = g.g_depths[stage]
            for index, block in enumerate(blocks, depth - len(blocks)):
                run = rematerialized(block) if self.remat else block
                x = run(x, w, context, next(parts))
                level, rest = divmod(index + 1, max(1, depth // g.g_levels))
                if stage == len(self.stages) - 1 and g.g_levels > 1 and index >= 0 and not rest:
                    images.append(self._image(x, w, level - 1))
        return tf.add_n(images) if images else self._image(x, w, 0)

    def _image(self, x: tf.Tensor, w: tf.Tensor, level: int) -> tf.Tensor:
        """Tokens ``[B, N, C]`` and ``w`` ``[B, w_dim]`` -> ``[B, H, W, channels]``."""
        scale = shift = None
        if self.norm_modulations:
            scale, shift = tf.split(self.norm_modulations[level](w), 2, axis=-1)  # [B, C] each
        return self.outputs_of_levels[level](
            self.norms[level](x, scale, shift) if self.norms else x
        )

    def kernels_of_w(self) -> list[Any]:
        """Kernels ``[w_dim, outputs]`` of the linear maps of ``w`` (SeFa's A, transposed)."""
        layers = [b.to_modulation for stage in self.stages for b in stage if b.modulation]
        layers += [layer for name in ("first", "latent_tokens") if (layer := vars(self).get(name))]
        layers += self.norm_modulations
        return [layer.kernel.numpy() for layer in layers]

    def _upsample(self, x: tf.Tensor, stage: int) -> tf.Tensor:
        """``[B, N, C]`` -> ``[B, 4 * N, C']``, the tokens of ``stage``."""
        grid, kind = self.grids[stage - 1], self.config.generator.upsampling[stage - 1]
        growth = self.config.data.growth
        if kind == "dense_linear":
            # In this order it is the same, at a quarter of the cost.
            return upsample(self.widen[str(stage)](x), grid, "linear", growth)
        if kind == "dense_shuffle":
            return shuffle_pixels(self.widen[str(stage)](x), grid, growth)
        return upsample(x, grid, kind, growth)

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "name": self.name}
