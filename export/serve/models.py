"""Which versions of which models are served: what is on disk, and what was asked for."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import tensorflow as tf

from export.serve.errors import Code, ServingError
from export.serve.servable import Servable

_LOG = logging.getLogger("export.serve")


class State(enum.IntEnum):
    """As in get_model_status.proto."""

    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: in requests.
        base_path: folder of its versions.
        latest: serve so many of the newest versions; 0: all, or those of ``versions``.
        versions: serve these.
        labels: names of versions, like stable and canary; those versions are served, too.
    """

    name: str
    base_path: Path
    latest: int = 1
    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self, present: Iterable[int]) -> set[int]:
        """Of the versions on disk, those to serve."""
        present = sorted(present)
        if self.versions:
            chosen = set(present) & set(self.versions)
        else:
            chosen = set(present[-self.latest :] if self.latest else present)
        return chosen | (set(present) & set(self.labels.values()))


class Model:
    """A model with its loaded versions.

    Args:
        config: what to serve.

    Attributes:
        states: version -> (state, error); versions that were unloaded stay in it.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.states: dict[int, tuple[State, str]] = {}
        self._servables: dict[int, Servable] = {}
        self._unloading: list[Servable] = []
        self._failed: dict[int, float] = {}  # version -> when its file was written
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")

    def get(self, version: int | None = None, label: str = "") -> Servable:
        """A version that can answer; without number or label the newest.

        Raises:
            ServingError: NOT_FOUND.
        """
        if label:
            if label not in self.config.labels:
                raise ServingError(
                    Code.NOT_FOUND,
                    f"Unrecognized servable version label: {label[:100]}; there are"
                    f" {', '.join(sorted(self.config.labels)) or 'none'}",
                )
            version = self.config.labels[label]
        if version is None:
            version = max(self._servables, default=None)
            if version is None:
                raise not_found(f"Latest({self.config.name})")
        if version not in self._servables:
            raise not_found(f"Specific({self.config.name}, {version})")
        return self._servables[version]

    @property
    def ready(self) -> bool:
        """Whether some version can answer."""
        return bool(self._servables)

    async def refresh(self) -> None:
        """Loads what is new on disk, then lets go of what is no longer wanted.

        In this order: some version answers all the time. If a new one cannot be loaded, the old
        ones stay, and it is tried again when its files change.
        """
        present = _on_disk(self.config.base_path)
        wanted = self.config.wanted(present)
        for version in sorted(wanted - self._servables.keys()):
            if self._failed.get(version) != present[version]:
                await self._load(version, present[version])
        loaded = wanted & self._servables.keys()
        missing = [v for v in wanted - loaded if v not in self.config.labels.values()]
        if loaded and not missing:
            for version in sorted(self._servables.keys() - wanted):
                self._unload(version)
        for servable in list(self._unloading):
            if servable.closed:
                self._unloading.remove(servable)
                self.states[servable.version] = (State.END, "")

    def close(self) -> None:
        """Lets go of all versions."""
        for version in list(self._servables):
            self._unload(version)
        self._loader.shutdown(wait=False)

    async def _load(self, version: int, written: float) -> None:
        name, path = self.config.name, self.config.base_path / str(version)
        self.states[version] = (State.LOADING, "")
        loop = asyncio.get_running_loop()
        try:
            self._servables[version] = await loop.run_in_executor(self._loader, Servable, path)
        except (OSError, ValueError, RuntimeError, ServingError, tf.errors.OpError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            self._failed[version] = written
            self.states[version] = (State.END, reason)
            _LOG.error("%s version %d cannot be loaded: %s", name, version, reason)
        else:
            self._failed.pop(version, None)
            self.states[version] = (State.AVAILABLE, "")
            _LOG.info("%s version %d is served", name, version)

    def _unload(self, version: int) -> None:
        servable = self._servables.pop(version)
        self.states[version] = (State.UNLOADING, "")
        self._unloading.append(servable)
        servable.retire()
        _LOG.info("%s version %d is no longer served", self.config.name, version)


def not_found(what: str) -> ServingError:
    """No such model or version, in the words of TensorFlow Serving."""
    return ServingError(Code.NOT_FOUND, f"Servable not found for request: {what[:200]}")


def _on_disk(folder: Path) -> dict[int, float]:
    """Version -> when its file was written, of those that are whole."""
    found = {}
    try:
        for entry in folder.iterdir():
            if entry.name.isascii() and entry.name.isdecimal():
                file = entry / "saved_model.pb"
                if file.is_file():
                    found[int(entry.name)] = file.stat().st_mtime
    except OSError as error:  # being replaced, or gone: what is loaded goes on
        _LOG.warning("%s: %s", folder, error)
    return found
