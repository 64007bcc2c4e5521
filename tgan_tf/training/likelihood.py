"""The generator as it was when likelihood alone ended, ``RUN/likelihood``: what the game must beat.

It stays whatever comes after, and is measured beside the samples of every later evaluation.
"""

from __future__ import annotations

import os
from pathlib import Path

from tgan_tf.gan import TransformerGAN
from tgan_tf.inference import Sampler, load
from tgan_tf.training.checkpoint import Checkpoints, listed, step_of
from tgan_tf.training.rundir import RunDirectory


def keep(
    directory: str | os.PathLike[str], gan: TransformerGAN, step: int, *, writable: bool = True
) -> None:
    """Saves the averaged generator, and nothing that only a training needs.

    Args:
        directory: ``RUN/likelihood``.
        gan: whose averaged generator it is.
        step: at which likelihood alone ended.
        writable: as of ``Checkpoints``.
    """
    trackables = {"ema_generator": gan.ema_generator, "step": gan.step}
    # Made anew each time: a training that went back saves other weights of the same step.
    Checkpoints(directory, trackables, keep=1, writable=writable).save(step)


def load_likelihood(run: str | os.PathLike[str] | None, step: int) -> Sampler | None:
    """The generator to compare one of a later step with.

    Args:
        run: the run directory, if there is one.
        step: of the generator that is compared.

    Returns:
        None where the run has none, or none from before ``step``.

    Raises:
        CheckpointError: it is damaged.
    """
    paths = [] if run is None else listed(RunDirectory(Path(run)).likelihood)
    return load(paths[-1]) if paths and step_of(paths[-1]) < step else None
