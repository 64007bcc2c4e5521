"""The command `python -m export.android`: an app around an exported generator.

    python -m export.android --model=digits.tflite --out=android-app

writes a complete Gradle project (Kotlin, LiteRT) with the model in its assets: class, seed,
truncation, a grid of samples. Open it in Android Studio, or type `gradle :app:installDebug` there.
The smaller digits.float16.tflite and digits.dynamic_int8.tflite do as well.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from absl import flags

from export.kit import describe, replacing_folder, write_model
from tgan_tf import command

PROJECT = Path(__file__).parent / "project"
_MARK = "settings.gradle.kts"


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "model", None, "the file that python -m export.tflite made, batch 1", flag_values=values
    )
    flags.DEFINE_string(
        "out",
        "android-app",
        "folder to write; replaced if it is such a project",
        flag_values=values,
    )
    flags.DEFINE_string("title", "", "of the screen; empty: the run's name", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.mark_flag_as_required("model", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Writes the project and says what to do with it."""
    out = build(Path(values.model).expanduser(), Path(values.out), values.title)
    print(f"{out}: open it in Android Studio, or there: gradle :app:installDebug")


def build(model: Path, out: Path, title: str = "") -> Path:
    """Writes the project.

    Args:
        model: a TFLite file with this project's metadata and a batch of one.
        out: the folder; one that is there must be such a project.
        title: of the screen; empty: the run's name.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: no model.
        FileExistsError: ``out`` is something else.
        ValueError: the model has no metadata, or another batch.
    """
    info = describe(model, title)
    with replacing_folder(out, _MARK, "Android project") as beside:
        shutil.copytree(PROJECT, beside)
        assets = beside / "app" / "src" / "main" / "assets"
        assets.mkdir()
        write_model(model, info, assets)
    return out


if __name__ == "__main__":
    command.start(define_flags, run)
