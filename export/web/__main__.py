"""The command `python -m export.web`; the package's docstring says what it does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from absl import flags

from export.kit import DESCRIPTION, describe, replacing_folder, write_model
from tgan_tf import command

PAGE = Path(__file__).parent / "page"
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
        "litert", "", "node_modules/@litertjs; empty: installed by npm", flag_values=values
    )
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.mark_flag_as_required("model", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Builds the site and says how to look at it."""
    model = Path(values.model).expanduser()
    site = build(model, Path(values.out), values.title, values.litert)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{site} ({size / 2**20:.1f} MiB)")
    print(f"look at it: python -m http.server --directory={site} 8000, http://localhost:8000")


def build(model: Path, out: Path, title: str = "", litert: str = "") -> Path:
    """Writes the site.

    Args:
        model: a TFLite file with this project's metadata and a batch of one.
        out: the folder; one that is there must be a site.
        title: of the page; empty: the run's name.
        litert: folder ``@litertjs`` of an npm installation; empty: one in the cache.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: no model, or no LiteRT.js and no npm.
        FileExistsError: ``out`` is something else.
        ValueError: the model has no metadata, or another batch.
    """
    info = describe(model, title, ("image", "video"))
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
    return out


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
