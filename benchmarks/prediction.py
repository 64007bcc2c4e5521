"""How well clips go on from their first frames, where what really comes next is known.

    python train.py --flagfile=configs/moving_digits.flags --given_frames=2
    python -m benchmarks.prediction --run=runs/00000-moving_digits-moving

gives held-out clips' first frames to a generator of ``--given_frames`` and prints the table of
docs/results.md: of the frames that follow, the peak signal-to-noise ratio, how far their object is
from where it really is, and how many show its class. Beside it stand clips that the generator makes
without being given a frame, the last given frame repeated, and, of two or more, that frame moved on
straight, without bounces. Some clips are drawn too, what really follows above what was predicted.
Takes a minute or two on one core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags
from scipy import ndimage

from benchmarks import tables
from tgan_tf import command
from tgan_tf.metrics.motion import centres
from tgan_tf.quiet import start_tensorflow

_AT_ONCE = 100
_DRAWN = 6  # clips in the picture


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    flags.DEFINE_integer("samples", 500, "held-out clips", lower_bound=10, flag_values=values)
    flags.DEFINE_string("data_dir", "", "as for train.py", flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "folder for prediction.md, prediction.json and prediction.png; empty: RUN/benchmark",
        flag_values=values,
    )


def moved_on(given: np.ndarray, frames: int) -> np.ndarray:
    """The last given frame, moved by as many pixels a frame as its object moved before.

    Args:
        given: uint8 [N, k, H, W, C], k at least 2.
        frames: how many there are to be, with the given ones.

    Returns:
        [N, frames, H, W, C]. A frame whose object cannot be seen stays where it is.
    """
    places = centres(given[:, -2:])  # [N, 2, 2]
    speed = np.nan_to_num(places[:, 1] - places[:, 0])  # [N, 2]
    made = np.zeros((len(given), frames, *given.shape[2:]), np.uint8)
    made[:, : given.shape[1]] = given
    for ahead in range(1, 1 + frames - given.shape[1]):
        steps = np.rint(ahead * speed).astype(int)
        for index, (down, right) in enumerate(steps):
            moved = ndimage.shift(given[index, -1], (down, right, 0), order=0)
            made[index, given.shape[1] - 1 + ahead] = moved
    return made


def compare(clips: np.ndarray, truth: np.ndarray, given: int) -> dict[str, float]:
    """Frames after the given ones beside what really follows.

    Args:
        clips, truth: uint8 [N, F, H, W, C].
        given: so many are not compared.

    Returns:
        ``psnr`` in dB; ``place_first``, ``place_middle`` and ``place_last``, the median distance in
        pixels between an object and where it really is, in the first frame that is predicted, the
        middle one and the last. An object that cannot be seen counts as infinitely far.
    """
    error = clips[:, given:].astype(np.float64) - truth[:, given:]
    with np.errstate(divide="ignore"):
        psnr = 10 * np.log10(255**2 / np.square(error).mean())
    apart = np.linalg.norm(centres(clips) - centres(truth), axis=-1)[:, given:]  # [N, F - given]
    median = np.median(np.where(np.isnan(apart), np.inf, apart), axis=0)
    return {
        "psnr": float(psnr),
        "place_first": float(median[0]),
        "place_middle": float(median[len(median) // 2]),
        "place_last": float(median[-1]),
    }


def drawn(clips: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """A picture uint8 [height, width, C] of the first clips, a row each, every second frame; above
    each what really follows."""
    from tgan_tf.modalities import pictures

    pairs = np.stack([truth[:_DRAWN], clips[:_DRAWN]], axis=1)[:, :, ::2]  # [n, 2, F / 2, H, W, C]
    rows = pairs.reshape(-1, *pairs.shape[3:])
    picture = pictures.tile(rows, pairs.shape[2])
    return pictures.with_row_names(picture, ["real", "predicted"] * len(pairs))


# What the table shows: heads and formats.
COLUMNS = {
    "psnr": ("PSNR, dB", ".1f"),
    "place_first": ("first predicted frame, pixels", ".1f"),
    "place_middle": ("middle one", ".1f"),
    "place_last": ("last one", ".1f"),
    "frame_accuracy": ("frame accuracy", ".2f"),
}


def run(values: flags.FlagValues) -> None:
    """Measures, writes and prints the table."""
    start_tensorflow()
    from tgan_tf.data.sources import load_source
    from tgan_tf.metrics import video
    from tgan_tf.metrics.classifier import Classifier
    from tgan_tf.modalities.pictures import save_png
    from tgan_tf.training.progress import Console

    sampler = command.load_run(values)
    config = sampler.config
    if not (count := config.data.given_frames):
        raise ValueError(
            f"--run={values.run}: its generator is given no frames; train one with --given_frames"
        )
    config = config.replace(data_dir=values.data_dir or config.data.data_dir)
    source = load_source(config.data)
    with Console().counting("training the network that looks at frames") as progress:
        network = video.frame_network(source, progress)
    truth = source.val.samples[: values.samples]
    labels = None if source.val.labels is None else source.val.labels[: values.samples]
    given, seeds, frames = truth[:, :count], range(len(truth)), truth.shape[1]
    parts = []
    for start in range(0, len(truth), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        classes = None if labels is None else labels[part]
        parts.append(sampler.complete(seeds[part], given[part], classes))
    made = {
        "predicted": np.concatenate(parts),
        "made without being given a frame": sampler.sample(seeds, labels, batch_size=_AT_ONCE),
        "last given frame repeated": np.repeat(given[:, -1:], frames, axis=1),
    }
    if count > 1:
        made["last given frame moved on straight"] = moved_on(given, frames)
    rows = {}
    for name, clips in {**made, "real": truth}.items():
        rows[name] = compare(clips, truth, count)
        if labels is not None and isinstance(network, Classifier):
            seen = video.features_of(clips[:, count:], network).classes
            rows[name]["frame_accuracy"] = float(np.mean(seen == labels[:, None]))
    out = Path(values.out or Path(values.run) / "benchmark")
    save_png(drawn(made["predicted"], truth), out / "prediction.png")
    print(tables.save(tables.markdown(COLUMNS, rows), rows, out / "prediction"))


if __name__ == "__main__":
    command.start(define_flags, run)
