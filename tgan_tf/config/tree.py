"""The tree of all options: flags, files, presets and copies of it."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tgan_tf.config.attention import fitting_window
from tgan_tf.config.checks import check_leaf, check_together, check_unused
from tgan_tf.config.defaults import defaults_of, help_on
from tgan_tf.config.errors import ConfigError
from tgan_tf.config.experiment import (
    DataConfig,
    EvaluationConfig,
    HealthConfig,
    RunConfig,
    TrainingConfig,
)
from tgan_tf.config.kinds import G_KNOWN
from tgan_tf.config.networks import DiscriminatorConfig, GeneratorConfig
from tgan_tf.config.objective import ObjectiveConfig, OptimizerConfig
from tgan_tf.config.option import as_text
from tgan_tf.config.texts import TOKENS_G
from tgan_tf.config.video import VIDEO_G
from tgan_tf.files import replacing
from tgan_tf.presets import PRESETS

# Options of the generator whose defaults have changed.
_CHANGED = {"g_windows", "g_upsample", "g_output"}
_FRAME_RATE = 8.0  # of clips that do not say so


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
            check_leaf(leaf.name, value, leaf.metadata)
        check_together(self)

    @classmethod
    def for_dataset(cls, dataset: str, **changes: Any) -> Config:
        """The defaults for a data set, with changes; ``Config()`` has those of images.

        Raises:
            ConfigError: for an unknown name or an illegal value.
        """
        config = cls().replace(dataset=dataset)
        return config.replace(**{**defaults_of(config.data.dataset), **changes})

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
        image_size: tuple[int, int] = (0, 0),
        channels: int = 0,
        modality: str = "image",
        shape: tuple[int, ...] = (),
        vocabulary: Iterable[str] = (),
        channel_mean: Iterable[float] = (),
        channel_std: Iterable[float] = (),
        channel_memory: Iterable[float] = (),
        num_classes: int = 0,
        class_names: Iterable[str] = (),
        attribute_names: Iterable[str] = (),
        vector_width: int = 0,
        frame_rate: float = 0.0,
    ) -> Config:
        """The same experiment with what the data set says filled in.

        There is one kind of condition, or none; all are ignored when ``conditional`` is off.

        Args:
            image_size: (H, W) of the prepared images.
            channels: 1, 3 or 4.
            modality: kind of data; all but images say their ``shape`` instead of those two.
            shape: of what the networks see, channels last.
            vocabulary: what the numbers in the samples stand for.
            channel_mean, channel_std: of time series, or latents of images, by which they are
                standardised.
            channel_memory: of time series, correlation of a step with the one before, 0 to less
                than 1; empty: 0.
            num_classes: classes of the data.
            class_names: a name for each class.
            attribute_names: a name for each attribute, of which a sample has any.
            vector_width: numbers of the vector that stands for a sample.
            frame_rate: of video, frames a second; 0: unknown.
        """
        if not self.data.conditional:
            num_classes, class_names, attribute_names, vector_width = 0, (), (), 0
        known: dict[str, Any] = {}
        if modality == "image":
            known = {"image_size": image_size, "channels": channels}
        elif modality == "video":
            known = {"frame_rate": self.data.frame_rate or frame_rate or _FRAME_RATE}
        config = self.replace(
            **known,
            modality=modality,
            shape=shape,
            vocabulary=tuple(vocabulary),
            channel_mean=tuple(channel_mean),
            channel_std=tuple(channel_std),
            channel_memory=tuple(channel_memory),
            num_classes=num_classes,
            class_names=tuple(class_names),
            attribute_names=tuple(attribute_names),
            vector_width=vector_width,
        )
        if config.is_resolved and config.generator.g_kind == "transformer":
            config = config.replace(g_windows=config.windows_of_stages)
        return config

    @property
    def is_resolved(self) -> bool:
        """Whether the shape of a sample is known, so that networks can be built."""
        return bool(self.data.signal_shape) and all(self.data.signal_shape)

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

    @property
    def is_autoregressive(self) -> bool:
        """Whether the generator makes tokens one by one."""
        return _is_one_by_one(self.generator.g_tokens, self.data.modality)

    @property
    def windows_of_stages(self) -> tuple[int, ...]:
        """Attention window of each stage of a generator of this (resolved) size; 0: global."""
        data, windows = self.data, self.generator.g_windows
        if data.modality != "image":
            return (0,) * len(windows)
        side = math.gcd(*data.grid(self.generator.g_scale))
        return tuple(
            fitting_window(side << stage) if window == -1 else window
            for stage, window in enumerate(windows)
        )

    @property
    def has_encoder(self) -> bool:
        """Whether an encoder finds the z of real samples, for a generator of one pass."""
        return bool(self.objective.kl_weight) and not self.is_autoregressive

    @property
    def likelihood_steps(self) -> int:
        """Steps at the start that have no game yet."""
        kimg = self.objective.likelihood_kimg
        return min(self.steps(kimg), self.total_steps) if kimg else 0

    def kind_of_step(self, step: int) -> tuple[bool, ...]:
        """Whether this step (from 0) has the gradient penalty, whether G learns in it, and whether
        that has the path-length penalty.

        Nothing of a step of likelihood alone, which is no game yet.
        """
        o, d_steps = self.objective, self.training.d_steps
        if step < self.likelihood_steps:
            return ()
        train_g = (step + 1) % d_steps == 0
        path = train_g and bool(o.path_length_weight) and not step // d_steps % o.path_length_every
        return o.penalizes and step % o.penalty_every == 0, train_g, path

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
        sections = cls()
        if not isinstance(tree, Mapping):
            raise ConfigError(f"a configuration is a table of sections, not {tree!r}")
        flat: dict[str, Any] = {}
        for section, values in tree.items():
            if section not in (known := {f.name for f in dataclasses.fields(cls)}):
                raise ConfigError(_unknown(section, known))
            if not isinstance(values, Mapping):
                raise ConfigError(f"{section}: a section is a table of options, not {values!r}")
            known = {f.name for f in dataclasses.fields(getattr(sections, section))}
            for name, value in values.items():
                if name not in known:
                    raise ConfigError(f"{section}: {_unknown(name, known)}")
                flat[name] = value
        return cls.for_dataset(flat.pop("dataset", sections.data.dataset), **flat)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes ``config.json``, beside and then renamed."""
        with replacing(path) as beside:
            beside.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Config:
        """Reads what ``save`` wrote, or an earlier version of it."""
        try:
            tree = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise ConfigError(f"{path}: not a readable config.json ({error})") from error
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            # Once ``one_by_one`` was the default, which concerned texts alone.
            is_old = "token_gradient" not in tree["objective"]
            if is_old and tree["generator"]["g_tokens"] == "one_by_one":
                tree["generator"]["g_tokens"] = "auto"
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            # Once other defaults were written, also of networks that have no use for them.
            for name in _unused(tree):
                tree["generator"].pop(name, None)
        return cls.from_dict(tree)

    def to_flags(self) -> list[str]:
        """``--name=value`` for every leaf that differs from its default for the data set."""
        default = Config().replace(**defaults_of(self.data.dataset))
        lines = []
        for section, leaf in _leaves(self):
            value = getattr(getattr(self, section), leaf.name)
            if leaf.metadata["resolved"] or value == getattr(getattr(default, section), leaf.name):
                continue
            if isinstance(value, bool):
                lines.append(f"--{leaf.name}" if value else f"--no{leaf.name}")
            else:
                lines.append(f"--{leaf.name}={as_text(value)}")
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
        text = leaf.metadata["help"] + help_on(leaf.name)
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


