"""``folder:PATH``: image files below a directory, in any format that Pillow reads.

- Class = sub-folder of PATH, named by it; images deeper down belong to the sub-folder they are
  below. Images directly in PATH, without any in sub-folders, are unlabelled.
- Sub-folders that are called train and val (or valid, validation, test) and nothing else are the
  splits, and their sub-folders the classes. Otherwise a stratified share is held out.
- A file ``attributes.csv`` or ``attributes.jsonl`` in PATH gives attributes (``attributes`` says
  how); sub-folders then are no classes.
- With ``--captions``, a file such as ``captions.csv`` in PATH gives captions (``captions`` says
  how). If some are equal, what is held out is all images of some captions, not a share of each
  class.
- Names that start with a dot, and files whose ending belongs to no image format, are passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import pixels
from tgan_tf.data.attributes import read_table
from tgan_tf.data.captions import Captions, read_captions
from tgan_tf.data.prepare import ordered_map
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.split import held_out_rows, repeats, stratified_order

_VAL_NAMES = ("val", "valid", "validation", "test")


class _File(NamedTuple):
    path: str
    folder: str  # class: first directory below the split's; "" for none
    size: int
    mtime_ns: int


class FolderReader(Reader):
    """See the module."""

    def __init__(self, root: str, data: DataConfig, seed: int) -> None:
        """Lists the files; opens none.

        Raises:
            ConfigError: when there is no such directory, no image in it, labelled and unlabelled
                images are mixed, or captions are asked for and lacking.
        """
        self.root = Path(root).expanduser()
        if not root or not self.root.is_dir():
            raise ConfigError(f"--dataset=folder:{root}: there is no such directory")
        self.name = self.root.resolve().name or "folder"
        train_root, val_root = _split_roots(self.root)
        train = _listed(train_root)
        val = _listed(val_root) if val_root else []
        if not train:
            raise ConfigError(
                f"--dataset=folder:{root}: no file below {train_root} has the ending of an image"
                " format that Pillow reads"
            )
        self._captions: dict[str, str] = {}
        if data.captions:
            self._captions = self._checked(read_captions(self.root), train + val)
        self._table = read_table(self.root) if data.conditional and not data.captions else None
        if self._table is None:
            self.class_names = _class_names(train, val, root, data.conditional)
        else:
            self.attribute_names = self._table.names
        self.count = len(train) + len(val)
        listing = [[os.path.relpath(file.path, self.root), *file[1:]] for file in train + val]
        self.identity = [
            "folder",
            str(self.root.resolve()),
            hashlib.sha256(json.dumps(listing).encode("utf-8", "surrogatepass")).hexdigest(),
            len(self.class_names),
        ]
        if self._captions:
            text = json.dumps(sorted(self._captions.items()))
            self.identity.append(hashlib.sha256(text.encode()).hexdigest())
        if self._table:
            status = self._table.path.stat()
            self.identity += [self._table.names, status.st_size, status.st_mtime_ns]
        if val_root:
            self._order = [(file, True) for file in val] + [(file, False) for file in train]
        else:
            self._order = self._split(train, data.val_fraction, seed)
            self.identity += [data.val_fraction, seed]
            if repeats([*self._captions.values()]):
                self.identity.append("captions")

    def _split(self, files: list[_File], fraction: float, seed: int) -> list[tuple[_File, bool]]:
        """The files in an order that the seed shuffles, and whether each is held out."""
        captions = [self._captions[self._below(file)] for file in files if self._captions]
        if len(captions) > 1 and len(set(captions)) == 1:
            raise ConfigError(
                f"--captions: all {len(captions):,} images of {self.root} have one caption, so"
                " none can be held out; leave --captions out"
            )
        labels = self._labels(files)
        held_out = held_out_rows(labels, captions, fraction, seed)
        return [(files[i], i in held_out) for i in stratified_order(labels, seed)]

    def _labels(self, files: list[_File]) -> np.ndarray:
        index = {name: label for label, name in enumerate(self.class_names)}
        return np.array([index.get(file.folder, -1) for file in files], np.int32)

    def _below(self, file: _File) -> str:
        return Path(file.path).relative_to(self.root).as_posix()

    def _checked(self, captions: Captions, files: list[_File]) -> dict[str, str]:
        """The captions, of which every image has one; rows of other files are named."""
        path, texts = captions
        images = [self._below(file) for file in files]
        surplus = sorted(texts.keys() - images)
        note = ""
        if surplus:
            note = f"{len(surplus):,} of its {len(texts):,} rows name no image: {surplus[0]}"
            note += ", ..." if len(surplus) > 1 else ""
        missing = [image for image in images if image not in texts]
        if missing:
            raise ConfigError(
                f"--captions: {missing[0]} of {self.root} has none: {path} lacks {len(missing):,}"
                f" of {len(images):,} images; add rows, or move the images away"
                + (f" ({note})" if note else "")
            )
        if note:
            self.skipped = (f"{path}: {note}",)
        return texts

    def items(self) -> Iterator[Item]:
        labels = self._labels([file for file, _ in self._order])
        for (file, held_out), label in zip(self._order, labels, strict=True):
            row = self._table.row(Path(file.path)) if self._table else int(label)
            yield Item(file.path, row, held_out, self._captions.get(self._below(file), ""))

    def load(self, key: str, size: tuple[int, int]) -> Image.Image:
        return pixels.image_from_file(key, size)

    @cached_property
    def _headers(self) -> list[tuple[str, tuple[int, int], bool]]:
        """(path, (H, W), colour) of every file whose header can be read."""

        def look(path: str) -> tuple[str, tuple[int, int], bool] | None:
            # As when decoding: whatever a broken file raises, it is counted when it is read.
            try:
                return path, *pixels.header(path)
            except Exception:
                return None

        found = list(filter(None, ordered_map(look, (file.path for file, _ in self._order))))
        if not found:
            raise ConfigError(
                f"--dataset=folder:{self.root}: none of the {self.count} images can be read, for"
                f" example {self._order[0][0].path}"
            )
        return found

    def native_size(self) -> tuple[int, int]:
        sizes = Counter(size for _, size, _ in self._headers)
        if len(sizes) == 1:
            return next(iter(sizes))
        (common, times), *others = sizes.most_common()
        example = next(path for path, size, _ in self._headers if size == others[0][0])
        raise ConfigError(
            f"--image_size: the images below {self.root} have {len(sizes)} sizes ({times} are"
            f" {common[0]}x{common[1]}, but {example} is {others[0][0][0]}x{others[0][0][1]});"
            " pass --image_size=H,W, and --fit=crop, pad or stretch"
        )

    def native_channels(self) -> int:
        return 3 if any(colour for _, _, colour in self._headers) else 1


def _split_roots(root: Path) -> tuple[Path, Path | None]:
    """The directories of the training and of the validation images, where there are two."""
    folders = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    if len(folders) == 2 and "train" in folders:
        (other,) = set(folders) - {"train"}
        if other in _VAL_NAMES:
            return root / "train", root / other
    return root, None


def _listed(root: Path) -> list[_File]:
    """All image files below ``root``, sorted by path; links are followed, each directory once."""
    Image.init()
    readable = {ending for ending, name in Image.EXTENSION.items() if name in Image.OPEN}
    files = []
    seen = set()
    for directory, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        below = os.path.relpath(directory, root)
        label = "" if below == "." else below.split(os.sep)[0]
        for name in sorted(names):
            if name[0] == "." or os.path.splitext(name)[1].lower() not in readable:
                continue
            path = os.path.join(directory, name)
            try:
                status = os.stat(path)
            except OSError:  # a dangling link: listed, and counted as unreadable when it is read
                files.append(_File(path, label, -1, -1))
            else:
                files.append(_File(path, label, status.st_size, status.st_mtime_ns))
    return files


def _class_names(
    train: list[_File], val: list[_File], root: str, conditional: bool
) -> tuple[str, ...]:
    folders = sorted({file.folder for file in train})
    if folders == [""] or (not conditional and "" in folders):
        return ()
    if "" in folders:
        loose = [file for file in train if not file.folder]
        raise ConfigError(
            f"--dataset=folder:{root}: {len(loose)} images, such as {loose[0].path}, lie beside the"
            " sub-folders that are the classes; move them into one, or pass --noconditional"
        )
    unknown = {file.folder for file in val} - set(folders)
    if unknown:
        raise ConfigError(
            f"--dataset=folder:{root}: no training image has the class {sorted(unknown)[0]!r} of"
            " the validation split; give both splits the same sub-folders"
        )
    return tuple(folders)
