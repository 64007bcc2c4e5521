"""The configuration: one tree of frozen dataclasses.

Flags, help texts, validation, ``config.json`` and the replayable ``flags.txt`` all derive from the
fields below; nothing else in the project declares an option of an experiment. A leaf's name is its
flag's name, so leaf names are unique over the whole tree.

Example:
    config = Config.from_flagfile("configs/fashion_mnist.flags")
    config = Config.from_preset("transgan_cifar10", batch_size=32)
    config = config.replace(batch_size=32, seed=1)
    config.save("config.json")
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import json
import math
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from tgan_tf.files import replacing
from tgan_tf.presets import PRESETS


class ConfigError(ValueError):
    """A value that cannot work; the message names the flag and the way out."""


def _option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    resolved: bool = False,
) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: the flag's default; its type is the flag's type.
        help: the flag's help text.
        choices: legal values (of every element, where the value is a tuple of strings).
        low: least legal value, inclusive.
        high: greatest legal value, inclusive.
        above: legal values are strictly greater.
        resolved: filled in from the data set, not a flag.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "low": low,
        "high": high,
        "above": above,
        "resolved": resolved,
    }
    return field(default=default, metadata=metadata)


LOSSES = (
    "non_saturating",
    "minimax",
    "least_squares",
    "relativistic",
    "hinge",
    "wasserstein",
)
AUGMENTATIONS = ("color", "translation", "cutout", "erase", "hue", "filter", "flip")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker", "tpu")
METRICS = ("frechet", "kernel", "precision_recall", "density_coverage", "class_accuracy")
NORMS = ("layer", "rms", "pixel")
# What Keras calls them; of the last two, TransGAN's generator has one and its discriminator one.
LINEAR_INITIALIZERS: dict[str, Any] = {
    "glorot": "glorot_uniform",
    "fan_in": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
    },
    "small": {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}},
}
# name -> whether more is better
BEST_METRICS = {
    "frechet": False,
    "kernel": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "class_accuracy": True,
}
REMEDIES = ("rollback", "penalty", "augment")
MORE_METRICS = ("inception_score", "intra_class_frechet", "ppl", "cas", "memorisation")
EXTRACTORS = (
    "auto",
    "classifier",
    "efficientnet_lite0",
    "inception:PATH",
    "keras:NAME",
    "saved_model:PATH",
)
PROTOCOLS = ("torch_fidelity", "clean_fid", "stylegan", "studiogan")


@dataclass(frozen=True)
class DataConfig:
    """What to learn from."""

    dataset: str = _option("digits", "digits | fashion_mnist | tfds:NAME | folder:PATH | npz:PATH")
    data_dir: str = _option("", "where the data set's files are, if not in the usual place")
    cache_dir: str = _option("", "where prepared data are kept; empty: ~/.cache/tgan_tf")
    image_size: tuple[int, ...] = _option(
        (0, 0), "H,W (or one number for a square); 0,0: as the data are", low=0, high=4096
    )
    channels: int = _option(0, "1 grey, 3 RGB, 4 RGBA; 0: as the data are", low=0, high=4)
    fit: str = _option(
        "crop", "how other aspect ratios become image_size", choices=("crop", "pad", "stretch")
    )
    conditional: bool = _option(True, "condition on the class where the data have labels")
    mirror: bool = _option(False, "flip half of the images left to right")
    val_fraction: float = _option(
        0.1, "held-out share where the data have no split of their own", low=0.01, high=0.5
    )
    num_classes: int = _option(0, "number of classes; 0: unconditional", low=0, resolved=True)
    class_names: tuple[str, ...] = _option((), "a name for each class", resolved=True)


@dataclass(frozen=True)
class GeneratorConfig:
    """Transformer decoder from noise to image."""

    latent_dim: int = _option(64, "width of the noise z", low=1)
    w_dim: int = _option(96, "width of w, the mapping network's output", low=1)
    mapping_layers: int = _option(
        2,
        "hidden layers of the mapping network; -1: there is none, w is z (and the class's vector)",
        low=-1,
        high=16,
    )
    g_class_std: float = _option(
        0.25, "spread of the classes' vectors at the start; z has 1", above=0, high=10
    )
    g_widths: tuple[int, ...] = _option((96, 48), "tokens' width in each stage", low=1)
    g_depths: tuple[int, ...] = _option((3, 1), "blocks in each stage", low=0)
    g_windows: tuple[int, ...] = _option(
        (0, 0), "attention window of each stage, in tokens; 0: global", low=0
    )
    g_heads: tuple[int, ...] = _option(
        (4,), "attention heads, of every stage or one number for all", low=1
    )
    g_mlp_ratio: float = _option(3.0, "hidden width of a block's MLP / its width", above=0)
    g_patch: int = _option(2, "pixels a side that a token of the last stage makes", low=1)
    g_output: str = _option("conv", "how tokens become pixels", choices=("conv", "patch"))
    g_output_activation: str = _option(
        "tanh",
        "of the pixels; linear: none, decoding clips",
        choices=("tanh", "linear"),
    )
    g_attention: str = _option("softmax", "kind of attention", choices=("softmax", "l2"))
    g_qk_norm: bool = _option(False, "RMS-normalise queries and keys")
    g_relative_bias: bool = _option(False, "learned relative position bias")
    g_input: str = _option(
        "dense",
        "first tokens: dense: a linear map of w; constant: a learned table, and w only modulates",
        choices=("dense", "constant"),
    )
    g_modulation: bool = _option(True, "w scales and shifts the norm of every block")
    g_upsample: tuple[str, ...] = _option(
        ("dense_shuffle",),
        "how tokens become those of the next stage, for every transition or one for all;"
        " dense_shuffle: a linear map to 4 times the next width, then channels become pixels;"
        " shuffle: without the map; smooth_shuffle: after a low-pass filter; bicubic: by resizing",
        choices=("dense_shuffle", "shuffle", "smooth_shuffle", "bicubic"),
    )
    g_norm: str = _option("rms", "normalisation", choices=NORMS)
    g_norm_epsilon: float = _option(1e-6, "added to the variance", above=0)
    g_final_norm: bool = _option(True, "normalise once more before the output")
    g_noise: bool = _option(
        False, "noise in every self-attention, by a learned strength; always the same in use"
    )
    g_init: str = _option(
        "glorot", "first values of linear maps", choices=tuple(LINEAR_INITIALIZERS)
    )
    g_activation: str = _option(
        "leaky_relu",
        "nonlinearity of the MLPs; leaky_relu trains faster on a CPU",
        choices=("gelu", "leaky_relu"),
    )
    g_latent_tokens: int = _option(
        0, "tokens made from w that every block attends to; 0: no cross attention", low=0
    )
    g_latent_position: bool = _option(False, "a learned position for each of these tokens")
    g_latent_attention: str = _option(
        "after",
        "when: after the self-attention, normalised; before all else, without a norm",
        choices=("after", "before"),
    )

    @property
    def upsampling(self) -> tuple[str, ...]:
        """How each stage but the first gets its tokens."""
        count = len(self.g_widths) - 1
        return self.g_upsample if len(self.g_upsample) == count else self.g_upsample * count

    @property
    def heads_of_stages(self) -> tuple[int, ...]:
        """Attention heads of each stage."""
        stages = len(self.g_widths)
        return self.g_heads if len(self.g_heads) == stages else self.g_heads * stages


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Transformer encoder (or convolutional network) from image to logit."""

    d_kind: str = _option("transformer", "network", choices=("transformer", "conv"))
    d_width: tuple[int, ...] = _option(
        (96,),
        "tokens' width in each stage; a wider stage begins with 2x2 means, joined by patches of"
        " twice the side, one as wide as the last goes on with its tokens; of conv, one number, its"
        " last channels",
        low=1,
    )
    d_depth: tuple[int, ...] = _option((3,), "blocks in each stage (transformer)", low=1)
    d_heads: int = _option(4, "attention heads", low=1)
    d_mlp_ratio: float = _option(3.0, "hidden width of a block's MLP / its width", above=0)
    d_patch: int = _option(4, "pixels a side of one token; a power of 2 for a conv stem", low=1)
    d_stem: str = _option(
        "conv",
        "how pixels become tokens; overlap: patches share half of their side with the next",
        choices=("conv", "patch", "overlap"),
    )
    d_window: tuple[int, ...] = _option(
        (0,), "attention window in tokens, of every stage or one for all; 0: global", low=0
    )
    d_norm: str = _option("rms", "normalisation", choices=NORMS)
    d_norm_epsilon: float = _option(1e-6, "added to the variance", above=0)
    d_noise: bool = _option(
        False, "noise in every self-attention, by a learned strength; always the same in use"
    )
    d_head: str = _option(
        "mlp", "from features to the logit: one hidden layer, or none", choices=("mlp", "linear")
    )
    d_init: str = _option(
        "glorot", "first values of linear maps", choices=tuple(LINEAR_INITIALIZERS)
    )
    d_activation: str = _option(
        "leaky_relu",
        "nonlinearity of the MLPs; leaky_relu trains faster on a CPU",
        choices=("gelu", "leaky_relu"),
    )
    d_pool: str = _option("mean", "what the head reads", choices=("mean", "class_token"))
    d_attention: str = _option("softmax", "kind of attention", choices=("softmax", "l2"))
    d_qk_norm: bool = _option(False, "RMS-normalise queries and keys")
    d_relative_bias: bool = _option(False, "learned relative position bias")
    d_minibatch_std: int = _option(
        0,
        "show D how much samples differ within groups of so many (4 is usual); 0: off. A logit then"
        " depends on its group, and so does an exact gradient penalty",
        low=0,
    )

    @property
    def windows_of_stages(self) -> tuple[int, ...]:
        """Attention window of each stage."""
        stages = len(self.d_width)
        return self.d_window if len(self.d_window) == stages else self.d_window * stages

    @property
    def patches_of_stages(self) -> tuple[int, ...]:
        """Pixels a side of one token of each stage."""
        widths = self.d_width
        begins = [int(wide > narrow) for narrow, wide in itertools.pairwise(widths)]
        return tuple(self.d_patch << sum(begins[:stage]) for stage in range(len(widths)))


