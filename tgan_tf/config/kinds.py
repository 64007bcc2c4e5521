"""What each kind of network knows of the options, and what the convolutional ones need of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tgan_tf.config.errors import ConfigError
from tgan_tf.config.networks import DiscriminatorConfig, GeneratorConfig
from tgan_tf.config.option import as_text

if TYPE_CHECKING:
    from tgan_tf.config.tree import Config

_LATENT = ("latent_dim", "w_dim", "mapping_layers", "g_widths", "g_output_activation")
# Of the others, the transformer has no use.
G_KNOWN: dict[str, tuple[str, ...]] = {
    "dcgan": (*_LATENT, "g_class_std", "g_patch"),
    "biggan": (*_LATENT, "g_class_std", "g_attention_stage", "g_spectral_norm"),
    "stylegan2": (*_LATENT, "g_noise"),
    "r3gan": (*_LATENT, "g_class_std", "g_depths", "g_mlp_ratio", "g_group_width"),
}
# Discriminators of stages, most of which halve the side of the one before.
HALVING = ("biggan", "stylegan2", "r3gan")
_ANY_D = ("d_width", "d_spectral_norm", "d_minibatch_std", "d_pack")
_D_KNOWN: dict[str, tuple[str, ...]] = {
    "conv": (*_ANY_D, "d_patch"),
    "frozen": (
        *("d_width", "d_backbone", "d_backbone_size", "d_head", "d_init"),
        *("d_minibatch_std", "d_spectral_norm"),
    ),
    "biggan": (*_ANY_D, "d_depth", "d_attention_stage"),
    "stylegan2": _ANY_D,
    "r3gan": (*_ANY_D, "d_depth", "d_mlp_ratio", "d_group_width"),
}
_NOT_OF_TRANSFORMERS = (
    *("g_group_width", "g_attention_stage", "g_spectral_norm"),
    *("d_group_width", "d_attention_stage"),
)


def check_kinds(config: Config) -> None:
    """Options that the kinds of network given have no use for.

    Raises:
        ConfigError: naming them, and those that the kind knows.
    """
    for part, kind, known in (
        (config.generator, config.generator.g_kind, G_KNOWN),
        (config.discriminator, config.discriminator.d_kind, _D_KNOWN),
    ):
        names = [leaf.name for leaf in dataclasses.fields(part)]
        flag = names[0]  # the kind itself comes first
        default = type(part)()
        used = known.get(kind, tuple(n for n in names if n not in _NOT_OF_TRANSFORMERS))
        unused = [
            name
            for name in names[1:]
            if name not in used and getattr(part, name) != getattr(default, name)
        ]
        if not unused:
            continue
        shown = " ".join(f"--{name}={as_text(getattr(part, name))}" for name in unused)
        others = [k for k, v in known.items() if set(unused) <= set(v)]
        if kind != "transformer" and not set(unused) & set(_NOT_OF_TRANSFORMERS):
            others.insert(0, "transformer")
        options = ", ".join(f"--{name}" for name in used)
        knows = "" if kind == "transformer" else f": it knows {options}"
        instead = f", or use --{flag}={' or '.join(others)}" if others else ""
        raise ConfigError(f"--{flag}={kind} has no use for {shown}{knows}; leave them out{instead}")


def check_training(config: Config) -> None:
    """How and on what the networks are trained, against their kinds."""
    o, t, kind = config.objective, config.training, config.generator.g_kind
    if config.generator.normalizes_batches and t.micro_batches > 1:
        raise ConfigError(
            f"--micro_batches={t.micro_batches}: --g_kind={kind} normalises by the whole batch;"
            " leave it out"
        )
    if t.remat and "transformer" not in (kind, config.discriminator.d_kind):
        raise ConfigError("--remat is for transformer blocks, and there are none; leave it out")
    if o.style_mixing and kind != "stylegan2":
        raise ConfigError(
            f"--style_mixing={o.style_mixing:g}: only the layers of --g_kind=stylegan2 may have a w"
            " of their own; leave it out"
        )
    if o.path_length_weight and kind not in ("stylegan2", "transformer"):
        raise ConfigError(
            f"--path_length_weight={o.path_length_weight:g} is for generators of --g_kind=stylegan2"
            f" or transformer, not {kind}; leave it out"
        )


def check_conv_generator(g: GeneratorConfig) -> None:
    """The options of a convolutional generator against each other."""
    if not g.g_widths:
        raise ConfigError(f"--g_widths=: --g_kind={g.g_kind} needs one number for every stage")
    if g.g_kind == "dcgan" and g.g_patch & (g.g_patch - 1):
        raise ConfigError(f"--g_patch={g.g_patch}: transposed convolutions need a power of 2")
    if g.g_kind == "biggan":
        if g.mapping_layers != -1:
            raise ConfigError(
                f"--mapping_layers={g.mapping_layers}: the blocks of --g_kind=biggan see parts of z"
                " itself; use -1"
            )
        if g.latent_dim % len(g.g_widths):
            raise ConfigError(
                f"--latent_dim={g.latent_dim}: each of the {len(g.g_widths)} stages of"
                " --g_kind=biggan sees a part of z; use a multiple"
            )
        _check_stage("g_attention_stage", g.g_attention_stage, g.g_widths)
    if g.g_kind == "r3gan":
        _check_blocks("g_widths", g.g_widths, "g_depths", g.g_depths)
        _check_groups("g", g.g_widths, g.g_mlp_ratio, g.g_group_width)


def check_conv_discriminator(d: DiscriminatorConfig) -> None:
    """The options of a discriminator of ``HALVING`` against each other."""
    if not d.d_width:
        raise ConfigError(f"--d_width=: --d_kind={d.d_kind} needs one number for every stage")
    if d.d_kind == "biggan":
        _check_blocks("d_width", d.d_width, "d_depth", d.d_depth)
        _check_stage("d_attention_stage", d.d_attention_stage, d.d_width)
    if d.d_kind == "r3gan":
        _check_blocks("d_width", d.d_width, "d_depth", d.d_depth)
        _check_groups("d", d.d_width, d.d_mlp_ratio, d.d_group_width)


def check_halvings(d: DiscriminatorConfig, axis: str, size: int) -> None:
    """The stages of such a discriminator against a side of the image."""
    # Of biggan, the first stage halves the image already.
    scale = 2 ** (len(d.d_width) - (d.d_kind != "biggan"))
    if size % scale:
        raise ConfigError(
            f"--image_size: the {axis} {size} is not a multiple of {scale}, which the"
            f" {len(d.d_width)} stages of --d_width={as_text(d.d_width)} need; use fewer of them,"
            " or another --image_size"
        )


def _check_blocks(width: str, widths: tuple[int, ...], depth: str, depths: tuple[int, ...]) -> None:
    if len(widths) != len(depths):
        raise ConfigError(
            f"--{width}={as_text(widths)} --{depth}={as_text(depths)}: give each one number for"
            " every stage"
        )


def _check_stage(name: str, stage: int, widths: tuple[int, ...]) -> None:
    if stage > len(widths):
        raise ConfigError(
            f"--{name}={stage}: there are {len(widths)} stages; use one of them, or 0"
        )


def _check_groups(network: str, widths: tuple[int, ...], ratio: float, group: int) -> None:
    for width in widths:
        hidden = int(width * ratio)
        if not hidden or hidden % group:
            raise ConfigError(
                f"--{network}_group_width={group} does not divide {hidden}, the channels inside a"
                f" block of width {width} and --{network}_mlp_ratio={ratio:g}; use a divisor"
            )
