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
    "token_gradient",
    "reward_discount",
    "gumbel_temperature",
    "gumbel_temperature_final",
)
_OF_LIKELIHOOD = ("likelihood_kimg", "likelihood_lr", "likelihood_weight")
_NOT_WITH_REWARDS = (
    *("r1_gamma", "r2_gamma", "gp_weight", "drift_weight", "lecam_weight", "cr_real", "cr_fake"),
    *("zcr_d", "zcr_g", "ac_weight", "mismatch_share", "align_weight", "ada_target"),
)
# Of the generator; what else it has is of images, or of what is made at once.
TOKENS_G = {
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
    if config.objective.rewards_tokens:
        _check_rewards(config)


def _check_rewards(config: Config) -> None:
    """What a discriminator of every beginning of a text can be."""
    o, d, data = config.objective, config.discriminator, config.data
    if data.modality != "text":
        raise ConfigError("--token_gradient=score is for texts; leave it out")
    wanted = {
        "d_kind": "transformer",
        "d_patch": 1,
        "d_stem": "patch",
        "d_pool": "mean",
        "d_attention": "softmax",
        "d_relative_bias": False,
        "d_position": "learned",
        "d_minibatch_std": 0,
        "d_pack": 1,
    }
    for name, value in wanted.items():
        if getattr(d, name) != value:
            raise ConfigError(
                f"--{name}={getattr(d, name)} --token_gradient=score: its discriminator reads token"
                f" after token; use --{name}={value}"
            )
    if len(d.d_width) != 1:
        raise ConfigError("--token_gradient=score: its discriminator has one stage; give one width")
    if o.loss == "dual_contrastive":
        raise ConfigError(f"--loss={o.loss} --token_gradient=score: use another loss")
    for name in _NOT_WITH_REWARDS:
        if value := getattr(o, name):
            raise ConfigError(
                f"--{name}={value:g} --token_gradient=score: pass --{name}=0, its discriminator"
                " gives a logit for each token"
            )
    if o.top_k < 1:
        raise ConfigError("--top_k is not for --token_gradient=score; pass --top_k=1")


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
    if objective.rewards_tokens:
        for name in ("gumbel_temperature", "gumbel_temperature_final"):
            if getattr(objective, name) != getattr(ObjectiveConfig, name):
                raise ConfigError(
                    f"--{name} has no effect with --token_gradient=score; leave it out"
                )
    elif objective.reward_discount != ObjectiveConfig.reward_discount:
        raise ConfigError("--reward_discount has no effect without --token_gradient=score")
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
            if changed and leaf.name not in TOKENS_G:
                raise ConfigError(
                    f"--{leaf.name} has no effect on what is made one by one; leave it out, or pass"
                    " --g_tokens=at_once"
                )
