"""What values may be: each against its range, and all against each other."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tgan_tf.config.attention import check_additive, check_windows
from tgan_tf.config.errors import ConfigError
from tgan_tf.config.experiment import MUSIC, SERIES, VIDEO, DataConfig
from tgan_tf.config.kinds import (
    HALVING,
    check_conv_discriminator,
    check_conv_generator,
    check_halvings,
    check_kinds,
    check_training,
)
from tgan_tf.config.networks import DiscriminatorConfig, GeneratorConfig
from tgan_tf.config.objective import ObjectiveConfig
from tgan_tf.config.option import as_text
from tgan_tf.config.texts import TEXTS, check_tokens, check_unused_of_tokens
from tgan_tf.config.video import check_video

if TYPE_CHECKING:
    from tgan_tf.config.tree import Config


def check_leaf(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    """One leaf against its own range."""
    for element in value if isinstance(value, tuple) else (value,):
        shown = f"--{name}={as_text(value)}"
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


def check_together(config: Config) -> None:
    """Leaves against each other."""
    g, d, data = config.generator, config.discriminator, config.data
    if len(data.image_size) != 2:
        raise ConfigError(
            f"--image_size={as_text(data.image_size)}: give H,W or one number for a square"
        )
    if bool(data.image_size[0]) != bool(data.image_size[1]):
        raise ConfigError(
            f"--image_size={as_text(data.image_size)}: give both H and W, or 0,0 for the data's own"
            " size"
        )
    if g.g_kind == "transformer":
        _check_generator(g, math.prod(data.growth))
        check_windows(g)
        check_additive("g", g)
    else:
        check_conv_generator(g)
    kinds = {
        "classes": data.num_classes,
        "attributes": data.attribute_names,
        "a vector": data.vector_width,
    }
    if len(given := [name for name, value in kinds.items() if value]) > 1:
        raise ConfigError(
            f"--dataset={data.dataset}: every sample has {' and '.join(given)}, and a model learns"
            " one of them; use data with one, or --noconditional"
        )
    _check_discriminator(d)
    _check_backbone(config)
    _check_groups(config)
    _check_classifier(config)
    _check_objective(config.objective)
    check_training(config)
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
    for name, group in (("d_minibatch_std", d.d_minibatch_std), ("d_pack", d.d_pack)):
        if config.objective.top_k < 1 and group > 1:
            raise ConfigError(
                f"--top_k={config.objective.top_k:g} --{name}={group}: a logit that depends on its"
                " group ranks no sample; leave one of them out"
            )
    if data.modality != "image":
        _check_other_data(config)
    if data.modality == "music" and not set(data.given_voices) < set(range(data.shape[1])):
        raise ConfigError(
            f"--given_voices={as_text(data.given_voices)}: the data have {data.shape[1]} voices,"
            " counted from 0, of which at least one is to be written"
        )
    if data.autoencoder:
        _check_latents(config)
    if config.is_autoregressive:
        check_tokens(config)
    if (share := config.objective.mismatch_share) and d.d_pack > 1:
        raise ConfigError(
            f"--mismatch_share={share:g} --d_pack={d.d_pack}: a pack has no one condition;"
            " leave one of them out"
        )
    if config.is_resolved:
        _check_grids(config)
        if (weight := config.objective.kl_weight) and not data.is_sequence:
            raise ConfigError(
                f"--kl_weight={weight:g}: there is no likelihood of {data.modality} data; leave it"
                " out"
            )


def _check_other_data(config: Config) -> None:
    """What is for images alone, against other data."""
    o = config.objective
    for name, used in (("augment", True), ("cr_augment", o.cr_real or o.cr_fake)):
        if used and (policies := getattr(o, name)):
            raise ConfigError(
                f"--{name}={as_text(policies)} is for images, not for {config.data.modality}; pass"
                f" --{name}= (empty)"
            )
    if config.data.modality == "video":
        check_video(config)
    if not config.data.is_sequence:
        return
    for name, value in (
        ("g_windows", config.generator.g_windows),
        ("d_window", config.discriminator.d_window),
    ):
        if any(window > 0 for window in value):
            raise ConfigError(
                f"--{name}={as_text(value)}: attention windows are squares of images; use 0, which"
                " is global"
            )
    kinds = (("g_kind", config.generator.g_kind), ("d_kind", config.discriminator.d_kind))
    for name, kind in kinds:
        if kind != "transformer":
            raise ConfigError(f"--{name}={kind} is for images; use --{name}=transformer")


def _check_generator(g: GeneratorConfig, growth: int) -> None:
    """The transformer's leaves against each other; ``growth``: tokens that one becomes."""
    if not len(g.g_widths) == len(g.g_depths) == len(g.g_windows) or not g.g_widths:
        raise ConfigError(
            f"--g_widths={as_text(g.g_widths)} --g_depths={as_text(g.g_depths)}"
            f" --g_windows={as_text(g.g_windows)}: give each one number for every stage of the"
            " generator"
        )
    if len(g.g_heads) not in (1, len(g.g_widths)):
        raise ConfigError(
            f"--g_heads={as_text(g.g_heads)}: give one number, or one for every stage"
        )
    for width, heads in zip(g.g_widths, g.heads_of_stages, strict=True):
        if width % heads:
            raise ConfigError(f"--g_heads={heads} does not divide --g_widths={width}")
        _check_hidden("g", width, g.g_mlp_ratio)
        _check_position("g", g.g_position, width, heads)
    if g.g_depths and g.g_depths[-1] % g.g_levels:
        raise ConfigError(
            f"--g_levels={g.g_levels} does not divide the {g.g_depths[-1]} blocks of the last of"
            f" --g_depths={as_text(g.g_depths)}; use a divisor"
        )
    if g.g_gate and not g.g_modulation:
        raise ConfigError("--g_gate --nog_modulation: gates come from w; leave one of them out")
    if g.g_final_modulation and not (g.g_final_norm and g.g_modulation):
        raise ConfigError(
            "--g_final_modulation needs --g_final_norm and --g_modulation; leave it out"
        )
    _check_upsampling(g, growth)
    if not (g.g_modulation or g.g_latent_tokens or g.g_input == "dense"):
        raise ConfigError(
            "--nog_modulation --g_input=constant: nothing would depend on the noise; use"
            " --g_input=dense or --g_latent_tokens"
        )
    if g.g_latent_position and not g.g_latent_tokens:
        raise ConfigError("--g_latent_position: there are no such tokens; give --g_latent_tokens")


