"""What options of texts may be, and what of them has no effect."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tgan_tf.config.errors import ConfigError
from tgan_tf.config.experiment import MUSIC, SERIES
from tgan_tf.config.networks import GeneratorConfig
from tgan_tf.config.objective import ObjectiveConfig

if TYPE_CHECKING:
    from tgan_tf.config.tree import Config

TEXTS = ("poems", "verses", "code", "news", "text", "tfds_text")
_OF_TOKENS = (
    "likelihood_kimg",
    "likelihood_lr",
    "likelihood_weight",
    "token_dropout",
    "gumbel_temperature",
    "gumbel_temperature_final",
)
_OF_LIKELIHOOD = ("likelihood_kimg", "likelihood_lr", "likelihood_weight")
# Of the generator; what else it has is of images, or of texts made at once.
_KNOWN = {
    *("latent_dim", "w_dim", "mapping_layers", "g_class_std", "g_tokens", "g_widths", "g_depths"),
    *("g_windows", "g_heads", "g_mlp_ratio", "g_qk_norm", "g_gate", "g_norm", "g_norm_epsilon"),
    *("g_init", "g_activation"),
}


def check_text(config: Config) -> None:
    """A resolved configuration of texts.

    Raises:
        ConfigError: naming the flag and the way out.
    """
    g = config.generator
    if config.is_autoregressive and len(g.g_widths) != 1:
        raise ConfigError(
            f"--g_widths={','.join(map(str, g.g_widths))}: texts made one by one have one stage;"
            " give one number, and one of --g_depths and --g_windows=0; or --g_tokens=at_once"
        )
    if config.is_autoregressive and config.training.precision != "float32":
        raise ConfigError(
            f"--precision={config.training.precision}: texts made one by one need float32, or"
            " their tokens change between training and export"
        )


def check_unused_of_texts(config: Config) -> None:
    """Options of texts without texts, and of images with them.

    Raises:
        ConfigError: naming the flag.
    """
    kind = config.data.dataset.partition(":")[0]
    is_text = kind in TEXTS
    by_one = is_text and config.generator.g_tokens == "one_by_one"
    objective, generator = config.objective, config.generator
    unused = []
    if not is_text:
        unused += ["g_tokens"] * (generator.g_tokens != GeneratorConfig.g_tokens)
        unused += ["sentence_encoder"] * (config.evaluation.sentence_encoder != "auto")
    if objective.kl_weight and (by_one or kind not in (*TEXTS, *MUSIC, *SERIES)):
        raise ConfigError(
            f"--kl_weight={objective.kl_weight:g} is for texts of --g_tokens=at_once, music and"
            " time series; leave it out"
        )
    if not by_one:
        known = _OF_LIKELIHOOD if objective.kl_weight else ()
        names = [name for name in _OF_TOKENS if name not in known]
        unused += [n for n in names if getattr(objective, n) != getattr(ObjectiveConfig, n)]
    if unused:
        what = "texts made one by one" if is_text else "texts"
        if unused[0] in _OF_LIKELIHOOD:
            what += ", or for what has --kl_weight"
        raise ConfigError(f"--{unused[0]} is for {what}; leave it out")
    if by_one:
        default = GeneratorConfig()
        for leaf in dataclasses.fields(generator):
            changed = getattr(generator, leaf.name) != getattr(default, leaf.name)
            if changed and leaf.name not in _KNOWN:
                raise ConfigError(
                    f"--{leaf.name} has no effect on texts made one by one; leave it out, or pass"
                    " --g_tokens=at_once"
                )
