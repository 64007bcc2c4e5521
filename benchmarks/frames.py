"""Frames of clips as images, from which a generator of stills learns.

    python -m benchmarks.frames --out=frames.npz
    python train.py --flagfile=configs/fashion_mnist.flags --dataset=npz:frames.npz \\
        --g_windows=0,0 --g_patch=4 --d_width=64 --d_depth=2 --name=stills --total_kimg=60 \\
        --metrics=

All frames of all clips of a data set, each with its clip's class; those of held-out clips are held
out. For --still of ``benchmarks.moving``, which compares clips with the images of such a generator.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.config import VIDEO, Config
from tgan_tf.data.sources import load_source
from tgan_tf.data.types import SampleSet
from tgan_tf.files import replacing
from tgan_tf.training.progress import Console


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("dataset", "moving_digits", "clips, as for train.py", flag_values=values)
    flags.DEFINE_string("data_dir", "", "as for train.py", flag_values=values)
    flags.DEFINE_string("out", None, "the archive to write: PATH.npz", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.mark_flag_as_required("out", flag_values=values)


def frames_of(clips: SampleSet) -> tuple[np.ndarray, np.ndarray | None]:
    """Images uint8 [N F, H, W, C] and their labels, int32 [N F] or None."""
    samples = np.asarray(clips.samples)  # [N, F, H, W, C]
    labels = None if clips.labels is None else np.repeat(clips.labels, samples.shape[1])
    return samples.reshape(-1, *samples.shape[2:]), labels


def run(values: flags.FlagValues) -> None:
    """Loads the clips and writes the archive."""
    if values.dataset.partition(":")[0] not in VIDEO:
        raise ValueError(f"--dataset={values.dataset}: clips are {', '.join(VIDEO)}")
    data = Config().replace(dataset=values.dataset, data_dir=values.data_dir).data
    with Console().counting("loading clips") as progress:
        source = load_source(data, progress=progress)
    arrays: dict[str, np.ndarray] = {}
    for part, clips in (("train", source.train), ("test", source.val)):
        arrays[f"x_{part}"], labels = frames_of(clips)
        if labels is not None:
            arrays[f"y_{part}"] = labels
            arrays["class_names"] = np.array(source.class_names)
    out = Path(values.out).with_suffix(".npz")
    with replacing(out) as beside, beside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    print(f"{len(arrays['x_train'])} frames, and {len(arrays['x_test'])} held out: {out}")


if __name__ == "__main__":
    command.start(define_flags, run)