def _check_latents(config: Config) -> None:
    """What is for pixels, against latents."""
    o, data = config.objective, config.data
    if data.modality != "image":
        raise ConfigError(f"--autoencoder={data.autoencoder} is of images; leave it out")
    for name, used in (("augment", True), ("cr_augment", o.cr_real or o.cr_fake)):
        for policy in getattr(o, name) if used else ():
            if policy not in ("translation", "cutout", "erase"):
                raise ConfigError(
                    f"--{name}={policy} is for pixels, not for the latents of --autoencoder; use"
                    " translation, cutout or erase"
                )
    if config.discriminator.d_backbone:
        raise ConfigError(
            f"--d_backbone={config.discriminator.d_backbone} sees pixels, and --autoencoder gives"
            " latents; leave one of them out"
        )


def _check_classifier(config: Config) -> None:
    weight, pack = config.objective.ac_weight, config.discriminator.d_pack
    high, generator = config.objective.guidance_high, config.generator
    if high > 1 and not (weight and config.data.condition_dropout):
        raise ConfigError(
            f"--guidance_high={high:g}: guidance goes from what has no condition towards what the"
            " classifier sees; give --condition_dropout=0.1 and --ac_weight=1 too"
        )
    if high > 1 and (config.is_autoregressive or generator.normalizes_batches):
        kind = f"--g_kind={generator.g_kind}" if generator.normalizes_batches else "--g_tokens"
        raise ConfigError(
            f"--guidance_high={high:g}: not with {kind}, whose samples are not made of w alone;"
            " leave it out"
        )
    if weight and config.data.condition == "vector" and config.training.batch_size < 2:
        raise ConfigError(
            f"--ac_weight={weight:g} --batch_size=1: there is no other sample to tell one from;"
            " use a greater --batch_size"
        )
    if weight and pack > 1:
        raise ConfigError(
            f"--ac_weight={weight:g} --d_pack={pack}: several samples that are judged together have"
            " several classes; leave one of them out"
        )


