"""Generated clips beside real ones, and beside what is wrong with clips.

    python train.py --flagfile=configs/moving_digits.flags
    python train.py --flagfile=configs/moving_digits.flags --nog_time_attention
    python -m benchmarks.frames --out=frames.npz
    python train.py --flagfile=configs/fashion_mnist.flags --dataset=npz:frames.npz \\
        --g_windows=0,0 --g_patch=4 --d_width=64 --d_depth=2 --name=stills --total_kimg=60 \\
        --metrics=
    python -m benchmarks.moving --run=runs/00000-moving_digits-moving \\
        --without_time=runs/00001-moving_digits-moving --still=runs/00002-frames-stills

prints the table of docs/results.md. Real clips of objects that were held out, the same with their
frames shuffled, the first repeated, every second one shown twice, and halves of two clips in one,
are measured against 1,000 training clips as generated clips are; an image of a generator of stills
lasts for a whole clip. Beside the generated clips stand ones twice as long as in training. One
network, trained on the frames of the training clips, looks at all. Without --run real clips alone.
Takes two minutes or so on one core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from benchmarks import tables
from tgan_tf import command
from tgan_tf.config import Config
from tgan_tf.quiet import start_tensorflow

# What the table shows: heads and formats.
COLUMNS = {
    "frechet_frames": ("frames, Frechet", ".2g"),
    "frechet_motion": ("motion, Frechet", ".2g"),
    "flight_residual": ("flight residual, pixels", ".2g"),
    "same_class": ("same class", ".2f"),
    "frame_accuracy": ("frame accuracy", ".2f"),
}
_AT_ONCE = 100


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_string("without_time", "", "a run with --nog_time_attention", flag_values=values)
    flags.DEFINE_string(
        "still", "", "a run of images, of the clips' frames: benchmarks.frames", flag_values=values
    )
    flags.DEFINE_integer("samples", 1000, "clips of each", lower_bound=10, flag_values=values)
    flags.DEFINE_integer("seed", 0, "of what is done to clips", flag_values=values)
    flags.DEFINE_string("data_dir", "", "as for train.py", flag_values=values)
    flags.DEFINE_string(
        "out", "", "folder for moving.md and moving.json; empty: RUN/benchmark", flag_values=values
    )


def spoiled(clips: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Real clips, and what can be wrong with clips, by name.

    Args:
        clips: uint8 [N, F, H, W, C].
        seed: of the shuffles and pairs.

    Returns:
        As many clips of each.
    """
    count, frames = clips.shape[:2]
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(frames), (count, 1)), axis=1)  # [N, F]
    seconds = clips[rng.permutation(count)]
    return {
        "real": clips,
        "real, frames shuffled": np.take_along_axis(clips, orders[:, :, None, None, None], axis=1),
        "real, first frame repeated": repeated(clips),
        "real, every second frame, each twice": clips[:, np.arange(frames) // 2 * 2],
        "first half of one clip, second half of another": np.concatenate(
            [clips[:, : frames // 2], seconds[:, frames // 2 :]], axis=1
        ),
    }


def repeated(clips: np.ndarray, frames: int = 0) -> np.ndarray:
    """Stills: the first frame of each clip, all the way, or so often."""
    return np.repeat(clips[:, :1], frames or clips.shape[1], axis=1)


def check_still(still: Config, clips: Config) -> None:
    """Whether images of one run can be frames of another's clips.

    Raises:
        ValueError: they are of another size, or of other classes.
    """
    wanted = (clips.data.shape[1:], clips.data.class_names)
    found = ((*still.data.image_size, still.data.channels), still.data.class_names)
    if found != wanted or still.data.modality != "image":
        raise ValueError(
            f"--still: a run of {still.data.dataset}; give one of images that have the size and"
            " the classes of the clips' frames, as benchmarks.frames writes them"
        )


def run(values: flags.FlagValues) -> None:
    """Measures, writes and prints the table."""
    if values.without_time and not values.run:
        raise ValueError("--without_time is compared with --run; give both")
    if not values.run and not values.out:
        raise ValueError("give --run, or --out for real clips alone")
    start_tensorflow()
    from tgan_tf.config import MOVING
    from tgan_tf.data.sources import load_source
    from tgan_tf.inference import load
    from tgan_tf.metrics import video
    from tgan_tf.training.progress import Console

    sampler = command.load_run(values) if values.run else None
    longer = command.load_run(values, 2 * sampler.config.data.frames) if sampler else None
    config = sampler.config if sampler else Config.from_flagfile("configs/moving_digits.flags")
    config = config.replace(data_dir=values.data_dir or config.data.data_dir)
    if config.data.dataset.partition(":")[0] not in MOVING:
        raise ValueError(
            f"--run: of {config.data.dataset}; the physics is known of {', '.join(MOVING)}"
        )
    source = load_source(config.data)
    still = load(values.still) if values.still else None
    if still:
        check_still(still.config, source.resolve(config))
    without = load(values.without_time) if values.without_time else None
    if without and without.config.generator.g_time_attention:
        raise ValueError(f"--without_time={values.without_time}: was trained with it")
    with Console().counting("training the network that looks at frames") as progress:
        network = video.frame_network(source, progress)
    reference, _ = video.some(source.train.samples, source.train.labels)
    seen_real = video.features_of(reference, network)
    real = source.val.samples[: values.samples]
    labels = None if source.val.labels is None else source.val.labels[: values.samples]
    rows: dict[str, dict[str, float]] = {}

    def measure(name: str, clips: np.ndarray) -> None:
        seen = video.features_of(clips, network)
        room = clips.shape[2] - clips.shape[2] // 2
        rows[name] = video.distances(seen_real, seen) | video.physics(clips, labels, seen, room)

    if sampler and longer:
        clips = sampler.sample(range(len(real)), labels, batch_size=_AT_ONCE)
        measure("generated", clips)
        twice = longer.sample(range(len(real)), labels, batch_size=_AT_ONCE)
        measure("generated, twice as long as in training", twice)
        if without:
            others = without.sample(range(len(real)), labels, batch_size=_AT_ONCE)
            measure("generated without attention in time", others)
        measure("generated, first frame repeated", repeated(clips))
    if still:
        images = still.sample(range(len(real)), labels, batch_size=_AT_ONCE)
        measure("generated stills, repeated", repeated(images[:, np.newaxis], real.shape[1]))
    for name, clips in spoiled(real, values.seed).items():
        measure(name, clips)
    out = Path(values.out or Path(values.run) / "benchmark")
    print(tables.save(tables.markdown(COLUMNS, rows), rows, out / "moving"))


if __name__ == "__main__":
    command.start(define_flags, run)
