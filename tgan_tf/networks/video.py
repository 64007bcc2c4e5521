"""From noise to clip in one pass, and from clip to logit."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.config import LINEAR_INITIALIZERS, Config
from tgan_tf.layers import (
    CarriedFrame,
    Dense,
    ImageOutput,
    ImageStem,
    Keypoints,
    MappingNetwork,
    MotionCode,
    MovingGrid,
    Normalization,
    SpaceTimeBlock,
    TransformerBlock,
    rematerialized,
    shuffle_pixels,
    time_features,
)
from tgan_tf.modalities import make_modality
from tgan_tf.networks.discriminator import Discriminator, Judgement

_TIME_FEATURES = 8
_MOVED_BY_GIVEN = 4  # hidden numbers for each of the motion's latent
_POINTS = 8  # that are followed from one given frame to the next
_STEPS = 10.0  # to half a side: so what is followed is of about the size of 1, and is soon heard
_CARRIED = 2  # what the last given frame gives to those after it: as it is, and moved
_SHRINK = 2  # of the clip that the motion branch sees
_PAIR = 2  # frames that make one token there
_MOTION_PATCH = 4


class Imagined(NamedTuple):
    """Clips ``[B, F, H, W, C]``; where nothing is given, the same one.

    Args:
        clip: what the generator makes.
        placed: the same, but what is carried on stays where it is put: no gradient leads there.
        carried: the last given frame, moved on.
    """

    clip: tf.Tensor
    placed: tf.Tensor
    carried: tf.Tensor


@keras.saving.register_keras_serializable(package="tgan_tf")
class VideoGenerator(keras.Model):
    """What a clip shows and how it moves are two parts of ``z``; time is a coordinate.

    The first part (and the class) becomes a content code, the second a motion code that is a
    function of time (`MotionCode`). Both together, another vector for each frame, make the frame's
    first tokens and modulate its blocks; between the frames, tokens of one place attend to each
    other. With ``g_latent_tokens``, the content is also a row of tokens that those of all frames
    attend to: what is shown is made once, and each frame looks up which part of it is where. With
    ``g_moving_grid``, the motion also moves a plane, in which tokens know their place
    (`MovingGrid`), and content alone modulates. Given frames are tokens that are added to those of
    their own frames, that all attend to, and that say how the motion goes on; and each pixel is a
    mean of what is made, of the last given frame, and of that frame moved on (`CarriedFrame`). All
    frames are made at once, and more of them than in training if asked for.

    Args:
        config: a resolved configuration.

    Attributes:
        noise_numbers: 0; attention has no noise.
        length: frames of a clip that is made; as in training, or what someone who samples sets.
        remat: whether blocks are computed once more on the way back; for whoever trains to set.
    """

    noise_numbers = 0
    remat = False

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(**{"dtype": config.training.precision, "name": "generator", **kwargs})
        self.config = config
        g, data = config.generator, config.data
        self.num_conditions = data.num_conditions
        self.latent_dim = g.latent_dim
        self.modality = make_modality(config)
        self.frames, *size, self.channels = data.shape
        self.length, self.size, self.given_frames = self.frames, size, data.given_frames
        scale = g.g_patch * 2 ** (len(g.g_widths) - 1)
        self.grids = [
            (size[0] // scale * 2**stage, size[1] // scale * 2**stage)
            for stage in range(len(g.g_widths))
        ]

    def build(self, z_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        g, policy = self.config.generator, self.dtype_policy
        initializer = LINEAR_INITIALIZERS[g.g_init]
        linear: dict[str, Any] = {"kernel_initializer": initializer, "dtype": policy}
        self._content = g.latent_dim - g.g_motion_dim
        self.mapping_network = MappingNetwork(
            g.w_dim,
            g.mapping_layers,
            self.num_conditions,
            g.g_class_std,
            dtype=policy,
            name="mapping",
        )
        self.mapping_network.build((None, self._content), (None,))
        content = self.mapping_network.compute_output_shape((None, self._content))[-1]
        self.w_dim = content + g.g_motion_dim
        self.motion = MotionCode(g.g_motion_dim, dtype=policy, name="motion")
        self.motion.build((None, g.g_motion_dim), (self.frames,))
        w_shape = (None, self.frames, self.w_dim)
        tokens, width = self.grids[0][0] * self.grids[0][1], g.g_widths[0]
        self.first = Dense(tokens * width, **linear, name="first")
        self.first.build(w_shape)
        if g.g_moving_grid:
            w_shape = (None, self.frames, content)
        if g.g_latent_tokens:
            self.latent_tokens = Dense(g.g_latent_tokens * width, **linear, name="latent_tokens")
            self.latent_tokens.build((None, content))
        seen_tokens = self.given_frames * tokens
        count = g.g_latent_tokens + seen_tokens
        context_shape = (None, count, width) if count else None
        if self.given_frames:
            side = g.g_patch * 2 ** (len(g.g_widths) - 1)
            self.given_stem = ImageStem(width, side, "patch", dtype=policy, name="given")
            self.given_stem.build((None, *self.size, self.channels + 1))
            # Where things go from there.
            hidden = _MOVED_BY_GIVEN * g.g_motion_dim
            self.given_hidden = Dense(hidden, dtype=policy, name="given_hidden")
            self.given_hidden.build((None, seen_tokens * width))
            self.given_motion = Dense(2 * g.g_motion_dim, dtype=policy, name="given_motion")
            points, moving = 2 * _POINTS, 2 * _POINTS * (self.given_frames - 1)
            self.given_motion.build((None, hidden + self.given_frames * points + moving))
            self.keypoints = Keypoints(_POINTS, dtype=policy, name="keypoints")
            self.keypoints.build((None, *self.size, self.channels + 1))
            self.carried = CarriedFrame(self.given_frames - 1, dtype=policy, name="carried")
            known = points + (moving + 1 if moving else g.g_motion_dim)
            self.carried.build((None, self.frames, known))
        self.positions: list[keras.Variable] = []
        self.times: list[Dense] = []
        self.moving_grids: list[MovingGrid] = []
        self.widen: dict[str, Dense] = {}  # Keras tracks dictionaries by string
        self.stages: list[list[SpaceTimeBlock]] = []
        previous = width
        for stage, (grid, width, depth, heads) in enumerate(
            zip(self.grids, g.g_widths, g.g_depths, g.heads_of_stages, strict=True)
        ):
            shape = (None, self.frames, grid[0] * grid[1], width)
            if stage:
                widen = Dense(4 * width, **linear, name=f"widen_{stage}")
                widen.build((None, shape[2] // 4, previous))
                self.widen[str(stage)] = widen
            self.positions.append(
                self.add_weight(
                    shape=shape[2:],
                    initializer=keras.initializers.RandomNormal(stddev=0.02),
                    name=f"position_{stage}",
                )
            )
            time = Dense(width, use_bias=False, **linear, name=f"time_{stage}")
            time.build((None, _TIME_FEATURES))
            self.times.append(time)
            if g.g_moving_grid:
                moving = MovingGrid(grid, width, initializer, dtype=policy, name=f"moving_{stage}")
                moving.build((None, self.frames, g.g_motion_dim))
                self.moving_grids.append(moving)
            blocks = []
            for index in range(depth):
                block = SpaceTimeBlock(
                    width,
                    heads,
                    g.g_time_attention,
                    norm=g.g_norm,
                    epsilon=g.g_norm_epsilon,
                    initializer=initializer,
                    block={
                        "mlp_ratio": g.g_mlp_ratio,
                        "activation": g.g_activation,
                        "modulation": "shift",
                    },
                    dtype=policy,
                    name=f"stage_{stage}_block_{index}",
                )
                block.build(shape, w_shape, context_shape)
                blocks.append(block)
            self.stages.append(blocks)
            previous = width
        self.norm = Normalization(g.g_norm, g.g_norm_epsilon, dtype=policy, name="norm")
        self.norm.build((None, *shape[2:]))
        self.output_layer = ImageOutput(
            self.grids[-1],
            (g.g_patch, g.g_patch),
            self.channels + (_CARRIED if self.given_frames else 0),
            g.g_output,
            dtype=policy,
            name="output",
        )
        self.output_layer.build((None, *shape[2:]))
        self.built = True

    def call(
        self,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        given: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label``, and ``given``) -> clip ``[B, F, H, W, C]``."""
        return self.synthesis(self.mapping(z, label), noise, given)

    def mapping(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label``) -> ``w`` ``[B, w_dim]``: the
        content's code, then what is left of ``z``, which moves it."""
        content, motion = tf.split(
            tf.cast(z, self.compute_dtype), [self._content, z.shape[-1] - self._content], axis=-1
        )
        return tf.concat([self.mapping_network(content, label), motion], axis=-1)

    def synthesis(
        self, w: tf.Tensor, noise: tf.Tensor | None = None, given: tf.Tensor | None = None
    ) -> tf.Tensor:
        """``w`` ``[B, w_dim]`` -> clip ``[B, F, H, W, C]``, nominally in [-1, 1].

        Args:
            noise: not used.
            given: ``[B, k, H, W, C + 1]``, first frames, which are kept as they are, where a model
                has ``--given_frames``; the last channel is 1, and all are zeros where none is
                given. None: nothing is given.
        """
        made = self.imagined(w, given)
        return made if given is None else self.kept(made, given)

    def kept(self, made: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
        """A clip that was imagined, with the frames that are given in their places."""
        made = tf.cast(made, given.dtype)  # which may be exacter
        first = tf.where(given[..., -1:] > 0, given[..., :-1], made[:, : self.given_frames])
        return tf.concat([first, made[:, self.given_frames :]], axis=1)

    def imagined(self, w: tf.Tensor, given: tf.Tensor | None = None) -> tf.Tensor:
        """What ``synthesis`` makes, without what is kept: all frames are the generator's own."""
        return self.parts(w, given).clip

    def parts(self, w: tf.Tensor, given: tf.Tensor | None = None) -> Imagined:
        """What is ``imagined``, and what it consists of."""
        g, count = self.config.generator, self.length
        (rows, columns), width = self.grids[0], g.g_widths[0]
        times = tf.range(count, dtype=tf.float32) / self.frames  # 1 after a clip of the training
        w = tf.cast(w, self.compute_dtype)
        content, motion = tf.split(w, [self.w_dim - g.g_motion_dim, g.g_motion_dim], axis=-1)
        contexts = []
        if g.g_latent_tokens:
            tokens = self.latent_tokens(content)
            contexts.append(tf.reshape(tokens, (-1, g.g_latent_tokens, width)))
        seen = None
        if self.given_frames:
            seen = self._seen(given, tf.shape(w)[0])  # [B, k, N, C]
        if given is not None:
            points = self._points(given)
            motion = self._moved(motion, seen, points, given)
        codes = self.motion(motion, times)  # [B, F, D]
        features = tf.cast(time_features(times), w.dtype)  # [F, 8]
        if seen is not None:
            placed = seen + self._places(0, features, codes)[:, : self.given_frames]
            contexts.append(tf.reshape(placed, (-1, self.given_frames * rows * columns, width)))
        context = tf.concat(contexts, axis=1) if contexts else None  # [B, M, C]
        content = tf.tile(content[:, None], (1, count, 1))  # [B, F, D]
        w = tf.concat([content, codes], axis=-1)  # [B, F, w_dim]
        x = tf.reshape(self.first(w), (-1, count, rows * columns, width))  # [B, F, N, C]
        steering = content if g.g_moving_grid else w
        if seen is not None:
            x = x + tf.pad(seen, ((0, 0), (0, count - self.given_frames), (0, 0), (0, 0)))
        for stage, blocks in enumerate(self.stages):
            if stage:
                x = self._upsample(x, stage)
            x = x + self._places(stage, features, codes)
            for block in blocks:
                x = (rematerialized(block) if self.remat else block)(x, steering, context)
        x = tf.reshape(x, (-1, *x.shape[2:]))  # [B F, N, C]
        x = self.output_layer(self.norm(x))  # [B F, H, W, channels]
        x = tf.reshape(x, (-1, count, *x.shape[1:]))
        made = self.modality.activate(x[..., : self.channels])
        if given is None:
            return Imagined(made, made, made)
        # Logits of what is carried, beside a 0 of what was made.
        shares = tf.nn.softmax(tf.pad(x[..., self.channels :], [(0, 0)] * 4 + [(1, 0)]))
        *_, last = tf.unstack(tf.cast(given, made.dtype), axis=1)  # [B, H, W, C + 1]
        last, there = last[..., :-1], last[:, tf.newaxis, ..., -1:]
        moved, inside = self.carried(self._on_the_way(points, times, codes), last)
        stays, moves = tf.split(there * shares[..., 1:], _CARRIED, axis=-1)
        moves *= inside
        mixed = (1 - stays - moves) * made + stays * last[:, tf.newaxis]
        return Imagined(mixed + moves * moved, mixed + moves * tf.stop_gradient(moved), moved)

    def _places(self, stage: int, features: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Where and when the tokens of a stage are: ``[1, F, N, C]``, or, in a plane that moves,
        ``[B, F, N, C]``."""
        time = self.times[stage](features)[:, None]  # [F, 1, C]
        places = (tf.cast(self.positions[stage], time.dtype) + time)[None]
        return places + self.moving_grids[stage](codes) if self.moving_grids else places

    def _seen(self, given: tf.Tensor | None, batch: tf.Tensor) -> tf.Tensor:
        """The given frames ``[B, k, H, W, C + 1]``, or none, as tokens ``[B, k, N, C]``."""
        shape = (*self.size, self.channels + 1)
        if given is None:
            given = tf.zeros((batch, self.given_frames, *shape))
        frames = tf.reshape(tf.cast(given, self.compute_dtype), (-1, *shape))
        tokens = self.given_stem(frames)  # [B k, N, C]
        return tf.reshape(tokens, (-1, self.given_frames, *tokens.shape[1:]))

    def _points(self, given: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Places of points in the given frames ``[B, k, P]``, and how far they go from each to the
        next, in a clip's length ``[B, k - 1, P]``."""
        frames = tf.cast(given, self.compute_dtype)
        points = self.keypoints(tf.reshape(frames, (-1, *frames.shape[2:])))
        points = _STEPS * tf.reshape(points, (-1, self.given_frames, 2 * _POINTS))
        return points, self.frames * (points[:, 1:] - points[:, :-1])

    def _on_the_way(
        self, points: tuple[tf.Tensor, tf.Tensor], times: tf.Tensor, codes: tf.Tensor
    ) -> tf.Tensor:
        """What is known of each moment ``[B, F, K]``: where points were last, how long ago, and how
        far they have gone since, if straight. One frame does not say that; there the motion's code
        does, which is chance."""
        places, velocities = points
        last = tf.tile(places[:, -1:], (1, codes.shape[1], 1))
        if self.given_frames == 1:
            return tf.concat([last, codes], axis=-1)
        velocities = tf.reshape(velocities, (-1, 1, math.prod(velocities.shape[1:])))
        since = tf.cast(times - times[self.given_frames - 1], codes.dtype)[:, tf.newaxis]
        ago = tf.tile(since[tf.newaxis], (tf.shape(last)[0], 1, 1))
        return tf.concat([last, ago, velocities * since], axis=-1)

    def _moved(
        self,
        motion: tf.Tensor,
        seen: tf.Tensor,
        points: tuple[tf.Tensor, tf.Tensor],
        given: tf.Tensor,
    ) -> tf.Tensor:
        """The motion's latent ``[B, D]`` where frames are given, of which ``seen`` ``[B, k, N, C]``
        are the tokens: mean and scale are to be seen there, and chance has what is left (a learned
        prior, Denton and Fergus 2018). Places of points and their velocities lead there directly:
        waves whose phases and frequencies are linear in them fly straight."""
        hidden = self.given_hidden(tf.reshape(seen, (-1, math.prod(seen.shape[1:]))))
        followed = tf.concat(points, axis=1)  # [B, 2 k - 1, P]
        followed = tf.reshape(followed, (-1, math.prod(followed.shape[1:])))
        known = tf.concat([tf.nn.leaky_relu(hidden, 0.2), followed], axis=-1)
        mean, scale = tf.split(self.given_motion(known), 2, axis=-1)
        there = tf.cast(given[:, 0, 0, 0, -1:], motion.dtype)  # [B, 1]
        moved = mean + tf.sigmoid(scale - 2) * motion
        return there * moved + (1 - there) * motion

    def _upsample(self, x: tf.Tensor, stage: int) -> tf.Tensor:
        """``[B, F, N, C]`` -> ``[B, F, 4 N, C']``, the tokens of ``stage``."""
        count = x.shape[1]
        x = self.widen[str(stage)](tf.reshape(x, (-1, *x.shape[2:])))  # [B F, N, 4 C']
        x = shuffle_pixels(x, self.grids[stage - 1], (2, 2))  # [B F, 4 N, C']
        return tf.reshape(x, (-1, count, *x.shape[1:]))

    def kernels_of_w(self) -> list[Any]:
        """Kernels ``[w_dim, outputs]`` of the linear maps of ``w`` (SeFa's A, transposed).

        The motion's part is zero: what these maps see of it is no linear map of ``w``.
        """
        g = self.config.generator
        layers = [b.space.to_modulation for stage in self.stages for b in stage] + [self.first]
        if g.g_latent_tokens:
            layers.append(self.latent_tokens)
        of_content = (layer.kernel.numpy()[: self.w_dim - g.g_motion_dim] for layer in layers)
        return [np.pad(kernel, ((0, g.g_motion_dim), (0, 0))) for kernel in of_content]

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "name": self.name}


@keras.saving.register_keras_serializable(package="tgan_tf")
class VideoDiscriminator(Discriminator):
    """Two looks at a clip: some frames at full size, and all of them at half size, in pairs.

    The first says what a frame shows, the second how it moves (DVD-GAN's two discriminators, Clark
    et al. 2019, with one head). Where frames may be given, the frame after a pair is seen with it.

    Args:
        config: a resolved configuration.

    Attributes:
        noise_numbers: 1, which says which frames are seen.
    """

    noise_numbers = 1

    def build(self, clip_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        d, policy = self.config.discriminator, self.dtype_policy
        self.frames, *size, channels = self.modality.seen_shape
        channels *= d.d_pack
        (width,), (depth,) = d.d_width, d.d_depth
        small = [side // _SHRINK for side in size]
        tokens = (size[0] // d.d_patch) * (size[1] // d.d_patch)
        motion_tokens = (
            self.frames // _PAIR * (small[0] // _MOTION_PATCH) * (small[1] // _MOTION_PATCH)
        )
        self.stem = ImageStem(width, d.d_patch, d.d_stem, dtype=policy, name="stem")
        self.stem.build((None, *size, channels))
        self.motion_stem = ImageStem(
            width, _MOTION_PATCH, d.d_stem, dtype=policy, name="motion_stem"
        )
        # Where frames are given, a pair is seen with the frame after it: what is made must go on
        # from them, and between pairs no token would see that.
        self._seen_frames = _PAIR + bool(self.config.data.given_frames)
        self.motion_stem.build((None, *small, self._seen_frames * channels))
        self.position = self._position(tokens, width, "position")
        self.motion_position = self._position(motion_tokens, width, "motion_position")
        self.blocks = [self._block(tokens, f"block_{i}") for i in range(depth)]
        self.motion_blocks = [
            self._block(motion_tokens, f"motion_block_{i}") for i in range(d.d_motion_depth)
        ]
        norms = []
        for name, count in (("norm", tokens), ("motion_norm", motion_tokens)):
            norm = Normalization(d.d_norm, d.d_norm_epsilon, dtype=policy, name=name)
            norm.build((None, count, width))
            norms.append(norm)
        self.norm, self.motion_norm = norms
        self._build_head(2 * width)

    def _position(self, tokens: int, width: int, name: str) -> keras.Variable:
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        return self.add_weight(shape=(tokens, width), initializer=small, name=name)

    def _block(self, tokens: int, name: str) -> TransformerBlock:
        d = self.config.discriminator
        block = TransformerBlock(
            d.d_width[0],
            d.d_heads,
            d.d_mlp_ratio,
            norm=d.d_norm,
            epsilon=d.d_norm_epsilon,
            activation=d.d_activation,
            initializer=LINEAR_INITIALIZERS[d.d_init],
            dtype=self.dtype_policy,
            name=name,
        )
        block.build((None, tokens, d.d_width[0]))
        return block

    def _judge(
        self, image: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> Judgement:
        """``[B, F, H, W, C]`` -> ``[B]``; ``noise`` ``[B, 1]`` chooses the frames that are seen at
        full size, one of each equal part of the clip; None: those in the middle."""
        clip = image
        count, size, channels = self.config.discriminator.d_frames, clip.shape[2:4], clip.shape[-1]
        x = self.stem(self._chosen(clip, noise))  # [B k, N, C]
        x = x + tf.cast(self.position, x.dtype)
        for block in self.blocks:
            x = (rematerialized(block) if self.remat else block)(x)
        x = self.norm(x)
        what = tf.reduce_mean(tf.reshape(x, (-1, count * x.shape[1], x.shape[2])), axis=1)  # [B, C]

        small = [side // _SHRINK for side in size]
        y = tf.reshape(clip, (-1, *size, channels))  # [B F, H, W, channels]
        y = tf.nn.avg_pool2d(y, _SHRINK, _SHRINK, "VALID")
        y = self._in_pairs(tf.reshape(y, (-1, self.frames, *small, channels)))
        y = self.motion_stem(y)  # [B F/2, N, C]
        y = tf.reshape(y, (-1, *self.motion_position.shape))  # [B, F/2 N, C]
        y = y + tf.cast(self.motion_position, y.dtype)
        for block in self.motion_blocks:
            y = (rematerialized(block) if self.remat else block)(y)
        y = self.motion_norm(y)
        features = tf.concat([what, tf.reduce_mean(y, axis=1)], axis=-1)  # [B, 2 C]
        return self._logits(features, label, y)

    def _in_pairs(self, clip: tf.Tensor) -> tf.Tensor:
        """``[B, F, H, W, C]`` -> ``[B F/2, H, W, 2 C]`` or, each with the frame after it (the last
        with itself), ``[B F/2, H, W, 3 C]``."""
        _, frames, height, width, channels = clip.shape
        pairs = tf.reshape(clip, (-1, frames // _PAIR, _PAIR, height, width, channels))
        if self._seen_frames > _PAIR:
            after = tf.concat([pairs[:, 1:, :1], pairs[:, -1:, -1:]], axis=1)
            pairs = tf.concat([pairs, after], axis=2)
        pairs = tf.transpose(pairs, (0, 1, 3, 4, 2, 5))  # [B, F/2, H, W, 2 or 3, C]
        return tf.reshape(pairs, (-1, height, width, self._seen_frames * channels))

    def _chosen(self, clip: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
        """``[B, F, H, W, C]`` -> ``[B k, H, W, C]``."""
        _, frames, *shape = clip.shape
        count = self.config.discriminator.d_frames
        if noise is None:
            indices = [(2 * i + 1) * frames // (2 * count) for i in range(count)]
            return tf.reshape(tf.gather(clip, indices, axis=1), (-1, *shape))
        uniform = 0.5 + 0.5 * tf.math.erf(tf.cast(noise, tf.float32) * 2**-0.5)  # [B, 1]
        starts = tf.range(count, dtype=tf.float32)
        indices = tf.cast((starts + uniform) * (frames / count), tf.int32)  # [B, k]
        # A product with a matrix: the second derivative of a gather is slow on CPU.
        chosen = tf.one_hot(tf.minimum(indices, frames - 1), frames, dtype=clip.dtype)
        flat = tf.reshape(clip, (-1, frames, shape[0] * shape[1] * shape[2]))
        return tf.reshape(tf.matmul(chosen, flat), (-1, *shape))
