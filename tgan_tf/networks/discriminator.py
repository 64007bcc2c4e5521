"""From image to logit: a transformer encoder, or a convolutional network."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import LINEAR_INITIALIZERS, Config
from tgan_tf.layers import (
    Dense,
    ImageStem,
    MinibatchStddev,
    Normalization,
    SpectralNorm,
    TransformerBlock,
    embed,
    pool_tokens,
    rematerialized,
    sincos_table,
)
from tgan_tf.modalities import make_modality
from tgan_tf.networks.alignment import Alignment
from tgan_tf.networks.backbone import make_backbone
from tgan_tf.networks.noise import TokenNoise

# Logits [B], and the auxiliary classifier's [B, K].
Judgement = tuple[tf.Tensor, tf.Tensor | None]


class Discriminator(keras.Model):
    """Shared by all kinds: features -> logit, with projection of the condition.

    ``logit = head(f) + <embed(label), f>`` (Miyato & Koyama 2018, eq. 4), in float32 at least:
    penalties differentiate the logit, and half precision loses that. With ``d_minibatch_std``, the
    head also reads how much the features before pooling differ within a group of examples; an
    example's logit then depends on the others of its group.

    With ``d_pack``, so many examples in a row are judged as one, with all their channels and
    classes, and share the logit (PacGAN, Lin et al. 2018, sec. 3): samples that are too much alike
    show.

    Attributes:
        noise_numbers: how many random numbers an example's attention layers take.
        spectral: normalisation of its matrices, or None.
        remat: whether blocks are computed once more on the way back; for whoever trains to set.
    """

    noise_numbers = 0
    spectral: SpectralNorm | None = None
    classifier: keras.layers.Layer | None = None
    remat = False

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(**{"dtype": config.training.precision, "name": "discriminator", **kwargs})
        self.config = config
        self.num_conditions = config.data.num_conditions
        self.modality = make_modality(config)
        *axes, channels = self.modality.seen_shape
        self._seen_shape = (None, *axes, channels * config.discriminator.d_pack)

    def call(
        self,
        image: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        align: bool = False,
        classify: bool = False,
        beginnings: bool = False,
    ) -> Any:
        """Images to logits.

        Args:
            image: ``[B, H, W, C]``, the modality's signal; of images in [-1, 1].
            label: where conditional, int ``[B]`` or float ``[B, K]``, see ``layers.embed``.
            noise: ``[B, noise_numbers]``, standard normal, for the attention layers; None: the
                same for all examples, always.
            align: give how far the tokens are from those of the frozen model instead, 0 to 2;
                for ``align_weight``.
            classify: give the logits of the auxiliary classifier too; for ``ac_weight``.
            beginnings: give those of the first token, the first two, and so on up to the whole;
                for ``token_gradient=score``.

        Returns:
            ``[B]``; with ``classify`` also ``[B, K]``; with ``beginnings`` ``[B, T]``.
        """
        image = self.modality.see(tf.cast(image, self.compute_dtype))
        if align:
            return self._misalignment(image, noise)
        if label is not None:
            label = label[:, None]  # [B, 1] or [B, 1, K]
        pack = self.config.discriminator.d_pack
        if pack == 1:
            logits, classes = self._judge(image, label, noise)
            if self.config.objective.rewards_tokens and not beginnings:
                logits = logits[:, -1]
            return (logits, classes) if classify else logits
        _, *axes, channels = image.shape
        batch = tf.shape(image)[0] if image.shape[0] is None else image.shape[0]
        # The last example fills its pack.
        chosen = tf.minimum(tf.range(-(-batch // pack) * pack), batch - 1)
        image = tf.reshape(tf.gather(image, chosen), (-1, pack, *axes, channels))
        places = range(2, 2 + len(axes))
        image = tf.transpose(image, (0, *places, 1, 2 + len(axes)))  # [B / pack, H, W, pack, C]
        image = tf.reshape(image, (-1, *self._seen_shape[1:]))
        if label is not None:
            label = tf.reshape(tf.gather(label, chosen), (-1, pack, *label.shape[2:]))
        if noise is not None:
            noise = tf.gather(noise, chosen)[::pack]
        logits, _ = self._judge(image, label, noise)
        return tf.repeat(logits, pack)[:batch]

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        """As ``call``, of packs: ``[B, H, W, C]``, ``[B, pack]``, ``[B, N]`` -> ``[B]``, and the
        classifier's ``[B, K]``, if there is one."""
        raise NotImplementedError

    def _misalignment(self, image: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B]``; of those that have tokens."""
        raise NotImplementedError

    def _build_head(self, width: int, kind: str = "", spreads: bool = True) -> None:
        """All after the features.

        Args:
            width: of the features.
            kind: instead of ``d_head``, where given.
            spreads: whether it is here that ``d_minibatch_std`` is seen.
        """
        d = self.config.discriminator
        self._head_kind, self._spreads = kind or d.d_head, spreads and bool(d.d_minibatch_std)
        inputs = width
        if self._spreads:
            self.spread = MinibatchStddev(
                d.d_minibatch_std, dtype=self.variable_dtype, name="spread"
            )
            inputs += 1
        if self._head_kind == "mlp":
            self.hidden = self._make_linear(width, "hidden")
            self.hidden.build((None, inputs))
        else:
            width = inputs
        self.head = self._make_linear(1, "head")
        self.head.build((None, width))
        if self.num_conditions:
            self.embedding = self.add_weight(
                # For each place in a pack.
                shape=(d.d_pack * self.num_conditions, width),
                initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
                autocast=False,
                name="embedding",
            )
        if self.num_conditions and self.config.objective.ac_weight:
            self.classifier = self._make_linear(self.config.data.condition_width, "classifier")
            self.classifier.build((None, width))
        if d.d_spectral_norm != "none":
            self.spectral = SpectralNorm(self, d.d_spectral_norm == "improved")
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As ``call``, with normalised matrices."""
        if self.spectral is None:
            return super().__call__(*args, **kwargs)
        with self.spectral.scope():  # out here, where weights are not cast to half precision
            return super().__call__(*args, **kwargs)

    def _make_linear(self, outputs: int, name: str) -> keras.layers.Layer:
        """A layer of the head, in float32 at least."""
        initializer = LINEAR_INITIALIZERS[self.config.discriminator.d_init]
        return Dense(outputs, kernel_initializer=initializer, dtype=self.variable_dtype, name=name)

    def _logits(self, features: tf.Tensor, label: tf.Tensor | None, x: tf.Tensor) -> Judgement:
        """``[B, C]`` (and ``label`` ``[B, pack]`` or ``[B, pack, K]``), pooled from ``x``
        ``[B, ..., C]``."""
        features = tf.cast(features, self.variable_dtype)
        if self._spreads:
            features = tf.concat([features, self.spread(x)], axis=-1)  # [B, C + 1]
        if self._head_kind == "mlp":
            features = tf.nn.leaky_relu(self.hidden(features), 0.2)  # [B, C]
        logits = self.head(features)[:, 0]
        if self.num_conditions:
            assert label is not None
            tables = tf.split(self.embedding, self.config.discriminator.d_pack)
            for place, table in enumerate(tables):
                logits += tf.reduce_sum(embed(table, label[:, place]) * features, axis=-1)
        return logits, None if self.classifier is None else self.classifier(features)

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "name": self.name}


