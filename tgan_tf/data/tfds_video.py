"""``tfds_video:NAME``: any data set of TensorFlow Datasets that has a video feature.

- The feature is the data set's first video, else its first sequence of images, alone or beside what
  else is known of each step, as in ``bair_robot_pushing_small``; the class is the example's first
  class label, if there is one.
- Each example gives as many clips as fit into it, without overlap; frames are taken, cropped and
  resized as those of files are (``video``). Its own size is kept unless asked otherwise.
- ``train`` is trained on (else the only split), and ``test``, else ``validation``, held out;
  without them an evenly spaced share of the examples is. Examples that are too short are left out,
  named and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import pixels, tfds
from tgan_tf.data.cache import cache_root, cached
from tgan_tf.data.clips import read_clips, writing_clips
from tgan_tf.data.split import is_held_out
from tgan_tf.data.types import Progress, Source

_FORMAT = 2  # of the cached arrays


class _Frames(NamedTuple):
    """Where an example has its frames.

    Args:
        path: keys, from the outside in.
        shape: (H, W, C) of one; None where they differ.
        is_video: whether the data set calls them a video.
    """

    path: tuple[str, ...]
    shape: tuple[int | None, int | None, int | None]
    is_video: bool


def load(data: DataConfig, *, progress: Progress | None = None) -> Source:
    """Reads and converts; see the module and ``sources.load_source``."""
    name = data.dataset.partition(":")[2]
    flag = f"--dataset={data.dataset}"
    package = tfds.import_tfds(flag, "")
    builder = tfds.prepared_builder(package, name, data.data_dir, flag, "")
    info = builder.info
    kinds = package.features
    found = sorted(_all_frames(info.features, kinds), key=lambda frames: not frames.is_video)
    if not found:
        raise ConfigError(
            f"{flag}: has no video and no sequence of images, uint8 [F, H, W, C], among its"
            f" features ({' '.join(repr(info.features).split())}); data sets of images are"
            " tfds:NAME"
        )
    path, (height, width, channels), _ = found[0]
    label_key = ""
    if isinstance(info.features, kinds.FeaturesDict):  # else each frame has labels of its own
        label_key = next(
            (k for k, v in info.features.items() if isinstance(v, kinds.ClassLabel)), ""
        )
    class_names = tuple(info.features[label_key].names) if label_key and data.conditional else ()
    if all(data.image_size):
        height, width = data.image_size
    if not height or not width:
        raise ConfigError(f"--image_size: {flag} does not say how large its frames are; give H,W")
    shape = (height, width, data.channels or channels or 3)
    train = "train" if "train" in info.splits else next(iter(info.splits))
    val = next((s for s in ("test", "validation") if s in info.splits and s != train), "")
    splits = {split: info.splits[split].num_examples for split in (train, val) if split}

    def build(directory: Path) -> None:
        total, done = sum(splits.values()), 0
        with writing_clips(directory, (data.frames, *shape)) as clips:
            for split in splits:
                examples = tfds.examples_of(package, builder, split, flag)
                for index, example in enumerate(examples):
                    aside = split == val or (not val and is_held_out(index, data.val_fraction))
                    label = int(example[label_key]) if class_names else -1
                    frames = example
                    for step in path:
                        frames = frames[step]
                    frames = frames[:: data.frame_stride]
                    if len(frames) < data.frames:
                        clips.skipped.append(f"{split}[{index}]: {len(frames)} frames")
                    for start in range(0, len(frames) - data.frames + 1, data.frames):
                        clip = frames[start : start + data.frames]
                        clips.append(_converted(clip, shape, data.fit), label, aside)
                    done += 1
                    if progress:
                        progress(done, total)
        if not all(clips.counts):
            raise ConfigError(
                f"{flag}: {clips.counts[0]} clips of --frames={data.frames} to train on and"
                f" {clips.counts[1]} held out; give fewer --frames, or a smaller --frame_stride"
            )

    key = [_FORMAT, info.full_name, str(builder.data_dir), splits, shape, bool(class_names)]
    key += [data.frames, data.frame_stride, data.fit, data.val_fraction]
    clips = cached(
        cache_root(data.cache_dir),
        info.name,
        key,
        build,
        lambda directory: read_clips(directory, bool(class_names)),
    )
    return Source(
        name=info.name,
        train=clips.train,
        val=clips.val,
        class_names=class_names,
        skipped=clips.skipped,
        licence=tfds.licence_of(info),
        modality="video",
        shape=clips.train.sample_shape,
    )


def _all_frames(
    feature: Any, kinds: Any, path: tuple[str, ...] = (), outer: Any = None
) -> Iterator[_Frames]:
    """All sequences of images in a feature; ``outer`` is the sequence that it is in."""
    if isinstance(feature, kinds.Image):
        if outer is not None and feature.np_dtype == np.uint8:
            yield _Frames(path, feature.shape, isinstance(outer, kinds.Video))
    elif isinstance(feature, kinds.FeaturesDict):
        for key, value in feature.items():
            yield from _all_frames(value, kinds, (*path, key), outer)
    # A sequence in a sequence is no clip, and a data set in a data set is not read at once.
    elif (
        isinstance(feature, kinds.Sequence)
        and not isinstance(feature, kinds.Dataset)
        and outer is None
    ):
        yield from _all_frames(feature.feature, kinds, path, feature)


def _converted(clip: Any, shape: tuple[int, int, int], fit: str) -> np.ndarray:
    return np.stack([pixels.to_row(pixels.image_from_array(f), shape, fit) for f in clip])
