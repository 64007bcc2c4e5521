"""The command `python -m export.web`; the package's docstring says what it does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from absl import flags

from export.kit import DESCRIPTION, STEERING, describe, replacing_folder, write_model
from tgan_tf import command

PAGE = Path(__file__).parent / "page"
_MOST_SLIDERS = 64
LITERT_VERSION = "^2.5.0"
# Of what LiteRT.js has, what a page on one thread of the processor loads.
_LITERT_FILES = (
    "core/package.json",
    "core/dist/index.js",
    "core/wasm/litert_wasm_internal.js",
    "core/wasm/litert_wasm_internal.wasm",
    "core/wasm/litert_wasm_compat_internal.js",
    "core/wasm/litert_wasm_compat_internal.wasm",
    "wasm-utils/package.json",
    "wasm-utils/dist/index.js",
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "model", None, "the file that python -m export.tflite made, batch 1", flag_values=values
    )
    flags.DEFINE_string(
        "out", "site", "folder to write; replaced if it is a site", flag_values=values
    )
    flags.DEFINE_string("title", "", "of the page; empty: the run's name", flag_values=values)
    flags.DEFINE_string(
        "encoder",
        "",
        "of a model of captions, the file of its text encoder; empty: NAME.encoder.tflite beside"
        " NAME.tflite",
        flag_values=values,
    )
    flags.DEFINE_string(
        "litert", "", "node_modules/@litertjs; empty: installed by npm", flag_values=values
    )
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.mark_flag_as_required("model", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Builds the site and says how to look at it."""
    model = Path(values.model).expanduser()
    site = build(model, Path(values.out), values.title, values.litert, values.encoder)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{site} ({size / 2**20:.1f} MiB)")
    print(f"look at it: python -m http.server --directory={site} 8000, http://localhost:8000")


def build(model: Path, out: Path, title: str = "", litert: str = "", encoder: str = "") -> Path:
    """Writes the site.

    Args:
        model: a TFLite file with this project's metadata and a batch of one.
        out: the folder; one that is there must be a site.
        title: of the page; empty: the run's name.
        litert: folder ``@litertjs`` of an npm installation; empty: one in the cache.
        encoder: of a model of captions, the file of its text encoder; empty: the one beside it.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: no model, no text encoder, or no LiteRT.js and no npm.
        FileExistsError: ``out`` is something else.
        ValueError: the model has no metadata, another batch or inputs that have no controls.
    """
    info = describe(
        model,
        title,
        ("image", "video", "text", "music", "series"),
        ("label", "attributes", "condition", *STEERING),
    )
    texts = _text_encoder(model, info, encoder)
    with replacing_folder(out, DESCRIPTION, "site") as beside:
        packages = Path(litert).expanduser() if litert else install()
        missing = [name for name in _LITERT_FILES if not (packages / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"--litert={packages}: {missing[0]} is missing; give the folder"
                f" node_modules/@litertjs in which npm installed @litertjs/core@{LITERT_VERSION}"
            )
        shutil.copytree(PAGE, beside)
        for name in _LITERT_FILES:
            target = beside / "litert" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packages / name, target)
        write_model(model, info, beside)
        for source, name in zip(texts, ("encoder.tflite", "vocab.txt"), strict=False):
            shutil.copyfile(source, beside / name)
    return out


def _text_encoder(model: Path, info: dict[str, Any], given: str) -> tuple[Path, ...]:
    """The text encoder's file and its list of words; none where there are no captions.

    With it ``info`` gets ``caption_length``, the tokens of a caption, and ``caption_words``, how a
    caption is split.
    """
    if not info["captions"]:
        if given:
            raise ValueError(f"--encoder={given}: --model={model} takes no captions")
        if info["vector_width"] > _MOST_SLIDERS:
            raise ValueError(
                f"--model={model} takes a vector of {info['vector_width']} numbers, and the page"
                f" has {_MOST_SLIDERS} sliders at most; use the file with LiteRT"
            )
        return ()
    # Of its variants too, such as digits.float16.tflite.
    stems = {model.stem, model.stem.rpartition(".")[0] or model.stem}
    beside = [model.with_name(f"{stem}.encoder.tflite") for stem in stems]
    chosen = [Path(given).expanduser()] if given else beside
    encoder = next((path for path in chosen if path.is_file()), None)
    if encoder is None or not encoder.with_suffix(".vocab.txt").is_file():
        raise FileNotFoundError(
            f"--encoder={given}: the text encoder of --model={model} is not there, with its list of"
            f" words; python -m export.tflite writes {beside[0].name} and .vocab.txt beside, if the"
            " encoder is no SavedModel"
        )
    from ai_edge_litert.interpreter import Interpreter

    from tgan_tf.exporting.flatbuffer import read_metadata

    info["caption_words"] = read_metadata(encoder.read_bytes())["words"]
    runner = Interpreter(str(encoder)).get_signature_runner("encode")
    info["caption_length"] = int(runner.get_input_details()["tokens"]["shape"][1])
    return encoder, encoder.with_suffix(".vocab.txt")


def install() -> Path:
    """LiteRT.js in the cache, fetched by npm if it is not there yet; its folder ``@litertjs``."""
    from tgan_tf.data.cache import cache_root

    folder = cache_root("") / "litert-js"
    packages = folder / "node_modules" / "@litertjs"
    if not all((packages / name).is_file() for name in _LITERT_FILES):
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError(
                "LiteRT.js is fetched by npm, which is not installed (Debian, Ubuntu: apt-get"
                " install npm); or give --litert=.../node_modules/@litertjs"
            )
        folder.mkdir(parents=True, exist_ok=True)
        package = f"@litertjs/core@{LITERT_VERSION}"
        done = subprocess.run(
            [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", package],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FileNotFoundError(f"npm could not install {package}:\n{done.stderr.strip()}")
    return packages


if __name__ == "__main__":
    command.start(define_flags, run)
