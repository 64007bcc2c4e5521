"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.files import replacing
from tgan_tf.networks import build_discriminator, build_generator

_TITLES = {"ema_generator": "the averaged generator", "discriminator": "the discriminator"}


class CheckpointError(RuntimeError):
    """A checkpoint that is missing, damaged or of another network; the message says what to do."""


class Checkpoints:
    """The checkpoints of one run, ``RUN/checkpoints/ckpt-STEP``.

    TensorFlow writes a checkpoint's files first and then, in one rename, the file that lists them;
    files that are not listed are what a killed process left. So there is a usable last checkpoint
    at any moment after the first.

    Args:
        directory: where they are; made if need be.
        trackables: name -> Keras model or optimizer, variable or ``tf.Module``; all of their
            variables are saved and restored.
        keep: how many of the last ones stay.
        every: steps between the usual ones. One of another step (a run was told to stop there)
            goes when the next is saved and does not count as kept: which ones there are does not
            depend on how often a run was stopped.
        writable: False for workers other than the chief. Saving is a joint act (some variables are
            summed over the replicas as they are read), so they write too, and throw it away.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        trackables: Mapping[str, Any],
        *,
        keep: int,
        every: int = 1,
        writable: bool = True,
    ) -> None:
        self.directory = Path(directory)
        self._keep, self._every, self._writable = keep, every, writable
        self._checkpoint = tf.train.Checkpoint(
            **{name: _explicit(trackable) for name, trackable in trackables.items()}
        )
        _ = self._checkpoint.save_counter  # made when it is asked for; a restore expects it
        self._saved: int | None = None
        target = self.directory
        if writable:
            target.mkdir(parents=True, exist_ok=True)
            _remove_unlisted(target)
        else:
            self._thrown_away = tempfile.TemporaryDirectory(prefix="tgan_tf-")
            target = Path(self._thrown_away.name)
        self._target = target

    @property
    def steps(self) -> list[int]:
        """Of the complete ones, oldest first."""
        return [step_of(path) for path in listed(self.directory)]

    @property
    def usual_steps(self) -> list[int]:
        """Without the one at which the run was told to stop."""
        return [step for step in self.steps if step % self._every == 0]

    def save(self, step: int) -> None:
        """Saves; does nothing when the last save was of the same step."""
        if step == self._saved:
            return
        self._checkpoint.write(os.fspath(self._target / f"ckpt-{step}"))
        if self._writable:
            usual = [old for old in self.usual_steps if old != step]
            keep = self._keep - (step % self._every == 0)
            self._list([*usual[max(0, len(usual) - keep) :], step])
        else:
            for path in self._target.iterdir():
                path.unlink()
        self._saved = step

    def drop_after(self, step: int) -> None:
        """Removes those of later steps, to which a training that goes back must not return."""
        if self._writable:
            self._list([old for old in self.steps if old <= step])
        self._saved = None

    def restore_latest(self) -> int | None:
        """Puts everything back as it was saved last.

        Returns:
            Its step; None when nothing was saved yet.

        Raises:
            CheckpointError: the last checkpoint is damaged, or does not fit.
        """
        paths = listed(self.directory)
        if not paths:
            return None
        path = paths[-1]
        try:
            self._checkpoint.restore(os.fspath(path)).assert_consumed()
        except Exception as error:  # TensorFlow raises nearly anything
            way_out = f"; to go on from {paths[-2].name}, delete {path}.*" if len(paths) > 1 else ""
            raise CheckpointError(
                f"{path}: cannot be restored ({_short(error)}){way_out}"
            ) from error
        self._saved = step_of(path)
        return self._saved

    def _list(self, steps: Sequence[int]) -> None:
        """Makes these the ones that there are."""
        _write_list(self._target, [f"ckpt-{step}" for step in steps])
        _remove_unlisted(self._target)


def _write_list(directory: Path, names: Sequence[str]) -> None:
    """The text form of TensorFlow's CheckpointState, in one rename.

    Its own CheckpointManager keeps the last so many, whatever step they are of.
    """
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    with replacing(directory / "checkpoint") as beside:
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")


def listed(directory: str | os.PathLike[str]) -> list[Path]:
    """Prefixes of the complete checkpoints of a directory, oldest first."""
    state = tf.train.get_checkpoint_state(os.fspath(directory))
    names = [] if state is None else [Path(path).name for path in state.all_model_checkpoint_paths]
    paths = [Path(directory) / name for name in names]
    return [path for path in paths if path.with_name(path.name + ".index").is_file()]


def step_of(path: str | os.PathLike[str]) -> int:
    """The step in a checkpoint's name."""
    match = re.search(r"-(\d+)$", os.fspath(path))
    if match is None:
        raise CheckpointError(f"{path}: not the prefix of a checkpoint, such as ckpt-1200")
    return int(match[1])


