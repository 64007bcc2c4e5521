"""Which run goes on, and whether it may with this configuration."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from tgan_tf.config import Config, ConfigError
from tgan_tf.training.rundir import numbered

# What may change in the middle of a run: it does not touch the bytes of the weights ...
_FREE = {
    *(field.name for field in dataclasses.fields(Config().run)),
    *(field.name for field in dataclasses.fields(Config().health)),
    *(field.name for field in dataclasses.fields(Config().evaluation)),
    "data_dir",
    "cache_dir",
    "strategy",
}
# ... or the user prolongs the run (of a learning rate schedule, the rest follows the new length).
_PROLONG = {"total_kimg"}


def differences(one: Config, other: Config) -> list[str]:
    """Names of the options in which two configurations differ."""
    names = []
    for section in dataclasses.fields(one):
        a, b = getattr(one, section.name), getattr(other, section.name)
        names += [
            leaf.name
            for leaf in dataclasses.fields(a)
            if getattr(a, leaf.name) != getattr(b, leaf.name)
        ]
    return names


def open_run(path: str | os.PathLike[str]) -> Config:
    """The configuration of the run directory that --resume names.

    Raises:
        ConfigError: it is not one.
    """
    path = Path(path)
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"--resume={path}: not a run directory (it has no config.json); give one such as"
            " runs/00012-fashion_mnist, or auto for the last unfinished run of this configuration"
        )
    return Config.load(path / "config.json")


def check_resumable(saved: Config, config: Config, path: Path) -> None:
    """Whether the run ``saved`` may go on as ``config`` (both resolved).

    Raises:
        ConfigError: naming the options that a run cannot change on its way.
    """
    changed = [name for name in differences(saved, config) if name not in _FREE | _PROLONG]
    if changed:
        flags = ", ".join(f"--{name}" for name in changed)
        raise ConfigError(
            f"--resume={path}: the run was started with other values of {flags}; leave them out to"
            " go on, or leave out --resume to start a new run"
        )


def find_unfinished(config: Config) -> Path | None:
    """The last run in ``out_dir`` of the same (resolved) configuration that has work left."""
    for _, path in reversed(numbered(Path(config.run.out_dir))):
        if not (path / "config.json").is_file() or (path / "result.json").exists():
            continue
        try:
            saved = Config.load(path / "config.json")
        except ConfigError:  # of another version: certainly not the same
            continue
        changed = set(differences(saved, config)) - (_FREE - {"name"})
        if not changed:
            return path
    return None
