"""``emoji`` and ``openclipart``: small colour pictures with classes, from packages.

- ``emoji``: 3,781 of Google's, 64x64 (npm: ``emoji-datasource-google``), or those of several
  designers (``emoji-datasource-twitter``); the class is the Unicode category (Smileys & Emotion,
  Food & Drink, ...). All skin tones of an emoji, of all designers, are held out together.
- ``openclipart``: some 6,500 drawings of any size in 21 categories, the classes (Debian:
  ``openclipart-png``), without ``shapes``, which are nearly all alike. A folder's numbered variants
  (``cat_01.png``, ``cat_02.png``) are held out together. A few have 100 million pixels: the first
  reading takes minutes.

With ``--captions``, pictures of one caption are held out together too.

Both are composed over white, or keep their transparency with ``--channels=4``.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import pixels
from tgan_tf.data.reader import Item, Reader
from tgan_tf.data.split import chosen_groups, joined

DEBIAN_CLIPART = Path("/usr/share/openclipart/png")
_SIZE = (64, 64)  # of the emoji; drawings, which have all sizes, become as large unless asked
_EMOJI_WAYS_OUT = (
    "npm install emoji-datasource-google (and emoji-datasource-twitter for more), and pass"
    " --data_dir=node_modules, or the folder of one package"
)
_CLIPART_WAYS_OUT = (
    "install Debian's package openclipart-png (apt-get install openclipart-png), or pass"
    " --data_dir with its folders animals, food, ..."
)
_TONES = {
    "1F3FB": "light",
    "1F3FC": "medium light",
    "1F3FD": "medium",
    "1F3FE": "medium dark",
    "1F3FF": "dark",
}
_LICENCES = {
    "google": "Apache-2.0 (Google, Noto Emoji)",
    "twitter": "CC-BY-4.0 (Twitter, Twemoji)",
}
_ITS_OWNERS = "all rights are its designer's (see the package)"
# The few skin tones and hairs by themselves.
_LEFT_OUT = ("Component", "Skin Tones")


class _Picture(NamedTuple):
    path: Path
    category: str
    group: str  # what is held out together
    caption: str


class _Emoji(NamedTuple):
    path: Path
    unified: str  # its code points
    name: str  # empty: not said
    category: str
    tones: str  # code points, "1F3FB-1F3FC"


class ClipartReader(Reader):
    """Pictures in files, whose variants are held out together; with captions, equal ones too.

    Args:
        name: of the data set.
        pictures: all of them.
        data: the configuration's section.
        seed: chooses the held-out groups.
        licence: of the pictures.
    """

    def __init__(
        self, name: str, pictures: list[_Picture], data: DataConfig, seed: int, licence: str
    ) -> None:
        self.name, self.count, self.licence = name, len(pictures), licence
        self.class_names = tuple(sorted({picture.category for picture in pictures}))
        self._pictures = pictures
        groups = [picture.group for picture in pictures]
        self._groups = joined(groups, [p.caption for p in pictures]) if data.captions else groups
        sizes = Counter(self._groups)
        self._held_out = chosen_groups(sizes, data.val_fraction, seed)
        listing = [[str(p.path), p.category, p.path.stat().st_size] for p in pictures]
        digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        self.identity = [name, digest, data.val_fraction, seed]
        if self._groups != groups:
            self.identity.append("captions")  # which choose the split

    def items(self) -> Iterator[Item]:
        index = {category: label for label, category in enumerate(self.class_names)}
        for picture, group in zip(self._pictures, self._groups, strict=True):
            held_out = group in self._held_out
            yield Item(str(picture.path), index[picture.category], held_out, picture.caption)

    def load(self, key: str, size: tuple[int, int]) -> Image.Image:
        return pixels.image_from_file(key, size)

    def native_size(self) -> tuple[int, int]:
        return _SIZE

    def native_channels(self) -> int:
        return 3


def emoji_reader(data: DataConfig, seed: int) -> Reader:
    """``emoji``; ``--data_dir`` is the npm package of one designer, or a folder with several
    (``node_modules``).

    Raises:
        ConfigError: none is there, or one is not complete.
    """
    folder = Path(data.data_dir or "node_modules").expanduser()
    packages = [folder, *sorted(folder.glob("emoji-datasource-*"))]
    drawn = {package: images for package in packages if (images := _drawn(package))}
    if not drawn:
        raise ConfigError(
            f"--dataset=emoji: {folder} is no such package and has none; {_EMOJI_WAYS_OUT}"
        )
    lists = [_emoji(package, images) for package, images in drawn.items()]
    # Older releases call some otherwise, or nothing at all: what the longest list says counts.
    known = {_code(e): e for emoji in sorted(lists, key=len) for e in emoji if e.name}
    pictures = [
        _Picture(emoji.path, entry.category, entry.unified, ", ".join([entry.name.lower(), *tones]))
        for emoji in itertools.chain.from_iterable(lists)
        if (entry := known.get(_code(emoji))) and entry.category not in _LEFT_OUT
        for tones in [_tones(emoji.tones)]
    ]
    licences = {_LICENCES.get(images.parent.name, _ITS_OWNERS) for images in drawn.values()}
    return ClipartReader("emoji", pictures, data, seed, "; ".join(sorted(licences)))


def _drawn(package: Path) -> Path | None:
    """The folder of a package's images, if it is one."""
    if not (package / "emoji.json").is_file():
        return None
    return next((p for p in sorted(package.glob("img/*/64")) if p.is_dir()), None)