def find_checkpoint(run_or_prefix: str | os.PathLike[str]) -> Path:
    """A checkpoint's prefix, from itself or from a run directory (its last one).

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(run_or_prefix)
    if path.suffix in (".index", ".data-00000-of-00001"):
        path = path.with_suffix("")
    if path.with_name(path.name + ".index").is_file():
        return path
    for directory in (path / "checkpoints", path):
        paths = listed(directory) if directory.is_dir() else []
        if paths:
            return paths[-1]
    raise FileNotFoundError(
        f"{path}: no checkpoint here; give a run directory such as runs/00012-digits, or a"
        " checkpoint's prefix such as runs/00012-digits/checkpoints/ckpt-1200"
    )


def load_ema_generator(run_or_prefix: str | os.PathLike[str], generator: keras.Model) -> int:
    """Puts a checkpoint's averaged weights into a generator, and nothing else anywhere.

    Args:
        run_or_prefix: a run directory (its last checkpoint is taken) or a checkpoint's prefix.
        generator: of the same configuration (but for the precision), with its weights made.

    Returns:
        The step at which the checkpoint was saved.

    Raises:
        FileNotFoundError: there is no checkpoint.
        CheckpointError: the checkpoint is damaged, or some weight has no match in it.
    """
    return _load(run_or_prefix, "ema_generator", generator, build_generator)


def load_discriminator(run_or_prefix: str | os.PathLike[str], discriminator: keras.Model) -> bool:
    """Puts a checkpoint's weights into a discriminator, as `load_ema_generator` does.

    Returns:
        Whether the checkpoint has one; that of a converted network need not.
    """
    stored = tf.train.load_checkpoint(os.fspath(find_checkpoint(run_or_prefix)))
    if not any(name.startswith("discriminator/") for name in stored.get_variable_to_dtype_map()):
        return False
    _load(run_or_prefix, "discriminator", discriminator, build_discriminator)
    return True


def _load(
    run_or_prefix: str | os.PathLike[str],
    name: str,
    network: keras.Model,
    build: Callable[[Config], keras.Model],
) -> int:
    """Puts the weights that a checkpoint has under a name into a network; the step."""
    path = find_checkpoint(run_or_prefix)
    try:
        stored = tf.train.load_checkpoint(os.fspath(path)).get_variable_to_dtype_map()
        doubles = any(
            dtype == tf.float64 for key, dtype in stored.items() if key.startswith(f"{name}/")
        )
        source = network
        if doubles and network.variable_dtype != "float64":
            # A checkpoint restores into variables of its own type only.
            source = build(network.config.replace(precision="float64"))
        step = tf.Variable(0, dtype=tf.int64)
        checkpoint = tf.train.Checkpoint(**{name: _explicit(source)}, step=step)
        status = checkpoint.restore(os.fspath(path))
        status.assert_existing_objects_matched().expect_partial()
    except Exception as error:
        raise CheckpointError(
            f"{path}: {_TITLES[name]} cannot be read from it ({_short(error)}); is it of the same"
            " configuration?"
        ) from error
    if source is not network:
        network.set_weights(source.get_weights())
    return int(step.numpy())


def _explicit(trackable: Any) -> Any:
    """A Keras object as a dictionary of its variables.

    TensorFlow does not look into the lists in which Keras 3 keeps its own: a checkpoint of a model
    with a list of layers silently leaves them out. Keys are places in the order of creation, which
    only the code decides; paths hold numbers that depend on what else the process has built.
    """
    if not isinstance(trackable, keras.Model | keras.optimizers.Optimizer):
        return trackable
    return {
        f"{place:04d}_{variable.name.rpartition('_')[2]}": variable.value
        for place, variable in enumerate(trackable.variables)
    }


def _remove_unlisted(directory: Path) -> None:
    """Removes the halves of checkpoints that killed processes left."""
    names = {path.name for path in listed(directory)}
    for path in directory.glob("ckpt-*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif re.sub(r"\.(index|data-.*)$", "", path.name) not in names:
            path.unlink(missing_ok=True)


def _short(error: BaseException) -> str:
    """The first line of a message, without TensorFlow's list of operations."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