def _check_hidden(network: str, width: int, ratio: float) -> None:
    if int(width * ratio) < 1:
        raise ConfigError(
            f"--{network}_mlp_ratio={ratio:g}: a block of width {width} would have an MLP without"
            f" hidden units; use at least {math.ceil(1000 / width) / 1000:g}"
        )


def _check_position(network: str, kind: str, width: int, heads: int) -> None:
    """Sines and cosines of two axes against the channels."""
    if kind != "learned" and width % 4:
        raise ConfigError(
            f"--{network}_position={kind}: the width {width} is no multiple of 4; use one, or"
            f" --{network}_position=learned"
        )
    if kind == "rotary" and width // heads % 4:
        raise ConfigError(
            f"--{network}_position=rotary: a head of width {width} and --{network}_heads={heads}"
            f" has {width // heads} channels, no multiple of 4; use fewer heads"
        )


def _check_upsampling(g: GeneratorConfig, more: int) -> None:
    """What becomes of the width from stage to stage, which has ``more`` times the tokens."""
    if len(g.g_upsample) not in (1, len(g.g_widths) - 1):
        raise ConfigError(
            f"--g_upsample={as_text(g.g_upsample)}: give one for every transition between"
            f" {len(g.g_widths)} stages, or one for all"
        )
    for stage, kind in enumerate(g.upsampling):
        width, after = g.g_widths[stage : stage + 2]
        left = {"shuffle": width / more, "smooth_shuffle": width / more, "bicubic": width}.get(kind)
        if left is not None and after != left:
            raise ConfigError(
                f"--g_upsample={kind} makes {left:g} channels of {width}, not --g_widths={after} as"
                f" in stage {stage + 2}; give that width, or --g_upsample=dense_shuffle"
            )


def _check_discriminator(d: DiscriminatorConfig) -> None:
    """The discriminator's leaves against each other."""
    if d.d_kind in HALVING:
        check_conv_discriminator(d)
        return
    if d.d_kind != "transformer":
        if len(d.d_width) != 1:
            raise ConfigError(
                f"--d_width={as_text(d.d_width)}: --d_kind={d.d_kind} takes one number"
            )
    else:
        if len(d.d_width) != len(d.d_depth) or not d.d_width:
            raise ConfigError(
                f"--d_width={as_text(d.d_width)} --d_depth={as_text(d.d_depth)}: give each one"
                " number for every stage of the discriminator"
            )
        if len(d.d_window) not in (1, len(d.d_width)):
            raise ConfigError(
                f"--d_window={as_text(d.d_window)}: give one number, or one for every stage"
            )
        if list(d.d_width) != sorted(d.d_width):
            raise ConfigError(
                f"--d_width={as_text(d.d_width)}: stages become wider, or stay as wide, never"
                " narrower"
            )
        check_additive("d", d)
        for width in d.d_width:
            _check_hidden("d", width, d.d_mlp_ratio)
            if width % d.d_heads:
                raise ConfigError(f"--d_heads={d.d_heads} does not divide --d_width={width}")
            _check_position("d", d.d_position, width, d.d_heads)
        if d.d_pool == "class_token_first" and (
            len(d.d_width) > 1 or any(d.d_window) or d.d_relative_bias
        ):
            raise ConfigError(
                "--d_pool=class_token_first: the token has no place in a grid, so it goes with one"
                " stage, no --d_window and no --d_relative_bias; or use --d_pool=class_token"
            )
    if d.d_kind == "transformer" and d.d_stem == "overlap" and d.d_patch % 2:
        raise ConfigError(f"--d_patch={d.d_patch}: patches of --d_stem=overlap need an even number")
    if d.d_kind == "frozen" or (d.d_kind == "transformer" and d.d_stem != "conv"):
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


