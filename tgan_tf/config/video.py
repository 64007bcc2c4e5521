"""What networks of video need."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from tgan_tf.config.errors import ConfigError
from tgan_tf.config.option import as_text

if TYPE_CHECKING:
    from tgan_tf.config.tree import Config

# What the networks of video know of the others' options.
VIDEO_G = (
    *("latent_dim", "w_dim", "mapping_layers", "g_class_std", "g_widths", "g_depths", "g_windows"),
    *("g_heads", "g_mlp_ratio", "g_patch", "g_output", "g_output_activation", "g_norm"),
    *("g_norm_epsilon", "g_init", "g_activation", "g_motion_dim", "g_time_attention"),
    *("g_moving_grid", "g_latent_tokens"),
)
_VIDEO_D = (
    *("d_width", "d_depth", "d_heads", "d_mlp_ratio", "d_patch", "d_stem", "d_norm"),
    *("d_norm_epsilon", "d_head", "d_init", "d_activation", "d_minibatch_std", "d_spectral_norm"),
    *("d_pack", "d_frames", "d_motion_depth"),
)
_MOTION_PATCH = 8  # pixels that a token of the motion branch covers


def check_video(config: Config) -> None:
    """Options that networks of video do not have, and shapes that they cannot make."""
    g, d, data = config.generator, config.discriminator, config.data
    for section, known in ((g, VIDEO_G), (d, _VIDEO_D)):
        for leaf in dataclasses.fields(section):
            value = getattr(section, leaf.name)
            if leaf.name not in known and value != leaf.default:
                raise ConfigError(
                    f"--{leaf.name}={as_text(value)}: networks of video do not have it; leave it"
                    " out"
                )
    if any(window > 0 for window in g.g_windows):
        raise ConfigError(f"--g_windows={as_text(g.g_windows)}: of video all are 0, global")
    if len(d.d_width) > 1:
        raise ConfigError(f"--d_width={as_text(d.d_width)}: give one number for video")
    if g.g_motion_dim >= g.latent_dim:
        raise ConfigError(
            f"--g_motion_dim={g.g_motion_dim} leaves nothing of --latent_dim={g.latent_dim} to say"
            " what a clip shows; use a smaller number"
        )
    if not config.is_resolved:
        return
    frames, height, width, _ = data.shape
    if frames % 2 or d.d_frames > frames:
        raise ConfigError(f"--frames={frames} must be even, and at least --d_frames={d.d_frames}")
    if config.data.given_frames >= frames:
        raise ConfigError(
            f"--given_frames={config.data.given_frames} leaves nothing of --frames={frames} to be"
            " made; use a smaller number"
        )
    scale = math.lcm(g.g_patch * 2 ** (len(g.g_widths) - 1), d.d_patch, _MOTION_PATCH)
    if height % scale or width % scale:
        raise ConfigError(
            f"--image_size={height},{width}: not multiples of {scale}, which --g_patch={g.g_patch}"
            f" with {len(g.g_widths)} stages, --d_patch={d.d_patch} and patches of 8 pixels of the"
            " motion branch need; use multiples of it, or other patches"
        )