def _emoji(package: Path, images: Path) -> list[_Emoji]:
    """Those of a package's list whose images are there.

    Raises:
        ConfigError: there are none, or the list is damaged.
    """
    index = package / "emoji.json"
    try:
        found = [
            _Emoji(
                images / variant["image"],
                entry["unified"].upper(),
                entry.get("name") or "",
                entry["category"],
                tones,
            )
            for entry in json.loads(index.read_text(encoding="utf-8"))
            for tones, variant in (("", entry), *(entry.get("skin_variations") or {}).items())
            if (images / variant["image"]).is_file()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{index}: not the package's list ({error!r}); fetch it again") from error
    if not found:
        raise ConfigError(f"--dataset=emoji: {images} has none of the images of {index}")
    return found


def _code(emoji: _Emoji) -> str:
    """By which an emoji is known in all releases; older ones do not say that it is in colour."""
    return emoji.unified.replace("-FE0F", "")


def openclipart_reader(data: DataConfig, seed: int) -> Reader:
    """``openclipart``; ``--data_dir`` holds a folder for each category.

    Raises:
        ConfigError: nothing is there.
    """
    root = Path(data.data_dir).expanduser() if data.data_dir else DEBIAN_CLIPART
    pictures = [
        _Picture(
            path,
            path.relative_to(root).parts[0],
            _family(path.relative_to(root)),
            f"{_words(path.stem)}, {_words(path.parent.name)}",
        )
        for path in sorted(root.glob("*/**/*.png"))
        if path.relative_to(root).parts[0] != "shapes"
    ]
    if not pictures:
        raise ConfigError(f"--dataset=openclipart: no drawings in {root}; {_CLIPART_WAYS_OUT}")
    return ClipartReader("openclipart", pictures, data, seed, "public domain (Open Clip Art)")


def _tones(codes: str) -> list[str]:
    """Of "1F3FB-1F3FC", the skin tones of two people."""
    return [f"{_TONES[code]} skin tone" for code in codes.split("-") if code in _TONES]


def _words(name: str) -> str:
    """``cat_sitting_01`` is "cat sitting"."""
    return " ".join(word for word in re.split(r"[\d_\-. ]+", name.lower()) if len(word) > 1)


def _family(path: Path) -> str:
    """A drawing's folder and name without numbers: what differs by them alone is one family."""
    return str(path.parent / re.sub(r"[\d_\-. ]+", "", path.stem.lower()))