@dataclass(frozen=True)
class ObjectiveConfig:
    """What the two networks play for."""

    loss: str = _option("relativistic", "adversarial loss", choices=LOSSES)
    r1_gamma: float = _option(0.05, "weight of the gradient penalty on real samples", low=0)
    r2_gamma: float = _option(0.05, "weight of the gradient penalty on fake samples", low=0)
    penalty: str = _option(
        "finite_difference",
        "exact: by double backward; finite_difference: no second derivative is needed",
        choices=("exact", "finite_difference"),
    )
    penalty_sigma: float = _option(0.01, "step of the finite difference", above=0)
    penalty_every: int = _option(
        4, "penalise every so many steps, with that many times the weight (lazy)", low=1
    )
    augment: tuple[str, ...] = _option(
        (), "DiffAugment policies, shown to D for real and fake alike", choices=AUGMENTATIONS
    )
    augment_p: float = _option(
        1.0, "probability of each policy for each image, at the end", low=0, high=1
    )
    augment_p_initial: float = _option(
        1.0, "probability at the start / at the end; rises by a cosine (R3GAN: 0)", low=0, high=1
    )
    augment_translation: float = _option(
        0.125, "greatest shift / side (TransGAN: 0.2)", above=0, high=1
    )
    augment_cutout: float = _option(0.5, "side of the hole / side of the image", above=0, high=1)
    augment_cutout_p: float = _option(
        1.0, "probability of cutout / that of the others (TransGAN: 0.3)", above=0, high=1
    )
    ada_target: float = _option(
        0.0,
        "control the probability so that the mean sign of D(real) is this (ADA: 0.6); with a"
        " relativistic loss, of D(real) - D(fake); 0: not controlled",
        low=0,
        high=0.999,
    )
    ada_kimg: float = _option(
        500.0, "thousand images in which the controlled probability goes from 0 to 1", above=0
    )
    gp_weight: float = _option(0.0, "weight of the WGAN-GP penalty (10 is usual)", low=0)
    gamma_final: float = _option(
        1.0, "gradient penalties at the end / at the start; falls by a cosine", low=0, high=1
    )
    drift_weight: float = _option(
        0.0, "weight of (mean of D(real))^2, WGAN-GP's eps (TransGAN: 0.001)", low=0
    )
    lecam_weight: float = _option(0.0, "weight of the LeCam regulariser (0.3 is usual)", low=0)
    lecam_start_step: int = _option(1000, "first step with the LeCam regulariser", low=0)
    cr_real: float = _option(
        0.0, "weight of consistency under cr_augment for real samples (CR, bCR: 10)", low=0
    )
    cr_fake: float = _option(0.0, "the same for fake samples (bCR: 10)", low=0)
    cr_augment: tuple[str, ...] = _option(
        ("translation",), "what D's judgement should not depend on", choices=AUGMENTATIONS
    )
    top_k: float = _option(
        1.0,
        "share of the samples, those with the greatest logits, that G learns from at the end; falls"
        " from 1 by a cosine (usual: 0.5)",
        above=0,
        high=1,
    )

    @property
    def augments_in_part(self) -> bool:
        """Whether there are examples that a policy leaves alone."""
        p = min(self.augment_p, self.augment_p_initial, self.augment_cutout_p)
        return bool(self.augment) and (p < 1 or bool(self.ada_target))

    @property
    def penalizes(self) -> bool:
        """Whether there is a gradient penalty."""
        return any((self.r1_gamma, self.r2_gamma, self.gp_weight))

    @property
    def regularizes(self) -> bool:
        """Whether there are penalties on logits."""
        return any((self.drift_weight, self.lecam_weight, self.cr_real, self.cr_fake))


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, once for each network."""

    g_lr: float = _option(
        2.5e-4,
        "learning rate of the generator; several times smaller than d_lr (TTUR), or a conditional"
        " generator collapses to one sample for each class",
        above=0,
    )
    d_lr: float = _option(1e-3, "learning rate of the discriminator", above=0)
    beta1: float = _option(0.0, "decay of the first moment", low=0, high=0.999)
    beta2: float = _option(0.99, "decay of the second moment", low=0, high=0.9999)
    lr_final: float = _option(
        1.0, "learning rate at the end / at the start; falls by a cosine", above=0, high=1
    )
    beta2_final: float = _option(
        0.0,
        "decay of the second moment at the end; approached by a cosine; 0: as beta2",
        low=0,
        high=0.9999,
    )
    schedule_kimg: float = _option(
        0.0,
        "length of all cosines, in thousand images: lr_final, beta2_final, gamma_final,"
        " ema_initial, augment_p_initial, top_k; 0: the whole run",
        low=0,
    )
    weight_decay: float = _option(
        0.0, "decoupled (AdamW), of matrices and larger weights, times the learning rate", low=0
    )
    lr_warmup_kimg: float = _option(0.0, "linear warm-up, in thousand images", low=0)
    clip_norm: float = _option(0.0, "clip gradients to this global norm; 0: never", low=0)


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how large, on what."""

    total_kimg: float = _option(180.0, "thousand real images shown in all", above=0)
    batch_size: int = _option(64, "global batch, over all replicas", low=1)
    d_steps: int = _option(1, "steps of D for each step of G", low=1)
    ema_half_life_kimg: float = _option(
        5.0, "half-life of the generator's moving average, in thousand images", low=0
    )
    ema_ramp: float = _option(
        0.05, "the half-life is at most this share of the images seen; 0: no ramp", low=0, high=1
    )
    ema_initial: float = _option(
        1.0, "the half-life at the start / at the end; rises by a cosine (R3GAN: 0)", low=0, high=1
    )
    precision: str = _option("float32", "numbers that the networks compute in", choices=PRECISIONS)
    strategy: str = _option("auto", "tf.distribute strategy", choices=STRATEGIES)
    jit_compile: bool = _option(False, "compile the gradient functions with XLA")
    seed: int = _option(0, "everything random derives from it", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class RunConfig:
    """The run directory."""

    out_dir: str = _option("runs", "runs are made below this directory")
    name: str = _option("", "suffix of the run directory's name")
    tick_kimg: float = _option(2.0, "log a row every so many thousand images", above=0)
    snapshot_kimg: float = _option(
        20.0, "save a checkpoint and sample grids every so many thousand images", above=0
    )
    keep_checkpoints: int = _option(2, "how many of the last checkpoints stay", low=1)
    export: tuple[str, ...] = _option(
        ("saved_model", "tflite"), "made when the training ends", choices=("saved_model", "tflite")
    )
    tensorboard: bool = _option(False, "write TensorBoard events too (extra: tensorboard)")


@dataclass(frozen=True)
class HealthConfig:
    """How a training watches itself."""

    health_kimg: float = _option(
        10.0,
        "look at samples, logits of held-out images and distances every so many thousand images"
        " (at the next tick); 0: never",
        low=0,
    )
    health_samples: int = _option(512, "samples for that", low=32)
    remedies: tuple[str, ...] = _option(
        (),
        "what the training may do by itself against what is diagnosed: go back to the last good"
        " checkpoint with half the learning rate, double the penalty, add a policy of augmentation;"
        " each is logged",
        choices=REMEDIES,
    )
    remedy_tries: int = _option(3, "so many remedies, then the training ends with an error", low=1)
    best_metric: str = _option(
        "none",
        "keep the checkpoint that was best by this metric of the evaluations every --eval_kimg, in"
        " RUN/best; it is measured and exported at the end; none: the last one is",
        choices=("none", *BEST_METRICS),
    )


@dataclass(frozen=True)
class EvaluationConfig:
    """How the result is measured."""

    metrics: tuple[str, ...] = _option(
        METRICS, "what is measured; empty: nothing", choices=(*METRICS, *MORE_METRICS)
    )
    extractors: tuple[str, ...] = _option(
        ("auto",),
        "feature networks of the metrics; auto: classifier where the data have labels, else"
        " efficientnet_lite0",
        choices=EXTRACTORS,
    )
    protocol: str = _option(
        "none",
        "measure as this reference implementation does, whose numbers ours then stand beside",
        choices=("none", *PROTOCOLS),
    )
    eval_samples: int = _option(10000, "generated samples for the final metrics", low=100)
    eval_kimg: float = _option(
        0.0, "measure while training every so many thousand images; 0: only at the end", low=0
    )
    nearest_k: int = _option(
        5,
        "neighbourhood size k of precision, recall, density and coverage; a --protocol has its own",
        low=1,
    )


def _leaves(tree: Any) -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    for section in dataclasses.fields(tree):
        for leaf in dataclasses.fields(getattr(tree, section.name)):
            yield section.name, leaf


@dataclass(frozen=True)
class Config:
    """A whole experiment. Immutable; ``replace`` gives a changed copy.

    Every construction validates; a ``Config`` that exists is legal as far as can be told without
    the data. ``resolve`` fills in what only the data know.
    """

    data: DataConfig = field(default_factory=DataConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    run: RunConfig = field(default_factory=RunConfig)
    health: HealthConfig = field(default_factory=HealthConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        for section, leaf in _leaves(self):
            value = getattr(getattr(self, section), leaf.name)
            _check_leaf(leaf.name, value, leaf.metadata)
        _check_together(self)

    @classmethod
    def from_preset(cls, name: str, **changes: Any) -> Config:
        """A published network and recipe, of ``tgan_tf.presets``, with changes.

        Raises:
            ConfigError: for an unknown preset or name, or an illegal value.
        """
        return cls().replace(**{**_preset(name), **changes})

    def replace(self, **changes: Any) -> Config:
        """A copy with other leaf values: ``config.replace(batch_size=32, g_depths=(2, 1))``.

        Raises:
            ConfigError: for an unknown name or an illegal value.
        """
        homes = {leaf.name: section for section, leaf in _leaves(self)}
        by_section: dict[str, dict[str, Any]] = {}
        for name, value in changes.items():
            if name not in homes:
                raise ConfigError(_unknown(name, homes))
            by_section.setdefault(homes[name], {})[name] = _coerce(name, value)
        sections = {
            section: dataclasses.replace(getattr(self, section), **values)
            for section, values in by_section.items()
        }
        return dataclasses.replace(self, **sections)

    def resolve(
        self,
        *,
        image_size: tuple[int, int],
        channels: int,
        num_classes: int = 0,
        class_names: Iterable[str] = (),
    ) -> Config:
        """The same experiment with what the data set says filled in.

        Args:
            image_size: (H, W) of the prepared images.
            channels: 1, 3 or 4.
            num_classes: classes of the data; ignored when ``conditional`` is off.
            class_names: a name for each class.
        """
        if not self.data.conditional:
            num_classes, class_names = 0, ()
        return self.replace(
            image_size=image_size,
            channels=channels,
            num_classes=num_classes,
            class_names=tuple(class_names),
        )

    @property
    def is_resolved(self) -> bool:
        """Whether the shape of a sample is known, so that networks can be built."""
        return all(self.data.image_size) and self.data.channels > 0

    @property
    def total_steps(self) -> int:
        """Training steps of the whole run."""
        images = max(1, round(self.training.total_kimg * 1000))
        return -(-images // self.training.batch_size)

    @property
    def schedule_steps(self) -> int:
        """Steps after which all cosines have come to their end."""
        kimg = self.optimizer.schedule_kimg
        return self.steps(kimg) if kimg else self.total_steps

    def kind_of_step(self, step: int) -> tuple[bool, bool]:
        """Whether this step (from 0) has the gradient penalty, and whether G learns in it."""
        o, d_steps = self.objective, self.training.d_steps
        return o.penalizes and step % o.penalty_every == 0, (step + 1) % d_steps == 0

    def steps(self, kimg: float) -> int:
        """Steps that show ``kimg`` thousand images, at least one."""
        return max(1, round(kimg * 1000 / self.training.batch_size))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Nested plain types, as stored in ``config.json``."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, tree: Mapping[str, Mapping[str, Any]]) -> Config:
        """The inverse of ``to_dict``; missing leaves take their defaults.

        Raises:
            ConfigError: for unknown sections or names, and illegal values.
        """
        default = cls()
        if not isinstance(tree, Mapping):
            raise ConfigError(f"a configuration is a table of sections, not {tree!r}")
        flat: dict[str, Any] = {}
        for section, values in tree.items():
            if section not in (known := {f.name for f in dataclasses.fields(cls)}):
                raise ConfigError(_unknown(section, known))
            if not isinstance(values, Mapping):
                raise ConfigError(f"{section}: a section is a table of options, not {values!r}")
            known = {f.name for f in dataclasses.fields(getattr(default, section))}
            for name, value in values.items():
                if name not in known:
                    raise ConfigError(f"{section}: {_unknown(name, known)}")
                flat[name] = value
        return default.replace(**flat)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``config.json``, beside and then renamed."""
        with replacing(path) as beside:
            beside.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Config:
        """Reads what ``save`` wrote."""
        try:
            tree = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise ConfigError(f"{path}: not a readable config.json ({error})") from error
        return cls.from_dict(tree)

    def to_flags(self) -> list[str]:
        """``--name=value`` for every leaf that differs from its default."""
        default = Config()
        lines = []
        for section, leaf in _leaves(self):
            value = getattr(getattr(self, section), leaf.name)
            if leaf.metadata["resolved"] or value == getattr(getattr(default, section), leaf.name):
                continue
            if isinstance(value, bool):
                lines.append(f"--{leaf.name}" if value else f"--no{leaf.name}")
            else:
                lines.append(f"--{leaf.name}={_as_text(value)}")
        return lines

    @classmethod
    def from_flagfile(cls, path: str | os.PathLike[str], *overrides: str) -> Config:
        """Reads a flag file as ``train.py --flagfile=PATH`` does.

        Args:
            path: text file with one ``--name=value`` a line; ``#`` starts a comment.
            *overrides: further ``--name=value`` arguments, later ones win.

        Raises:
            ConfigError: for unknown flags or illegal values.
        """
        from absl import flags

        values = flags.FlagValues()
        define_flags(values)
        try:
            rest = values(["train.py", f"--flagfile={os.fspath(path)}", *overrides])
        except flags.Error as error:
            raise ConfigError(f"{path}: {error}") from error
        if len(rest) > 1:
            raise ConfigError(f"{path}: {rest[1]!r} is no flag; values are given as --name=value")
        return from_flags(values)


def define_flags(flag_values: Any = None) -> None:
    """Defines one absl flag for every leaf that a user sets.

    Args:
        flag_values: an ``absl.flags.FlagValues``; None: the global one.
    """
    from absl import flags

    flag_values = flags.FLAGS if flag_values is None else flag_values
    default = Config()
    flags.DEFINE_string(
        "preset",
        "",
        "start from a published network and recipe, and let the other flags change it:"
        f" {' | '.join(PRESETS)}",
        flag_values=flag_values,
    )
    for section, leaf in _leaves(default):
        if leaf.metadata["resolved"]:
            continue
        value = getattr(getattr(default, section), leaf.name)
        text = leaf.metadata["help"]
        keywords: dict[str, Any] = {"flag_values": flag_values}
        if isinstance(value, bool):
            flags.DEFINE_bool(leaf.name, value, text, **keywords)
        elif isinstance(value, int):
            flags.DEFINE_integer(leaf.name, value, text, **keywords)
        elif isinstance(value, float):
            flags.DEFINE_float(leaf.name, value, text, **keywords)
        elif isinstance(value, tuple):
            if leaf.metadata["choices"]:
                text += f" (of {', '.join(leaf.metadata['choices'])})"
            flags.DEFINE_list(leaf.name, list(map(str, value)), text, **keywords)
        elif leaf.metadata["choices"]:
            text += f": {' | '.join(leaf.metadata['choices'])}"
            flags.DEFINE_string(leaf.name, value, text, **keywords)
        else:
            flags.DEFINE_string(leaf.name, value, text, **keywords)


def from_flags(flag_values: Any = None) -> Config:
    """The ``Config`` that parsed flags describe.

    Raises:
        ConfigError: naming the flag, for an illegal or contradictory value.
    """
    config = Config().replace(**given_options(flag_values))
    _check_unused(config)
    return config


def given_options(flag_values: Any = None) -> dict[str, Any]:
    """The leaves that parsed flags give: those of the preset, and those that stand there.

    Raises:
        ConfigError: for an unknown preset.
    """
    from absl import flags

    flag_values = flags.FLAGS if flag_values is None else flag_values
    given = {
        leaf.name: flag_values[leaf.name].value
        for _, leaf in _leaves(Config())
        if not leaf.metadata["resolved"] and flag_values[leaf.name].present
    }
    return {**_preset(flag_values.preset), **given}


def replay_command(config: Config) -> str:
    """The shell line that starts this experiment again."""
    return " ".join(["python", "train.py", *map(shlex.quote, config.to_flags())])


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else "; `python train.py --help` lists them"
    return f"unknown option {name}{hint}"


def _preset(name: str) -> Mapping[str, Any]:
    """The values of a preset; none for the empty name."""
    if name and name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PRESETS)}"
        raise ConfigError(f"--preset={name}: unknown; {hint}")
    return PRESETS[name] if name else {}


@functools.cache
def _leaf_types() -> dict[str, Any]:
    """Leaf name -> annotated type."""
    return {
        leaf.name: get_type_hints(section.default_factory)[leaf.name]
        for section in dataclasses.fields(Config)
        for leaf in dataclasses.fields(section.default_factory)  # type: ignore[arg-type]
    }


def _coerce(name: str, value: Any) -> Any:
    """``value``, from a flag, JSON or a caller, as the leaf's exact type."""
    kind = _leaf_types()[name]
    try:
        if kind in (tuple[int, ...], tuple[str, ...]):
            if isinstance(value, str):
                value = [part for part in value.replace(" ", "").split(",") if part]
            if isinstance(value, int):
                value = [value]
            element = _whole if kind == tuple[int, ...] else os.fspath
            value = tuple(element(part) for part in value)
            if name == "image_size" and len(value) == 1:
                value *= 2
            return value
        if kind is bool:
            if not isinstance(value, bool):
                raise ValueError("not a boolean")
            return value
        if kind is int:
            return _whole(value)
        return os.fspath(value) if kind is str else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"--{name}={value!r} is not {_describe(kind)}: {error}") from error


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and value != int(value)):
        raise ValueError("not a whole number")
    return int(value)


def _describe(kind: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        tuple[int, ...]: "whole numbers separated by commas",
        tuple[str, ...]: "words separated by commas",
    }
    return names[kind]


def _as_text(value: Any) -> str:
    """As it is given to a flag."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _is_one_line(text: str) -> bool:
    return text == text.strip() and len(text.splitlines()) <= 1


def _check_leaf(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    """One leaf against its own range."""
    for element in value if isinstance(value, tuple) else (value,):
        shown = f"--{name}={_as_text(value)}"
        if rule["choices"] and not _is_choice(element, rule["choices"]):
            close = difflib.get_close_matches(str(element), rule["choices"], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"{shown}: not one of {', '.join(rule['choices'])}{hint}")
        # Flag files have one option a line and strip it.
        if isinstance(element, str) and not rule["resolved"] and not _is_one_line(element):
            raise ConfigError(f"{shown!r}: must be one line, without spaces around it")
        if isinstance(element, float) and not math.isfinite(element):
            raise ConfigError(f"{shown}: must be a finite number")
        if rule["low"] is not None and element < rule["low"]:
            raise ConfigError(f"{shown}: must be at least {rule['low']}")
        if rule["high"] is not None and element > rule["high"]:
            raise ConfigError(f"{shown}: must be at most {rule['high']}")
        if rule["above"] is not None and element <= rule["above"]:
            raise ConfigError(f"{shown}: must be greater than {rule['above']}")


def _is_choice(value: Any, choices: tuple[str, ...]) -> bool:
    """Whether it is one of them; ``name:PATH`` among the choices stands for any path."""
    if value in choices:
        return True
    kind, colon, rest = str(value).partition(":")
    return bool(rest) and any(choice.startswith(kind + colon) for choice in choices)


def _check_together(config: Config) -> None:
    """Leaves against each other."""
    g, d, data = config.generator, config.discriminator, config.data
    if len(data.image_size) != 2:
        raise ConfigError(f"--image_size={data.image_size}: give H,W or one number for a square")
    if bool(data.image_size[0]) != bool(data.image_size[1]):
        raise ConfigError("--image_size: give both H and W, or 0,0 for the data's own size")
    if not len(g.g_widths) == len(g.g_depths) == len(g.g_windows) or not g.g_widths:
        raise ConfigError(
            f"--g_widths={g.g_widths} --g_depths={g.g_depths} --g_windows={g.g_windows}: give each"
            " one number for every stage of the generator"
        )
    if len(g.g_heads) not in (1, len(g.g_widths)):
        raise ConfigError(f"--g_heads={g.g_heads}: give one number, or one for every stage")
    for width, heads in zip(g.g_widths, g.heads_of_stages, strict=True):
        if width % heads:
            raise ConfigError(f"--g_heads={heads} does not divide --g_widths={width}")
        _check_hidden("g", width, g.g_mlp_ratio)
    _check_upsampling(g)
    if not (g.g_modulation or g.g_latent_tokens or g.g_input == "dense"):
        raise ConfigError(
            "--nog_modulation --g_input=constant: nothing would depend on the noise; use"
            " --g_input=dense or --g_latent_tokens"
        )
    if g.g_latent_position and not g.g_latent_tokens:
        raise ConfigError("--g_latent_position: there are no such tokens; give --g_latent_tokens")
    _check_discriminator(d)
    _check_groups(config)
    _check_objective(config.objective)
    o, precision = config.objective, config.training.precision
    if (
        precision.startswith("mixed")
        and o.penalty == "finite_difference"
        and (o.r1_gamma or o.r2_gamma)
    ):
        raise ConfigError(
            f"--precision={precision} --penalty=finite_difference: a difference of two logits at"
            " --penalty_sigma is lost in half precision; use --penalty=exact"
        )
    if data.channels == 2:
        raise ConfigError("--channels=2: images have 1 (grey), 3 (RGB) or 4 (RGBA) channels")
    for name in ("augment", "cr_augment"):
        for policy in ("color", "hue"):
            if data.channels in (1, 4) and policy in getattr(config.objective, name):
                raise ConfigError(
                    f"--{name}={policy} is for RGB images; the data have --channels={data.channels}"
                )
    if config.objective.top_k < 1 and d.d_minibatch_std:
        raise ConfigError(
            f"--top_k={config.objective.top_k:g} --d_minibatch_std={d.d_minibatch_std}: a logit"
            " that depends on its group ranks no sample; leave one of them out"
        )
    if config.is_resolved:
        _check_grids(config)


def _check_hidden(network: str, width: int, ratio: float) -> None:
    if int(width * ratio) < 1:
        raise ConfigError(
            f"--{network}_mlp_ratio={ratio:g}: a block of width {width} would have an MLP without"
            f" hidden units; use at least {math.ceil(1000 / width) / 1000:g}"
        )


def _check_upsampling(g: GeneratorConfig) -> None:
    """What becomes of the width from stage to stage."""
    if len(g.g_upsample) not in (1, len(g.g_widths) - 1):
        raise ConfigError(
            f"--g_upsample={','.join(g.g_upsample)}: give one for every transition between"
            f" {len(g.g_widths)} stages, or one for all"
        )
    for stage, kind in enumerate(g.upsampling):
        width, after = g.g_widths[stage : stage + 2]
        left = {"shuffle": width / 4, "smooth_shuffle": width / 4, "bicubic": width}.get(kind)
        if left is not None and after != left:
            raise ConfigError(
                f"--g_upsample={kind} makes {left:g} channels of {width}, not --g_widths={after} as"
                f" in stage {stage + 2}; give that width, or --g_upsample=dense_shuffle"
            )


def _check_discriminator(d: DiscriminatorConfig) -> None:
    """The discriminator's leaves against each other."""
    if d.d_kind == "conv":
        if len(d.d_width) != 1:
            raise ConfigError(f"--d_width={d.d_width}: --d_kind=conv takes one number")
    else:
        if len(d.d_width) != len(d.d_depth) or not d.d_width:
            raise ConfigError(
                f"--d_width={d.d_width} --d_depth={d.d_depth}: give each one number for every stage"
                " of the discriminator"
            )
        if len(d.d_window) not in (1, len(d.d_width)):
            raise ConfigError(f"--d_window={d.d_window}: give one number, or one for every stage")
        if list(d.d_width) != sorted(d.d_width):
            raise ConfigError(
                f"--d_width={d.d_width}: stages become wider, or stay as wide, never narrower"
            )
        for width in d.d_width:
            _check_hidden("d", width, d.d_mlp_ratio)
            if width % d.d_heads:
                raise ConfigError(f"--d_heads={d.d_heads} does not divide --d_width={width}")
    if d.d_kind == "transformer" and d.d_stem == "overlap" and d.d_patch % 2:
        raise ConfigError(f"--d_patch={d.d_patch}: patches of --d_stem=overlap need an even number")
    if d.d_kind == "transformer" and d.d_stem != "conv":
        return
    if d.d_patch & (d.d_patch - 1):
        raise ConfigError(
            f"--d_patch={d.d_patch}: strided convolutions need a power of 2; or --d_stem=patch"
        )
    halvings = d.d_patch.bit_length() - 1
    if not d.d_width[0] >> halvings:
        raise ConfigError(
            f"--d_width={d.d_width[0]} is too narrow for --d_patch={d.d_patch}: channels double"
            f" with each of {halvings} strided convolutions; use --d_width of at least {d.d_patch}"
        )


def _check_objective(o: ObjectiveConfig) -> None:
    """Losses, penalties and augmentation against each other."""
    if o.loss == "wasserstein" and not (o.r1_gamma or o.gp_weight):
        raise ConfigError(
            "--loss=wasserstein needs a penalty: give --r1_gamma (say 10) or --gp_weight=10"
        )
    if o.ada_target and not o.augment:
        raise ConfigError(
            f"--ada_target={o.ada_target:g} has nothing to control: give --augment, say"
            " --augment=translation,color"
        )
    if o.ada_target and (o.augment_p, o.augment_p_initial) != (1, 1):
        raise ConfigError(
            f"--ada_target={o.ada_target:g} controls the probability itself: leave out --augment_p"
            " and --augment_p_initial, or --ada_target"
        )
    if (o.cr_real or o.cr_fake) and not o.cr_augment:
        raise ConfigError("--cr_real, --cr_fake: give --cr_augment, say --cr_augment=translation")


def _check_groups(config: Config) -> None:
    """Groups of examples against the batch."""
    group, batch = config.discriminator.d_minibatch_std, config.training.batch_size
    if group == 1:
        raise ConfigError("--d_minibatch_std=1: one sample has no spread; use 4, or 0 for none")
    if group and batch % group:
        below = batch // group * group
        near = f"{below} or {below + group}" if below else f"{group}"
        raise ConfigError(
            f"--d_minibatch_std={group} does not divide --batch_size={batch}; use --batch_size="
            f"{near}, or a divisor"
        )


_NEEDS = {
    "augment_p": "augment",
    "augment_p_initial": "augment",
    "augment_translation": "augment=translation",
    "augment_cutout": "augment=cutout",
    "augment_cutout_p": "augment=cutout",
    "ada_kimg": "ada_target",
    "lecam_start_step": "lecam_weight",
    "cr_augment": "cr_real or --cr_fake",
    "gamma_final": "r1_gamma, --r2_gamma or --gp_weight",
}


def _check_unused(config: Config) -> None:
    """What a user asks for must have an effect.

    Only of flags: a program may well try both kinds of discriminator with one set of options.
    """
    if config.health.best_metric != "none" and not config.evaluation.eval_kimg:
        raise ConfigError(
            f"--best_metric={config.health.best_metric} is measured while training: give"
            " --eval_kimg too, such as --eval_kimg=20"
        )
    if not config.data.conditional and config.generator.g_class_std != GeneratorConfig.g_class_std:
        raise ConfigError("--noconditional has no use for --g_class_std; leave one of them out")
    o = config.objective
    has = {
        "augment": o.augment,
        "augment=translation": "translation" in o.augment,
        "augment=cutout": "cutout" in o.augment,
        "ada_target": o.ada_target,
        "lecam_weight": o.lecam_weight,
        "cr_real or --cr_fake": o.cr_real or o.cr_fake,
        "r1_gamma, --r2_gamma or --gp_weight": o.penalizes,
    }
    for name, need in _NEEDS.items():
        if getattr(o, name) != getattr(ObjectiveConfig, name) and not has[need]:
            raise ConfigError(f"--{name} has no effect without --{need}; leave it out")
    d, default = config.discriminator, DiscriminatorConfig()
    known = ("d_kind", "d_width", "d_patch", "d_minibatch_std")
    if d.d_kind != "conv":
        return
    unused = [
        leaf.name
        for leaf in dataclasses.fields(d)
        if leaf.name not in known and getattr(d, leaf.name) != getattr(default, leaf.name)
    ]
    if unused:
        options = ", ".join(f"--{name}" for name in known[1:])
        shown = " ".join(f"--{name}={_as_text(getattr(d, name))}" for name in unused)
        raise ConfigError(
            f"--d_kind=conv has no use for {shown}: it knows {options}; leave them"
            " out, or use --d_kind=transformer"
        )


def _check_grids(config: Config) -> None:
    """Patches and windows against the resolution."""
    g, d = config.generator, config.discriminator
    for axis, size in zip(("height", "width"), config.data.image_size, strict=True):
        scale = g.g_patch * 2 ** (len(g.g_widths) - 1)
        if size % scale:
            below = size // scale * scale
            near = f"{below} or {below + scale}" if below else f"{scale}"
            raise ConfigError(
                f"--image_size: the {axis} {size} is not a multiple of {scale}, which --g_patch="
                f"{g.g_patch} and {len(g.g_widths)} stages need; use --image_size with {near}, or"
                " other --g_patch or fewer --g_widths"
            )
        for stage, window in enumerate(g.g_windows):
            grid = size // scale * 2**stage
            if window and grid % window:
                raise ConfigError(
                    f"--g_windows: the window {window} does not divide the {axis} of stage"
                    f" {stage + 1}, {grid} tokens; use a divisor of {grid}, or 0 for global"
                )
        if d.d_kind == "conv":
            if size % d.d_patch:
                raise ConfigError(
                    f"--d_patch={d.d_patch} does not divide the {axis} {size}; use a divisor"
                )
            continue
        largest = d.patches_of_stages[-1]
        if size % largest:
            raise ConfigError(
                f"--d_patch={d.d_patch} does not divide the {axis} {size}; use a divisor"
                if largest == d.d_patch
                else f"--d_patch={d.d_patch} becomes {largest} in the last of the stages of"
                f" --d_width={_as_text(d.d_width)}, which does not divide the {axis} {size}; use"
                " fewer widths, or a smaller patch"
            )
        for window, patch in zip(d.windows_of_stages, d.patches_of_stages, strict=True):
            if window and (size // patch) % window:
                raise ConfigError(
                    f"--d_window={window} does not divide the {axis} of the grid,"
                    f" {size // patch} tokens; use a divisor, or 0 for global"
                )