@keras.saving.register_keras_serializable(package="tgan_tf")
class TransformerDiscriminator(Discriminator):
    """Patches or strided convolutions to tokens, stages of transformer blocks, pooling, a head.

    Between stages that grow, 2x2 tokens become one and patches of twice the side, embedded into the
    channels that the next stage has more, join them (TransGAN, Jiang et al. 2021).

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, data, policy = self.config.discriminator, self.config.data, self.dtype_policy
        # For a stage that begins with patches of its own, by its number; Keras tracks dictionaries
        # by string.
        self.stems: dict[str, ImageStem] = {}
        self.positions: dict[str, keras.Variable] = {}
        self.tables: dict[str, Any] = {}  # fixed positions
        self.stages: list[list[TransformerBlock]] = []
        self._grids: list[tuple[int, int]] = []
        self._noise = TokenNoise()
        previous = 0
        for stage, (width, depth, window, patch) in enumerate(
            zip(d.d_width, d.d_depth, d.windows_of_stages, d.patches_of_stages, strict=True)
        ):
            height, columns = data.grid(patch)
            self._grids.append((height, columns))
            tokens, last = height * columns, stage == len(d.d_width) - 1
            if width > previous:
                kind, name = ("patch", f"stem_{stage}") if stage else (d.d_stem, "stem")
                stem = ImageStem(
                    width - previous,
                    patch,
                    kind,
                    data.signal_shape[1] if data.is_sequence else 0,
                    dtype=policy,
                    name=name,
                )
                stem.build(self._seen_shape)
                # As the matrices, where those are normal, not cut at two deviations (TransGAN).
                start = "normal" if d.d_init == "normal" else "small"
                small = keras.initializers.get(LINEAR_INITIALIZERS[start])
                self.stems[str(stage)] = stem
                if d.d_position == "learned":
                    self.positions[str(stage)] = self.add_weight(
                        shape=(tokens, width),
                        initializer=small,
                        name=f"position_{stage}" if stage else "position",
                    )
                else:
                    self.tables[str(stage)] = sincos_table((height, columns), width)
            if d.d_pool != "mean" and not stage:
                self.class_token = self.add_weight(
                    shape=(1, d.d_width[-1]), initializer=small, name="class_token"
                )
            blocks = []
            for index in range(depth):
                # The class token has no place in a grid. It joins for the last block, as in
                # TransGAN, or from the first on.
                ends = d.d_pool == "class_token" and last and index == depth - 1
                joined = d.d_pool == "class_token_first" or ends
                rotary = d.d_position == "rotary"
                attention: dict[str, Any] = {
                    "kind": d.d_attention,
                    "qk_norm": d.d_qk_norm,
                    "noise": d.d_noise,
                    "rotary": rotary,
                    "prefix": int(joined),
                    "grid": (height, columns) if rotary else None,
                }
                if self.config.objective.rewards_tokens:
                    attention |= {"causal": True}
                elif not joined:
                    attention |= {
                        "grid": (height, columns),
                        "window": window,
                        "relative_bias": d.d_relative_bias,
                    }
                block = TransformerBlock(
                    width,
                    d.d_heads,
                    d.d_mlp_ratio,
                    norm=d.d_norm,
                    epsilon=d.d_norm_epsilon,
                    activation=d.d_activation,
                    layer_scale=d.d_layer_scale,
                    attention=attention,
                    initializer=LINEAR_INITIALIZERS[d.d_init],
                    dtype=policy,
                    name=f"stage_{stage}_block_{index}" if len(d.d_width) > 1 else f"block_{index}",
                )
                block.build((None, tokens + int(joined), width))
                self._noise.add(tokens + int(joined) if d.d_noise else 0)
                blocks.append(block)
            self.stages.append(blocks)
            previous = width
        self.noise_numbers = self._noise.numbers
        self.norm = Normalization(d.d_norm, d.d_norm_epsilon, dtype=policy, name="norm")
        self.norm.build((None, tokens, width))
        self._build_head(width)
        if self.config.objective.align_weight:
            backbone = make_backbone(self.config, self.variable_dtype)
            self.alignment = Alignment(backbone, self._grids[-1], dtype=policy, name="alignment")
            self.alignment.build((None, tokens, width))

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        x = self._tokens(image, noise)
        if self.config.objective.rewards_tokens:
            length, width = x.shape[1:]
            if label is not None:
                label = tf.repeat(label, length, axis=0)
            logits, _ = self._logits(tf.reshape(x, (-1, width)), label, x)
            return tf.reshape(logits, (-1, length)), None
        mean = self.config.discriminator.d_pool == "mean"
        return self._logits(tf.reduce_mean(x, axis=1) if mean else x[:, 0], label, x)

    def _misalignment(self, image: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
        x = self._tokens(image, noise)
        first = int(self.config.discriminator.d_pool != "mean")
        return self.alignment(x[:, first:], image)

    def _tokens(self, image: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
        """``[B, H, W, C]`` -> ``[B, N, C]``, or with a class token in front."""
        pool = self.config.discriminator.d_pool
        parts = self._noise.parts(noise, self.compute_dtype)
        x: Any = None
        for stage, blocks in enumerate(self.stages):
            if stem := self.stems.get(str(stage)):
                patches = stem(image)  # [B, N, C' - C]
                if x is None:
                    x = patches
                else:
                    x = pool_tokens(x, self._grids[stage - 1], self.config.data.growth)  # [B, N, C]
                    x = tf.concat([x, patches], axis=-1)  # [B, N, C']
                position = self.positions.get(str(stage))
                x = x + tf.cast(self.tables[str(stage)] if position is None else position, x.dtype)
            for block in blocks:
                first, last = (self.stages[end][end] for end in (0, -1))
                if block is {"class_token": last, "class_token_first": first}.get(pool):
                    token = tf.cast(self.class_token, x.dtype)
                    token = tf.tile(token[None], (tf.shape(x)[0], 1, 1))  # [B, 1, C]
                    x = tf.concat([token, x], axis=1)  # [B, 1 + N, C]
                run = rematerialized(block) if self.remat else block
                x = run(x, None, None, next(parts))
        return self.norm(x)


@keras.saving.register_keras_serializable(package="tgan_tf")
class ConvDiscriminator(Discriminator):
    """4x4 convolutions of stride 2 until ``d_patch`` is reached, mean pooling, a head.

    DCGAN's discriminator (Radford et al. 2016) without batch normalisation, under which an
    example's logit would depend on the others and gradient penalties would be wrong.

    Args:
        config: a resolved configuration.
    """

    def build(self, image_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        self.convolutions = []
        shape, count = self._seen_shape, d.d_patch.bit_length() - 1
        for index in range(count + 1):
            layer = keras.layers.Conv2D(
                d.d_width[0] >> (count - index),
                3 if index == 0 else 4,
                strides=1 if index == 0 else 2,
                padding="same",
                dtype=policy,
                name=f"conv_{index}",
            )
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            self.convolutions.append(layer)
        self._build_head(d.d_width[0])

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        x = image
        for layer in self.convolutions:
            x = tf.nn.leaky_relu(layer(x), 0.2)  # [B, H / 2^i, W / 2^i, C_i]
        return self._logits(tf.reduce_mean(x, axis=(1, 2)), label, x)
