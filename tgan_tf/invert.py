"""Finds the w of given pictures, and draws what it makes of them.

    python -m tgan_tf.invert --run=runs/00012-digits --images=six.png,more/*.png --label=6

draws RUN/generated/inverted.png, each picture above what the generator makes of it, and writes
inverted.npz beside it, from which `python -m tgan_tf.generate --w=RUN/generated/inverted.npz` goes
on: along directions, or truncated. `--images` takes files and folders; other sizes are fitted as
the run's training images were. Of small pictures, EfficientNet-Lite0's features take most of the
time; `--features=none` compares pixels alone.
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from tgan_tf import command

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

_MOST = 256  # pictures


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    flags.DEFINE_list("images", [], "files, folders, or patterns like *.png", flag_values=values)
    flags.DEFINE_string(
        "label",
        "",
        "what the pictures show, as for generate; empty: the nearest of any",
        flag_values=values,
    )
    flags.DEFINE_integer("steps", 200, "of gradient descent", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "candidates",
        1024,
        "random w, of which the nearest is the start",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "features",
        "auto",
        ("auto", "efficientnet_lite0", "none"),
        "compared besides the pixels; auto: if the package with the weights is there",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", "", "PNG file; empty: RUN/generated/inverted.png", flag_values=values
    )


def run(values: flags.FlagValues) -> None:
    """Finds, writes, draws and prints how near."""
    paths = find_images(values.images)
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.inference import find_run
    from tgan_tf.modalities.pictures import save_png
    from tgan_tf.training.progress import Console

    samples = read_images(paths, sampler)
    label = sampler.condition.parse(values.label) if values.label else None
    with Console().counting("steps") as progress:
        found = sampler.invert(
            samples,
            label,
            steps=values.steps,
            candidates=values.candidates,
            features=values.features,
            progress=progress,
        )
    out = Path(values.out or find_run(values.run) / "generated" / "inverted.png")
    pairs = np.stack([samples, found.reconstructions], axis=1)  # [N, 2, H, W, C]
    save_png(sampler.modality.grid(pairs.reshape(-1, *samples.shape[1:]), 2), out)
    found.save(out.with_suffix(".npz"))
    for path, psnr in zip(paths, found.psnr, strict=True):
        print(f"{path}: {psnr:.1f} dB")
    print(f"each picture and what the generator makes of it: {out}")
    print(f"go on: python -m tgan_tf.generate --run={values.run} --w={out.with_suffix('.npz')}")


def find_images(words: list[str]) -> list[Path]:
    """Files that words name.

    Raises:
        ValueError: there are none, or too many.
    """
    from PIL import Image

    Image.init()
    paths: list[Path] = []
    for word in words:
        found = sorted(glob.glob(word))
        if not found:
            raise ValueError(f"--images={word}: there is no such file or folder")
        for path in map(Path, found):
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
            paths += [p for p in inside if not path.is_dir() or p.suffix.lower() in Image.EXTENSION]
    if not 0 < len(paths) <= _MOST:
        raise ValueError(f"--images: {len(paths)} pictures; give 1 to {_MOST}")
    return paths


def read_images(paths: list[Path], sampler: Sampler) -> np.ndarray:
    """The pictures as samples of the run, uint8 ``[N, H, W, C]``.

    Raises:
        ValueError: one cannot be read, or the run makes no images.
    """
    from tgan_tf.data import pixels

    if sampler.modality.name != "image":
        raise ValueError(f"--run: makes {sampler.modality.plural}, not images")
    (height, width, channels), fit = sampler.modality.sample_shape, sampler.config.data.fit
    size = (height, width)
    rows = []
    for path in paths:
        try:
            image = pixels.image_from_file(path, size)
            rows.append(pixels.to_row(image, (*size, channels), fit))
        except Exception as error:  # decoders raise nearly anything on broken files
            raise ValueError(f"--images: {path} cannot be read ({error})") from error
    return np.stack(rows)


if __name__ == "__main__":
    command.start(define_flags, run)
