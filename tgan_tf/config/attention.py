"""What the kinds of attention and of windows ask of each other."""

from __future__ import annotations

from typing import Any

from tgan_tf.config.errors import ConfigError
from tgan_tf.config.networks import DiscriminatorConfig, GeneratorConfig


def fitting_window(side: int) -> int:
    """The greatest window from 8 down to 4 that divides so many tokens a side; 0: none does."""
    return next((window for window in range(8, 3, -1) if side % window == 0), 0)


def check_windows(g: GeneratorConfig) -> None:
    """Windows and stages of the generator's attention."""
    pattern, with_windows = g.g_window_pattern, [bool(window) for window in g.g_windows]
    if pattern != "plain":
        if not any(with_windows):
            raise ConfigError(f"--g_window_pattern={pattern} has no effect without --g_windows")
        if g.g_attention != "softmax":
            raise ConfigError(
                f"--g_window_pattern={pattern} --g_attention={g.g_attention}: use softmax, or the"
                " plain pattern"
            )
        for heads, windowed in zip(g.heads_of_stages, with_windows, strict=True):
            if windowed and heads % 2:
                raise ConfigError(
                    f"--g_window_pattern={pattern} --g_heads={_text(g.g_heads)}: one half of the"
                    f" heads differs from the other; use an even number, not {heads}"
                )
    if pattern == "multi_axis" and g.g_relative_bias:
        raise ConfigError("--g_window_pattern=multi_axis has no --g_relative_bias; leave one out")
    if g.g_mlp_stages > len(g.g_widths):
        raise ConfigError(
            f"--g_mlp_stages={g.g_mlp_stages}: there are {len(g.g_widths)} stages (--g_widths)"
        )
    if g.g_mlp_stages and any(window > 0 for window in g.g_windows[-g.g_mlp_stages :]):
        raise ConfigError(
            f"--g_windows={_text(g.g_windows)} --g_mlp_stages={g.g_mlp_stages}: the last stages"
            " have no self-attention; give them 0"
        )


def check_additive(network: str, options: GeneratorConfig | DiscriminatorConfig) -> None:
    """What attention without scores of pairs cannot have."""

    def value(name: str) -> Any:
        return getattr(options, f"{network}_{name}")

    used = [f"--{network}_{name}" for name in ("qk_norm", "relative_bias") if value(name)]
    if value("position") == "rotary":
        used.append(f"--{network}_position=rotary")
    if value("attention") == "additive" and used:
        raise ConfigError(
            f"--{network}_attention=additive has no use for {' '.join(used)}; leave it out"
        )


def _text(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))
