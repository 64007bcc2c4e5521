"""MIDI files to sound, by FluidSynth and a sound font where both are installed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tgan_tf.files import replacing

_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
WAYS_OUT = "apt-get install fluidsynth timgm6mb-soundfont"


@dataclass(frozen=True)
class Synthesizer:
    """What plays.

    Attributes:
        program: FluidSynth.
        sound_font: its instruments.
    """

    program: str
    sound_font: Path

    def play(self, midi: Path, wav: Path) -> None:
        """Writes what a MIDI file sounds like: 44.1 kHz, stereo, 16 bits.

        Raises:
            OSError: FluidSynth failed, with what it said.
        """
        with replacing(wav) as beside:
            command = [self.program, "-ni", "-g", "0.8", "-T", "wav", "-F", str(beside)]
            command += ["-r", "44100", str(self.sound_font), str(midi)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or not beside.exists():
                raise OSError(f"{self.program} could not play {midi}: {done.stderr.strip()}")


def find() -> Synthesizer | None:
    """FluidSynth and the first sound font in the usual folders; None: one of them is missing."""
    program = shutil.which("fluidsynth")
    fonts = (font for folder in _FOLDERS for font in sorted(Path(folder).glob("*.sf[23]")))
    font = next(fonts, None)
    return Synthesizer(program, font) if program and font else None