def from_flags(flag_values: Any = None, base: Config | None = None) -> Config:
    """The ``Config`` that parsed flags describe, what they do not name being that of ``base``.

    Raises:
        ConfigError: naming the flag, for an illegal or contradictory value.
    """
    given = _given_options(flag_values)
    config = base or Config.for_dataset(given.get("dataset", DataConfig.dataset))
    config = config.replace(**given)
    check_unused(config)
    return config


def _given_options(flag_values: Any = None) -> dict[str, Any]:
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


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else "; `python train.py --help` lists them"
    return f"unknown option {name}{hint}"


def _is_one_by_one(tokens: str, modality: str) -> bool:
    """Whether a generator with this ``g_tokens`` makes tokens one by one."""
    if modality == "text":
        return tokens in ("auto", "one_by_one")
    return modality == "music" and tokens == "one_by_one"


def _unused(tree: Mapping[str, Any]) -> set[str]:
    """Of the options whose defaults have changed, those that a saved tree's generator ignores."""
    generator, modality = tree["generator"], tree["data"]["modality"]
    if generator["g_kind"] != "transformer":
        return _CHANGED.difference(G_KNOWN[generator["g_kind"]])
    if _is_one_by_one(generator["g_tokens"], modality):
        return _CHANGED.difference(TOKENS_G)
    return _CHANGED.difference(VIDEO_G) if modality == "video" else set()


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
        if kind in (tuple[int, ...], tuple[float, ...], tuple[str, ...]):
            if isinstance(value, str):
                value = [part for part in value.replace(" ", "").split(",") if part]
            if isinstance(value, int):
                value = [value]
            element: Any = {int: _whole, float: float, str: os.fspath}[get_args(kind)[0]]
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
        tuple[float, ...]: "numbers separated by commas",
        tuple[str, ...]: "words separated by commas",
    }
    return names[kind]