def _check_backbone(config: Config) -> None:
    """A frozen vision model against what sees through it."""
    d, weight = config.discriminator, config.objective.align_weight
    if weight and (d.d_kind != "transformer" or d.d_pack > 1):
        raise ConfigError(
            f"--align_weight={weight:g} is of the tokens of one sample: use --d_kind=transformer,"
            " without --d_pack, or leave it out"
        )
    if (d.d_kind == "frozen" or weight) and not d.d_backbone:
        asks = f"--align_weight={weight:g}" if weight else "--d_kind=frozen"
        raise ConfigError(f"{asks} needs the path of a vision model: give --d_backbone")
    if d.d_kind == "frozen" and d.d_pack > 1:
        raise ConfigError(
            f"--d_kind=frozen --d_pack={d.d_pack}: the vision model sees one sample; leave it out"
        )
    if d.d_backbone and config.data.channels == 4:
        raise ConfigError(f"--d_backbone={d.d_backbone} sees RGB or grey; use --channels=3")
    if d.d_backbone and (config.data.modality != "image"):
        raise ConfigError(f"--d_backbone={d.d_backbone} is for images; leave it out")


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
    """Groups of examples against the batch, and parts of it."""
    d, t, batch = config.discriminator, config.training, config.training.batch_size
    if batch % t.micro_batches:
        raise ConfigError(
            f"--micro_batches={t.micro_batches} does not divide --batch_size={batch}; use a divisor"
        )
    if t.micro_batches > 1 and config.objective.loss == "dual_contrastive":
        raise ConfigError(
            f"--micro_batches={t.micro_batches} --loss=dual_contrastive: the loss compares the"
            " whole batch; leave one of them out, or use --loss=relativistic"
        )
    if d.d_minibatch_std == 1:
        raise ConfigError("--d_minibatch_std=1: one sample has no spread; use 4, or 0 for none")
    if d.d_minibatch_std and d.d_pack > 1:
        raise ConfigError(
            f"--d_minibatch_std={d.d_minibatch_std} --d_pack={d.d_pack}: both show D several"
            " samples at once; leave one of them out"
        )
    for name, group in (("d_minibatch_std", d.d_minibatch_std), ("d_pack", d.d_pack)):
        if group and batch % group:
            below = batch // group * group
            near = f"{below} or {below + group}" if below else f"{group}"
            raise ConfigError(
                f"--{name}={group} does not divide --batch_size={batch}; use --batch_size={near},"
                " or a divisor"
            )


_NEEDS = {
    "augment_p": "augment",
    "augment_p_initial": "augment",
    "augment_translation": "augment=translation",
    "augment_cutout": "augment=cutout",
    "augment_cutout_p": "augment=cutout",
    "ada_kimg": "ada_target",
    "lecam_start_step": "lecam_weight",
    "path_length_every": "path_length_weight",
    "cr_augment": "cr_real or --cr_fake",
    "zcr_radius": "zcr_d or --zcr_g",
    "reconstruction_weight": "given_frames",
    "reconstruction_final": "given_frames",
    "gamma_final": "r1_gamma, --r2_gamma or --gp_weight",
}


# Options of data of some kinds -> these.
_FOR_KINDS = {
    ("series_length", "series_stride"): SERIES,
    ("bars", "music_class", "given_voices"): MUSIC,
    ("frames", "frame_rate", "given_frames"): VIDEO,
    ("frame_stride",): ("video", "tfds_video"),
    ("g_motion_dim", "g_time_attention", "g_moving_grid", "d_frames", "d_motion_depth"): VIDEO,
    ("vocab_size", "text_length", "tokenizer"): TEXTS,
}


