"""``npz:PATH``: arrays of images saved by ``numpy.savez``.

- Images: ``images``, ``x_train`` or ``train_images``, else the first array of rank 3 or 4; shape
  [N, H, W] or [N, H, W, C] with C of 1, 3 or 4.
- Labels: ``labels``, ``y_train`` or ``train_labels``, else ``label`` or ``y``, if there; integers
  or text of shape [N] or [N, 1]. Classes are the distinct values in sorted order, called by the
  array ``class_names`` if it has as many entries, else by their values.
- Instead of labels: ``attributes``, [N, K] of 0 and 1, which ``attribute_names`` may name; or
  ``vectors``, [N, K] of real numbers. Those of validation images end in ``_test``.
- Validation split: ``x_test`` and ``y_test``, or ``test_images`` and ``test_labels``, if there,
  else a stratified share is held out.
- Values: integers of 0..255 as they are; booleans and floating point in [0, 1] times 255; floating
  point in [-1, 1] by (x + 1) * 127.5, rounded. One rule for both splits.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.attributes import checked
from tgan_tf.data.reader import ArrayReader
from tgan_tf.data.types import SampleSet

# (images, labels, validation images, validation labels)
_CONVENTIONS = (
    ("images", "labels", "", ""),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
_OTHER_LABELS = ("labels", "label", "y")
_CHANNELS = (1, 3, 4)


def npz_reader(path: str, data: DataConfig, seed: int) -> ArrayReader:
    """Reads the archive's arrays.

    Raises:
        ConfigError: naming the file and the array, for anything outside the rules above.
    """
    file = Path(path).expanduser()
    arrays = _arrays(file)
    images_key, labels_key, val_images_key, val_labels_key = _keys(arrays, file)
    stacks = [arrays[images_key]] + [arrays[key] for key in [val_images_key] if key]
    for key, stack in zip((images_key, val_images_key), stacks, strict=False):
        _check_layout(stack, f"{file}[{key}]")
    images = _to_uint8(stacks, f"{file}[{images_key}]")
    class_names: tuple[str, ...] = ()
    labels: list[np.ndarray | None] = [None, None]
    numbers_key = _numbers_key(arrays, file)
    if numbers_key:
        labels = [
            _numbers(arrays, numbers_key + suffix, len(part), file)
            for suffix, part in zip(("", "_test"), images, strict=False)
        ]
    elif labels_key:
        raw = [_label_values(arrays, labels_key, len(images[0]), file)]
        if val_images_key and val_labels_key:
            raw.append(_label_values(arrays, val_labels_key, len(images[1]), file))
        elif val_images_key:
            raise ConfigError(
                f"{file}: has {labels_key}, but no labels for {val_images_key}; save both or none"
            )
        values = np.unique(raw[0])
        labels = [_label_indices(part, values, file) for part in raw]
        class_names = _class_names(arrays.get("class_names"), values)
    sets = [SampleSet(*pair) for pair in zip(images, labels, strict=False)]
    status = file.stat()
    return ArrayReader(
        file.stem,
        sets[0],
        sets[1] if len(sets) == 2 else None,
        identity=["npz", str(file.resolve()), status.st_size, status.st_mtime_ns],
        val_fraction=data.val_fraction,
        seed=seed,
        class_names=class_names,
        attribute_names=_attribute_names(arrays) if numbers_key == "attributes" else (),
    )


def _arrays(file: Path) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise ConfigError(f"--dataset=npz:{file}: there is no such file")
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise ValueError("it holds a single array")
        with loaded as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ConfigError(
            f"--dataset=npz:{file}: not an archive of plain arrays ({error}); write it with"
            " numpy.savez(PATH, images=..., labels=...)"
        ) from error


def _keys(arrays: dict[str, np.ndarray], file: Path) -> tuple[str, str, str, str]:
    """Names of the four arrays; empty for what is not there."""
    for convention in _CONVENTIONS:
        if convention[0] in arrays:
            found = [key if key in arrays else "" for key in convention]
            break
    else:
        stacks = [key for key, array in arrays.items() if array.ndim in (3, 4)]
        if not stacks:
            held = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
            raise ConfigError(
                f"--dataset=npz:{file}: no array has the shape [N, H, W, C] or [N, H, W]; found"
                f" {held or 'nothing'}"
            )
        found = [stacks[0], "", "", ""]
    found[1] = found[1] or next((key for key in _OTHER_LABELS if key in arrays), "")
    return found[0], found[1], found[2], found[3]


def _check_layout(images: np.ndarray, where: str) -> None:
    shape = images.shape
    if images.ndim == 4 and shape[3] not in _CHANNELS and shape[1] in _CHANNELS:
        raise ConfigError(
            f"{where} has the shape {shape}, which looks like [N, C, H, W]; save"
            " images.transpose(0, 2, 3, 1) instead"
        )
    if images.ndim not in (3, 4) or 0 in shape or (images.ndim == 4 and shape[3] not in _CHANNELS):
        raise ConfigError(
            f"{where} has the shape {shape}; images are [N, H, W] or [N, H, W, C] with C of 1, 3"
            " or 4"
        )


def _to_uint8(stacks: list[np.ndarray], where: str) -> list[np.ndarray]:
    """uint8 [N, H, W, C] of each, by one rule for all."""
    low = min(float(stack.min()) for stack in stacks)
    high = max(float(stack.max()) for stack in stacks)
    kinds = {stack.dtype.kind for stack in stacks}
    if kinds <= set("ui") and low >= 0 and high <= 255:
        scale, offset = 1.0, 0.0
    elif kinds <= set("bf") and low >= 0 and high <= 1:
        scale, offset = 255.0, 0.0
    elif kinds == {"f"} and low >= -1 and high <= 1:
        scale, offset = 127.5, 127.5
    else:
        types = "/".join(sorted({str(stack.dtype) for stack in stacks}))
        raise ConfigError(
            f"{where} is {types} from {low:g} to {high:g}; images are integers of 0..255, or"
            " floating point in [0, 1] or [-1, 1]"
        )
    rows = []
    for stack in stacks:
        stack = stack if stack.ndim == 4 else stack[..., np.newaxis]
        if stack.dtype.kind in "bf":
            converted = np.empty(stack.shape, np.uint8)
            for start in range(0, len(stack), 1024):  # in pieces: float32 copies are 4x as large
                part = stack[start : start + 1024].astype(np.float32)
                converted[start : start + 1024] = np.rint(part * scale + offset)
            stack = converted
        rows.append(stack.astype(np.uint8, copy=False))
    return rows


def _label_values(arrays: dict[str, np.ndarray], key: str, count: int, file: Path) -> np.ndarray:
    """Raw labels [N]."""
    labels = arrays[key]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,) or labels.dtype.kind not in "uiUS":
        hint = "; save labels.argmax(-1)" if labels.ndim == 2 and len(labels) == count else ""
        raise ConfigError(
            f"{file}[{key}] is {labels.dtype} {labels.shape}; labels are whole numbers or text of"
            f" shape [{count}]{hint}"
        )
    return labels


def _label_indices(labels: np.ndarray, values: np.ndarray, file: Path) -> np.ndarray:
    indices = np.searchsorted(values, labels).clip(max=len(values) - 1)
    unknown = labels[values[indices] != labels]
    if len(unknown):
        raise ConfigError(
            f"{file}: no training image has the label {unknown[0]!r} of the validation split"
        )
    return indices.astype(np.int32)


def _numbers_key(arrays: dict[str, np.ndarray], file: Path) -> str:
    """Name of what stands instead of labels; empty: nothing does."""
    found = [key for key in ("attributes", "vectors") if key in arrays]
    if len(found) > 1:
        raise ConfigError(f"{file}: has attributes and vectors; one of them is learned: save one")
    return found[0] if found else ""


def _numbers(arrays: dict[str, np.ndarray], key: str, count: int, file: Path) -> np.ndarray:
    if key not in arrays:
        raise ConfigError(f"{file}: has no {key} for its validation images; save them too")
    return checked(key.removesuffix("_test"), arrays[key], count, f"{file}[{key}]")


def _attribute_names(arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    names, count = arrays.get("attribute_names"), arrays["attributes"].shape[1]
    if names is None or names.shape != (count,):
        return tuple(f"attribute{index}" for index in range(count))
    return tuple(map(str, names))


def _class_names(names: np.ndarray | None, values: np.ndarray) -> tuple[str, ...]:
    if names is None or names.shape != values.shape:
        names = values
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
