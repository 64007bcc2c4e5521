"""A finished run as a `Sampler`: seeds and conditions in, pictures out.

Example:
    sampler = tgan_tf.load("runs/00012-fashion_mnist")
    images = sampler.sample(seeds=range(64), label=3, truncation=0.7)  # uint8 [64, 28, 28, 1]
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tgan_tf import conditions
from tgan_tf.conditions import Label
from tgan_tf.config import Config
from tgan_tf.control import Directions
from tgan_tf.data.types import Progress
from tgan_tf.exporting import portable_random
from tgan_tf.layers import guided, without
from tgan_tf.modalities import Modality, make_modality
from tgan_tf.modalities.video import VideoModality
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.networks.token_choice import Choice
from tgan_tf.training.checkpoint import (
    find_checkpoint,
    load_discriminator,
    load_ema_generator,
)

if TYPE_CHECKING:
    from tgan_tf.inversion import Inversion

# Latents behind each class's mean w: this many over all classes, within these bounds for one.
_MEAN_LATENTS = 65536
_MEAN_LATENTS_PER_CLASS = (64, 4096)
# Attributes and vectors are without number: their means are formed when they are asked for.
_MEAN_LATENTS_OF_OTHERS = 64

_AT_ONCE = 64  # samples that `synthesize` makes

_ORIGIN_SAMPLES = 256  # generated images behind the logit that counts as undecided

# Part of the names of the operations around the network, which an exporter must not round to eight
# bits: a seed's z, truncation, and a picture's levels.
EXACT = "exact"

_SEED_RANGE = (-(2**31), 2**31 - 1)


class Sampler:
    """A generator with everything that turns seeds into samples.

    A seed becomes z by `portable_random`, so it makes the same picture (within one grey level)
    here, in the exported SavedModel and in the exported TFLite file.

    Args:
        config: the resolved configuration of the run.
        generator: the (averaged) generator, in float32.
        modality: turns the generator's output into samples.
        step: training step of the weights.
        path: run directory, if there is one.
        checkpoint: where the weights come from, if from a checkpoint.
        kept: attributes or vectors of training samples, from which a seed takes its own; of
            a run, those that it keeps.

    Attributes:
        condition: what samples are made for, see `tgan_tf.conditions`.
        num_classes: 0 for a generator without classes.
        w_mean: float32 variable [rows, w_dim], the mean output of the mapping network for each
            class (and the last, if the generator is guided, for none); of other conditions one
            row, for none, or over those of some seeds.
        directions: named directions of w, see `tgan_tf.control`.
        guided: whether the generator knows what has no condition, so that guidance can leave it.
    """

    def __init__(
        self,
        config: Config,
        generator: keras.Model,
        modality: Modality,
        *,
        step: int = 0,
        path: Path | None = None,
        checkpoint: Path | None = None,
        kept: conditions.Kept | None = None,
    ) -> None:
        self.config = config
        self.generator = generator
        self.modality = modality
        self.step = step
        self.path = path
        self._checkpoint = checkpoint
        kept = conditions.load(path, config) if kept is None else kept
        self.condition = conditions.condition_of(config, kept)
        self.num_classes = config.data.num_classes
        self.guided = config.data.num_conditions > config.data.condition_width
        self.latent_dim = config.generator.latent_dim
        self.w_mean = tf.Variable(self._mean_w(), trainable=False, name="w_mean")
        self.directions = Directions.load(path, self.w_mean.shape[1])
        # What is made token by token can be steered as it is made.
        self.steered = config.is_autoregressive
        ints, floats = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
        label = self.condition.spec(None)
        steering = [floats, ints, floats] if self.steered else []
        prefix = [tf.TensorSpec([None, None], tf.int32)] if self.takes_prefix else []
        # The batch stays open in these signatures, so no number of seeds traces them again.
        always = [ints, label, floats, floats, tf.TensorSpec([None, None], tf.float32)]
        self._render = tf.function(
            self.render, input_signature=[*always, *steering, *prefix], autograph=False
        )
        self._render_warmed = tf.function(
            self._warmed, input_signature=[*always, *steering[:1], *prefix], autograph=False
        )
        self._render_between = tf.function(
            self.render_between,
            input_signature=[ints, ints, label, label, floats, floats, floats],
            autograph=False,
        )
        self._log_probability = tf.function(
            self._scored,
            input_signature=[tf.TensorSpec([None, None], tf.int32), ints, label, floats, floats],
            autograph=False,
        )
        given = tf.TensorSpec([None, *modality.given_shape], tf.as_dtype(modality.sample_dtype))
        self._complete = tf.function(
            self.completed,
            input_signature=[ints, given, label, floats, floats, *steering],
            autograph=False,
        )

    @functools.cached_property
    def discriminator(self) -> keras.Model | None:
        """The checkpoint's discriminator, in float32; None where there is none, or where the vision
        model that it sees through has gone.

        Raises:
            CheckpointError: the checkpoint is damaged.
        """
        if self._checkpoint is None:
            return None
        d = self.config.discriminator
        if d.d_backbone and not Path(d.d_backbone).expanduser().exists():
            return None
        discriminator = build_discriminator(self.config)
        return discriminator if load_discriminator(self._checkpoint, discriminator) else None

    @functools.cached_property
    def judges(self) -> bool:
        """Whether one image can be judged: not by a discriminator that compares with others, nor a
        clip of another length than those it knows."""
        d = self.config.discriminator
        compares = d.d_minibatch_std or d.d_pack > 1
        knows = self.modality.signal_shape == tuple(self.config.data.signal_shape)
        return knows and not compares and self.discriminator is not None

    def discriminate(self, image: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """How probable the discriminator finds it that images are real.

        The sigmoid of the logit. A loss of differences alone (relativistic, Wasserstein) leaves the
        logits' origin to chance; there it is the mean logit of generated images, so that this is
        the probability to be more real than those (Jolicoeur-Martineau 2019, eq. 9).

        Args:
            image: [B, *sample_shape], of images uint8 [B, H, W, C].
            label: int32 [B] or float32 [B, K] of a conditional discriminator.

        Returns:
            float32 [B]; 0.5 is the border.

        Raises:
            ValueError: the checkpoint has no discriminator.
        """
        return tf.sigmoid(self._logit(image, label) - self._origin)

    @functools.cached_property
    def _origin(self) -> float:
        """The logit that counts as undecided."""
        o = self.config.objective
        if not (o.compares_logits or o.loss == "wasserstein"):
            return 0.0
        seeds = np.arange(_ORIGIN_SAMPLES)
        label = self.condition.of_seeds(seeds) if self.condition.name else None
        with tf.init_scope():  # a number, even where `discriminate` is being traced
            return float(np.mean(self._logit(self.sample(seeds, label), label)))

    def _logit(self, image: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        if self.discriminator is None:
            raise ValueError("there is no discriminator: load a run that was trained here")
        seen = self.modality.encode(tf.convert_to_tensor(image))
        return tf.cast(self.discriminator(seen, label), tf.float32)

    def sample(
        self,
        seeds: Iterable[SupportsIndex],
        label: Label = None,
        truncation: float = 1.0,
        guidance: float = 1.0,
        *,
        text: str | Sequence[str] | None = None,
        edits: Mapping[str, float] | None = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        prefix: str | npt.NDArray[np.int32] = "",
        batch_size: int = 64,
        progress: Progress | None = None,
    ) -> npt.NDArray[Any]:
        """Makes one sample for each seed.

        Args:
            seeds: N integers in the range of int32.
            label: what to make; None: each seed's own. Of classes an index or a name for all, or N
                of them. Of attributes names of those that are there ("hat", ["hat", "smile"]), how
                much of each ({"hat": 0.5}), or numbers [K] or [N, K]. A vector: numbers [K] or
                [N, K]. An unconditional generator takes only None.
            truncation: psi in `w_mean + psi * (w - w_mean)`; 1 leaves w alone, smaller is more
                typical and less varied, 0 gives each class's mean (Karras et al. 2019, section B).
            guidance: s in `w_null + s * (w - w_null)`, where w_null is what z becomes without a
                condition; 1 leaves w alone, more is more of the condition. Needs a generator that
                was trained with `--condition_dropout`.
            text: instead of a label, a sentence for all samples, or N of them; of a generator that
                was trained with `--captions`.
            edits: strength by name of `directions`, in standard deviations of w along them, which
                is where all samples go last of all.
            temperature: of tokens that are made one by one, which the rest of these is for: less
                than 1 is more typical and less varied; 0: the likeliest token always.
            top_k: only so many of the likeliest tokens at each place; 0: all.
            top_p: only the likeliest tokens that together have this probability; 1: all.
            prefix: of texts, what all begin with; or tokens, int32 [T], negative where they are to
                be made.
            batch_size: samples made at once; the last batch may be smaller.
            progress: called with (samples done, N) after every batch.

        Returns:
            [N, *sample_shape], of images uint8 [N, H, W, C].

        Raises:
            ValueError: an argument that cannot work; the message says which and why.
        """
        seeds = check_seeds(seeds)
        if text is not None:
            if label is not None:
                raise ValueError("text and label: give one of them")
            if not self.condition.encoder:
                raise ValueError("text: this generator takes none; train one with --captions")
            label = text
        labels = self.condition.check(label, seeds)
        psi, scale = _finite("truncation", truncation), self._check_guidance(guidance)
        offset = self.directions.strengths(edits or {}) @ self.directions.vectors  # [w_dim]
        given = self._check_steering(temperature, top_k, top_p)
        render = self._render
        if given and top_k == 0 and top_p == 1:
            render, given = self._render_warmed, given[:1]
        given += self._check_prefix(prefix)
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
        parts = []
        for start in range(0, len(seeds), batch_size):
            part = slice(start, start + batch_size)
            count = len(seeds[part])
            both = (np.full(count, value, np.float32) for value in (psi, scale))
            moved = np.tile(offset, (count, 1))
            steering = [np.repeat(value[None], count, axis=0) for value in given]
            parts.append(render(seeds[part], labels[part], *both, moved, *steering).numpy())
            if progress is not None:
                progress(start + count, len(seeds))
        return np.concatenate(parts)

    def synthesize(
        self,
        w: npt.NDArray[np.float32],
        label: npt.NDArray | None = None,
        truncation: float = 1.0,
        *,
        edits: Mapping[str, float] | None = None,
    ) -> npt.NDArray[Any]:
        """Makes samples of w, such as those that `invert` found.

        Args:
            w: [N, w_dim].
            label: of each, [N] or [N, K], towards whose mean w truncation moves; an unconditional
                generator does not look at it.
            truncation, edits: as for `sample`.

        Returns:
            [N, *sample_shape], of images uint8 [N, H, W, C].

        Raises:
            ValueError: an argument that cannot work.
        """
        psi = _finite("truncation", truncation)
        if psi != 1 and label is None and self.condition.name:
            raise ValueError("truncation moves w towards the mean of its label: give the label.")
        offset = self.directions.strengths(edits or {}) @ self.directions.vectors  # [w_dim]
        parts = []
        for start in range(0, len(w), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            moved = tf.constant(np.asarray(w[part], np.float32))
            if psi != 1:
                mean = self.means_of(None if label is None else tf.constant(label[part]))
                moved = mean + psi * (moved - mean)
            # One seed for all: of texts, w alone tells samples apart.
            seed = tf.zeros(len(moved), tf.int32)
            parts.append(self._synthesize(moved + offset, seed).numpy())
        return np.concatenate(parts)

    def invert(self, samples: npt.NDArray, label: Label = None, **options: Any) -> Inversion:
        """The w that make given samples, as nearly as can be; see `tgan_tf.inversion.invert`."""
        from tgan_tf.inversion import invert  # it loads networks of features

        return invert(self, samples, label, **options)

    def complete(
        self,
        seeds: Iterable[SupportsIndex],
        given: npt.NDArray[Any],
        label: Label = None,
        truncation: float = 1.0,
        guidance: float = 1.0,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> npt.NDArray[Any]:
        """`sample` around what is given, which is kept exactly.

        Args:
            seeds: N integers, as for `sample`.
            given: the same for all, or N of them; of music uint8 [T, V] in which voices that are
                to be written begin with `data.score.NOT_GIVEN`; of video uint8 [k, H, W, C], the
                first frames.
            label, truncation, guidance, temperature, top_k, top_p: as for `sample`.

        Returns:
            [N, *sample_shape].

        Raises:
            ValueError: the generator takes nothing, the shape is another, or an argument cannot
                work.
        """
        shape, found = self.modality.given_shape, np.asarray(given)
        if not shape:
            raise ValueError(
                "nothing can be given: train a generator with --given_voices (music) or"
                " --given_frames (video)"
            )
        seeds = check_seeds(seeds)
        labels = self.condition.check(label, seeds)
        if found.shape not in (shape, (len(seeds), *shape)):
            raise ValueError(f"what is given has the shape {found.shape}, not {shape}")
        numbers = [
            *(np.float32(_finite("truncation", truncation)), self._check_guidance(guidance)),
            *self._check_steering(temperature, top_k, top_p),
        ]
        return self._complete(
            seeds,
            np.broadcast_to(found, (len(seeds), *shape)),
            labels,
            *(np.full(len(seeds), number, np.asarray(number).dtype) for number in numbers),
        ).numpy()

    def infill(
        self, seeds: Iterable[SupportsIndex], template: str, label: Label = None, **options: Any
    ) -> npt.NDArray[np.int32]:
        """Texts in which a template stands, whose blanks are filled; see `tgan_tf.infill`."""
        from tgan_tf.infill import infill

        return infill(self, seeds, template, label, **options)

    def edit(
        self,
        seeds: Iterable[SupportsIndex],
        edits: Mapping[str, float],
        label: Label = None,
        truncation: float = 1.0,
        guidance: float = 1.0,
    ) -> npt.NDArray[Any]:
        """`sample` with `edits`: the same seeds, moved along directions."""
        return self.sample(seeds, label, truncation, guidance, edits=edits)

    def interpolate(
        self,
        seed_a: SupportsIndex,
        seed_b: SupportsIndex,
        steps: int,
        label: Label = None,
        truncation: float = 1.0,
        guidance: float = 1.0,
        *,
        batch_size: int = 64,
    ) -> npt.NDArray[Any]:
        """Walks on a straight line in w from one seed's sample to another's.

        Args:
            seed_a: where to start.
            seed_b: where to end.
            steps: number of samples, at least 2, both ends included.
            label: one for both ends, or a pair of them; None: each seed's own.
            truncation, guidance, batch_size: as for `sample`.

        Returns:
            [steps, *sample_shape]; the first and the last equal `sample([seed_a, seed_b], label)`,
            but the choice of tokens that are made one by one is seed_a's all the way.

        Raises:
            ValueError: an argument that cannot work.
        """
        ends = check_seeds([seed_a, seed_b])
        labels = self.condition.check(label, ends)
        psi, scale = _finite("truncation", truncation), self._check_guidance(guidance)
        if steps < 2:
            raise ValueError(f"steps must be at least 2 (both ends), got {steps}.")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
        parts = []
        for t in np.split(
            np.linspace(0.0, 1.0, steps, dtype=np.float32), range(batch_size, steps, batch_size)
        ):
            parts.append(
                self._render_between(
                    *(np.repeat(end[np.newaxis], len(t), axis=0) for end in (*ends, *labels)),
                    t,
                    np.full(len(t), psi, np.float32),
                    np.full(len(t), scale, np.float32),
                ).numpy()
            )
        return np.concatenate(parts)

    def render(
        self,
        seed: tf.Tensor,
        label: tf.Tensor | None,
        truncation: tf.Tensor,
        guidance: tf.Tensor | None = None,
        offset: tf.Tensor | None = None,
        temperature: tf.Tensor | None = None,
        top_k: tf.Tensor | None = None,
        top_p: tf.Tensor | None = None,
        prefix: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Seeds to samples as TensorFlow operations that TFLite has built in.

        Args:
            seed: int32 [B].
            label: int32 [B], of attributes and vectors float32 [B, K]; an unconditional generator
                does not look at it.
            truncation: float32 [B].
            guidance: float32 [B]; a generator that is not guided does not look at it.
            offset: float32 [B, w_dim], added to w.
            temperature, top_k, top_p: float32, int32, float32 [B]; all or none of them, or the
                temperature alone.
            prefix: int32 [B, T], tokens that are given; the others are negative.

        Returns:
            [B, *sample_shape], of images uint8 [B, H, W, C].
        """
        w = self._map(seed, label, truncation, guidance)
        if offset is not None:
            w = w + offset
        return self._synthesize(w, seed, _choice(temperature, top_k, top_p), prefix=prefix)

    def _warmed(
        self,
        seed: tf.Tensor,
        label: tf.Tensor | None,
        truncation: tf.Tensor,
        guidance: tf.Tensor,
        offset: tf.Tensor,
        temperature: tf.Tensor | None = None,
        prefix: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """`render` of all tokens: to sort a large vocabulary takes longer than the network."""
        return self.render(
            seed, label, truncation, guidance, offset, temperature=temperature, prefix=prefix
        )

    def log_probability(
        self,
        tokens: tf.Tensor,
        seed: tf.Tensor,
        label: tf.Tensor | None,
        truncation: tf.Tensor,
        guidance: tf.Tensor,
    ) -> tf.Tensor:
        """How likely each token of a text is after those before it, of texts made one by one.

        Args:
            tokens: int32 [B, T].
            seed, label, truncation, guidance: of w, as for `render`.

        Returns:
            Logarithms of probabilities at temperature 1, float32 [B, T].
        """
        return self._log_probability(tokens, seed, label, truncation, guidance)

    def _scored(self, tokens: tf.Tensor, *of_w: tf.Tensor) -> tf.Tensor:
        """What `log_probability` computes."""
        logits = self.generator.allowed_logits(tokens, self._map(*of_w))
        found = tf.gather(tf.nn.log_softmax(logits), tokens, axis=2, batch_dims=2)
        return tf.cast(found, tf.float32)

    def completed(
        self,
        seed: tf.Tensor,
        given: tf.Tensor,
        label: tf.Tensor | None,
        truncation: tf.Tensor,
        guidance: tf.Tensor | None = None,
        temperature: tf.Tensor | None = None,
        top_k: tf.Tensor | None = None,
        top_p: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """`render` around what is given, [B, *given_shape] as for `complete`."""
        w = self._map(seed, label, truncation, guidance)
        choice = _choice(temperature, top_k, top_p)
        return self._synthesize(w, seed, choice, given=self.modality.give(given))

    def render_between(
        self,
        seed_a: tf.Tensor,
        seed_b: tf.Tensor,
        label_a: tf.Tensor,
        label_b: tf.Tensor,
        t: tf.Tensor,
        truncation: tf.Tensor,
        guidance: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """`render` at `(1 - t) w_a + t w_b`; t is float32 [B], the rest as for `render`."""
        w_a = self._map(seed_a, label_a, truncation, guidance)
        w_b = self._map(seed_b, label_b, truncation, guidance)
        w = w_a + t[:, tf.newaxis] * (w_b - w_a)
        return self._synthesize(w, seed_a)

    def _map(
        self,
        seed: tf.Tensor,
        label: tf.Tensor | None,
        truncation: tf.Tensor,
        guidance: tf.Tensor | None,
    ) -> tf.Tensor:
        """Seeds to w, ``[B, w_dim]``, guided and then truncated."""
        with tf.name_scope(EXACT):
            z = portable_random.normal(seed, self.latent_dim)  # [B, latent_dim]
        w = self.generator.mapping(z, label if self.condition.name else None)  # [B, w_dim]
        mean = self.means_of(label)  # [B or 1, w_dim]
        if self.guided and guidance is not None:
            unknown = without(label, tf.ones_like(seed, tf.bool), self.config.data.num_conditions)
            none = self.generator.mapping(z, unknown)
            with tf.name_scope(EXACT):
                w, mean = guided(w, none, guidance), guided(mean, self.w_mean[-1:], guidance)
        with tf.name_scope(EXACT):
            return mean + truncation[:, tf.newaxis] * (w - mean)

    def means_of(self, label: tf.Tensor | None) -> tf.Tensor:
        """The mean w of each label, float32 [B, w_dim]; unconditional, [1, w_dim].

        Of a class it is a row of `w_mean`; of attributes or a vector the mean of 64 latents.
        """
        if not self.condition.name:
            return self.w_mean
        if self.num_classes:
            return tf.gather(self.w_mean, label)
        latents = portable_random.normal_numpy(np.arange(_MEAN_LATENTS_OF_OTHERS), self.latent_dim)
        # [B * latents, ...], the latents of one label after those of another
        z = tf.tile(tf.constant(latents), [tf.shape(label)[0], 1])
        w = self.generator.mapping(z, tf.repeat(label, len(latents), axis=0))
        return tf.reduce_mean(tf.reshape(w, (-1, len(latents), w.shape[-1])), axis=1)

    def _synthesize(
        self,
        w: tf.Tensor,
        seed: tf.Tensor,
        choice: Choice | None = None,
        **given: tf.Tensor | None,
    ) -> tf.Tensor:
        """``w`` to samples; a seed chooses the tokens that are made one by one."""
        given = {name: value for name, value in given.items() if value is not None}
        if self.steered:
            noise = portable_random.token_noise(seed, self.modality.sequence_shape[1])
            tokens = self.generator.rollout(w, noise, choice, **given)
            return self.modality.of_tokens(tokens)
        return self._decode(self.generator.synthesis(w, **given))

    def _decode(self, values: tf.Tensor) -> tf.Tensor:
        with tf.name_scope(EXACT):
            return self.modality.decode(values)

    @property
    def takes_prefix(self) -> bool:
        """Whether the first tokens can be given."""
        return self.steered and self.modality.name == "text"

    def _check_steering(
        self, temperature: float, top_k: int, top_p: float
    ) -> list[npt.NDArray[Any]]:
        """Each control as an array without its batch; nothing of what cannot be steered."""
        if not self.steered:
            if (temperature, top_k, top_p) != (1, 0, 1):
                raise ValueError(
                    "temperature, top_k and top_p are for tokens made one by one; leave them out."
                )
            return []
        if _finite("temperature", temperature) < 0 or top_k < 0 or not 0 < top_p <= 1:
            raise ValueError(
                f"temperature={temperature:g}, top_k={top_k}, top_p={top_p:g}: the first two must"
                " not be negative, and top_p lies in 0 to 1."
            )
        controls = (np.float32(temperature), np.int32(top_k), np.float32(top_p))
        return [np.asarray(value) for value in controls]

    def _check_prefix(self, prefix: str | npt.NDArray[np.int32]) -> list[npt.NDArray[Any]]:
        """Its tokens, the others negative, [T]; nothing where none can be given."""
        if not self.takes_prefix:
            if len(prefix):
                raise ValueError("prefix is for texts made one by one; leave it out.")
            return []
        if not isinstance(prefix, str):
            return [prefix]
        return [self.modality.given(prefix)]  # type: ignore[attr-defined]

    def _mean_w(self) -> npt.NDArray[np.float32]:
        """See `w_mean`; over the same latents for all rows."""
        rows = self.config.data.num_conditions
        classes = rows if self.num_classes else 0
        count = int(np.clip(_MEAN_LATENTS // max(1, classes), *_MEAN_LATENTS_PER_CLASS))
        seeds = np.arange(count)
        labels = [tf.fill([count], index) for index in range(classes)]
        if not classes:
            own = tf.constant(self.condition.of_seeds(seeds)) if self.condition.name else None
            labels = [without(own, tf.ones(count, tf.bool), rows) if self.guided else own]
        z = tf.constant(portable_random.normal_numpy(seeds, self.latent_dim))
        means = (tf.reduce_mean(self.generator.mapping(z, one), axis=0) for one in labels)
        return np.stack([mean.numpy() for mean in means])

    def _check_guidance(self, guidance: float) -> float:
        if guidance != 1 and not self.guided:
            raise ValueError(
                f"guidance={guidance:g}: this generator does not know what has no condition; train"
                " one with --condition_dropout=0.1, or leave guidance at 1."
            )
        return _finite("guidance", guidance)


def _choice(
    temperature: tf.Tensor | None, top_k: tf.Tensor | None, top_p: tf.Tensor | None
) -> Choice | None:
    return None if temperature is None else Choice(temperature, top_k, top_p)


def check_seeds(seeds: Iterable[SupportsIndex]) -> npt.NDArray[np.int32]:
    """Seeds as an array.

    Raises:
        ValueError: there are none, or one is no integer or outside of int32.
    """
    try:
        values = [operator.index(seed) for seed in seeds]
    except TypeError as error:
        raise ValueError(f"seeds must be integers, many or one in a list: {error}.") from None
    if not values:
        raise ValueError("seeds is empty: give at least one.")
    low, high = _SEED_RANGE
    wrong = next((seed for seed in values if not low <= seed <= high), None)
    if wrong is not None:
        raise ValueError(f"seeds: {wrong} is outside of int32, {low} to {high}.")
    return np.array(values, np.int32)


def load(run_or_checkpoint: str | os.PathLike[str], frames: int = 0) -> Sampler:
    """Loads a run's averaged generator, in float32 whatever it was trained in.

    Args:
        run_or_checkpoint: a run directory (its last checkpoint is taken), or the prefix of a
            checkpoint within one, like `runs/00012-digits/checkpoints/ckpt-900`.
        frames: of video, how many a clip has, be it more than those of the training; 0: as many.

    Returns:
        A `Sampler`.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        CheckpointError: the checkpoint is damaged.
        ConfigError: the run's config.json cannot be used.
        ValueError: `frames` of what is no video, or too few.
    """
    path = Path(run_or_checkpoint)
    run_dir = find_run(path)
    config = Config.load(run_dir / "config.json").replace(precision="float32")
    modality = make_modality(config)
    if frames and modality.name != "video":
        raise ValueError(f"frames={frames}: {run_dir} makes {modality.plural}; leave it out")
    if 0 < frames <= config.data.given_frames:
        raise ValueError(
            f"frames={frames}: give more than --given_frames={config.data.given_frames}"
        )
    generator = build_generator(config)
    if frames:
        generator.length, modality = frames, VideoModality(config, frames)
    checkpoint = find_checkpoint(path)
    step = load_ema_generator(checkpoint, generator)
    return Sampler(config, generator, modality, step=step, path=run_dir, checkpoint=checkpoint)


def find_run(path: str | os.PathLike[str]) -> Path:
    """The run directory that `path`, a run directory or something inside of one, belongs to.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(path)
    for folder in (path, *path.parents):
        if (folder / "config.json").is_file():
            return folder
    raise FileNotFoundError(
        f"{path}: no config.json here or above; give a run directory, like runs/00012-digits, or a"
        " checkpoint inside of one."
    )


def _finite(name: str, value: float) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}.")
    return float(value)