def check_unused(config: Config) -> None:
    """What a user asks for must have an effect.

    Only of flags: a program may well try both kinds of discriminator with one set of options.
    """
    kind = config.data.dataset.partition(":")[0]
    for names, kinds in _FOR_KINDS.items():
        for name in names:
            section = {"g": config.generator, "d": config.discriminator}.get(
                name.split("_")[0], config.data
            )
            value = getattr(section, name)
            if value != getattr(type(section), name) and kind not in kinds:
                raise ConfigError(
                    f"--{name}={as_text(value)} is for --dataset={' | '.join(kinds)}, not for"
                    f" {config.data.dataset}; leave it out"
                )
    if config.health.best_metric != "none" and not config.evaluation.eval_kimg:
        raise ConfigError(
            f"--best_metric={config.health.best_metric} is measured while training: give"
            " --eval_kimg too, such as --eval_kimg=20"
        )
    if not config.data.conditional and config.data.music_class != DataConfig.music_class:
        raise ConfigError("--noconditional has no use for --music_class; leave one of them out")
    if not config.data.conditional and config.generator.g_class_std != GeneratorConfig.g_class_std:
        raise ConfigError("--noconditional has no use for --g_class_std; leave one of them out")
    check_unused_of_tokens(config)
    data = config.data
    if data.captions and not data.conditional:
        raise ConfigError("--captions --noconditional: leave one of them out")
    for name in ("text_encoder", "caption_length"):
        if not data.captions and getattr(data, name) != getattr(DataConfig, name):
            raise ConfigError(f"--{name} has no effect without --captions; leave it out")
    o = config.objective
    for name, value in (
        ("condition_dropout", config.data.condition_dropout),
        ("ac_weight", o.ac_weight),
    ):
        if not config.data.conditional and value:
            raise ConfigError(f"--noconditional has no use for --{name}; leave one of them out")
    has = {
        "augment": o.augment,
        "augment=translation": "translation" in o.augment,
        "augment=cutout": "cutout" in o.augment,
        "ada_target": o.ada_target,
        "lecam_weight": o.lecam_weight,
        "path_length_weight": o.path_length_weight,
        "cr_real or --cr_fake": o.cr_real or o.cr_fake,
        "zcr_d or --zcr_g": o.disturbs,
        "given_frames": config.data.given_frames,
        "r1_gamma, --r2_gamma or --gp_weight": o.penalizes,
    }
    for name, need in _NEEDS.items():
        if getattr(o, name) != getattr(ObjectiveConfig, name) and not has[need]:
            raise ConfigError(f"--{name} has no effect without --{need}; leave it out")
    adam = config.optimizer
    if adam.lazy_rates and all(adam.lazy_factor(name, o) == 1 for name in ("g", "d")):
        raise ConfigError(
            "--lazy_rates has no effect without a penalty that comes every few steps"
            " (--penalty_every, --path_length_every); leave it out"
        )
    d = config.discriminator
    if d.d_backbone and d.d_kind != "frozen" and not o.align_weight:
        raise ConfigError(
            f"--d_backbone={d.d_backbone} has no effect without --d_kind=frozen or --align_weight;"
            " leave it out"
        )
    if d.d_backbone_size and not d.d_backbone:
        raise ConfigError("--d_backbone_size has no effect without --d_backbone; leave it out")
    check_kinds(config)


def _check_grids(config: Config) -> None:
    """Patches and windows against the resolution."""
    g, d = config.generator, config.discriminator
    data = config.data
    axes: tuple[tuple[str, int], ...] = (("length", data.signal_shape[0]),)
    if data.modality == "image":
        axes = (("height", data.signal_shape[0]), ("width", data.signal_shape[1]))
    elif not data.is_sequence:
        return  # networks of their own
    for axis, size in axes:
        scale = 1 if config.is_autoregressive else g.g_scale  # of these a token is a step
        if size % scale:
            below = size // scale * scale
            near = f"{below} or {below + scale}" if below else f"{scale}"
            flags = {"image": "--image_size", "series": "--series_length"}
            asked = "--autoencoder" if data.autoencoder else flags.get(data.modality, "--dataset")
            raise ConfigError(
                f"{asked}: the {axis} {size} is not a multiple of {scale}, which --g_patch="
                f"{g.g_patch} and {len(g.g_widths)} stages need; use {asked} with {near}, or other"
                " --g_patch or fewer --g_widths"
                if g.g_patch_used
                else f"{asked}: the {axis} {size} is not a multiple of {scale}, which the"
                f" {len(g.g_widths)} stages of --g_widths={as_text(g.g_widths)} need; use"
                f" {asked} with {near}, or fewer stages"
            )
        for stage, window in enumerate(g.g_windows if g.g_kind == "transformer" else ()):
            grid = size // scale * 2**stage
            if window > 0 and grid % window:
                raise ConfigError(
                    f"--g_windows: the window {window} does not divide the {axis} of stage"
                    f" {stage + 1}, {grid} tokens; use a divisor of {grid}, or 0 for global"
                )
        if d.d_kind in HALVING:
            check_halvings(d, axis, size)
            continue
        if d.d_kind == "frozen":
            continue
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
                f" --d_width={as_text(d.d_width)}, which does not divide the {axis} {size}; use"
                " fewer widths, or a smaller patch"
            )
        for window, patch in zip(d.windows_of_stages, d.patches_of_stages, strict=True):
            if window and (size // patch) % window:
                raise ConfigError(
                    f"--d_window={window} does not divide the {axis} of the grid,"
                    f" {size // patch} tokens; use a divisor, or 0 for global"
                )


def _is_one_line(text: str) -> bool:
    return text == text.strip() and len(text.splitlines()) <= 1
