"""What options of texts and of tokens may be, and what of them has no effect."""

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
# Of the generator; what else it has is of images, or of what is made at once.
_KNOWN = {
    *("latent_dim", "w_dim", "mapping_layers", "g_class_std", "g_tokens", "g_widths", "g_depths"),
    *("g_windows", "g_heads", "g_mlp_ratio", "g_qk_norm", "g_gate", "g_norm", "g_norm_epsilon"),
    *("g_init", "g_activation"),
}


def check_tokens(config: Config) -> None:
    """A resolved configuration of tokens that are made one by one.

    Raises:
        ConfigError: naming the flag and the way out.
    """
    g = config.generator
    if len(g.g_widths) != 1:
        raise ConfigError(
            f"--g_widths={','.join(map(str, g.g_widths))}: what is made one by one has one stage;"
            " give one number, and one of --g_depths and --g_windows=0; or --g_tokens=at_once"
        )
    if config.training.precision != "float32":
        raise ConfigError(
            f"--precision={config.training.precision}: what is made one by one needs float32, or"
            " its tokens change between training and export; or pass --g_tokens=at_once"
        )


def check_unused_of_tokens(config: Config) -> None:
    """Options of tokens without tokens, and of images with them.

    Raises:
        ConfigError: naming the flag.
    """
    kind = config.data.dataset.partition(":")[0]
    is_text, tokens = kind in TEXTS, config.generator.g_tokens
    by_one = tokens == "one_by_one" or (is_text and tokens == "auto")
    objective, generator = config.objective, config.generator
    unused = []
    if kind not in (*TEXTS, *MUSIC):
        unused += ["g_tokens"] * (tokens != GeneratorConfig.g_tokens)
    if not is_text:
        unused += ["sentence_encoder"] * (config.evaluation.sentence_encoder != "auto")
    if objective.kl_weight and (by_one or kind not in (*TEXTS, *MUSIC, *SERIES)):
        raise ConfigError(
            f"--kl_weight={objective.kl_weight:g} is for texts and music of --g_tokens=at_once, and"
            " for time series; leave it out"
        )
    if not by_one:
        known = _OF_LIKELIHOOD if objective.kl_weight else ()
        names = [name for name in _OF_TOKENS if name not in known]
        unused += [n for n in names if getattr(objective, n) != getattr(ObjectiveConfig, n)]
    if unused:
        what = "texts" if unused[0] == "sentence_encoder" else "texts and music"
        if unused[0] in _OF_TOKENS:
            what = "tokens made one by one"
        if unused[0] in _OF_LIKELIHOOD:
            what += ", or for what has --kl_weight"
        raise ConfigError(f"--{unused[0]} is for {what}; leave it out")
    if by_one:
        default = GeneratorConfig()
        for leaf in dataclasses.fields(generator):
            changed = getattr(generator, leaf.name) != getattr(default, leaf.name)
            if changed and leaf.name not in _KNOWN:
                raise ConfigError(
                    f"--{leaf.name} has no effect on what is made one by one; leave it out, or pass"
                    " --g_tokens=at_once"
                )
