"""What a person sees while it runs: lines, and a bar that knows when it will be done."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_TEXTS = 1.0


class Console:
    """Lines on stdout that also go to ``log.txt``; bars on stderr.

    Args:
        quiet: say nothing (workers other than the chief).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._log: TextIO | None = None
        self._before: list[str] = []

    def log_to(self, path: str | os.PathLike[str]) -> None:
        """From now on (and all that was said before) also into this file."""
        if self.quiet:
            return
        self._log = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
        self._log.writelines(line + "\n" for line in self._before)
        self._before.clear()

    def close(self) -> None:
        """Closes the file."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def say(self, text: str = "") -> None:
        """To the person and to the file."""
        if not self.quiet:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
        self.note(text)

    def note(self, text: str) -> None:
        """To the file only."""
        if self._log is not None:
            self._log.write(text + "\n")
        elif not self.quiet:
            self._before.append(text)

    @contextmanager
    def counting(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar for something of a known length; gives its ``progress(done, total)``."""
        bar = None

        def progress(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = tqdm(total=total, desc=what, file=sys.stderr, leave=False, disable=_no_bar())
            bar.total = total
            bar.update(done - bar.n)

        try:
            yield (lambda done, total: None) if self.quiet else progress
        finally:
            if bar is not None:
                bar.close()


class TrainingBar:
    """Share done, time left, images/s and how the game stands.

    Time left is computed from ``seconds_per_step``, which leaves out compilation. Where stderr is
    not a terminal, a plain line every 10 s takes the place of the bar.

    Args:
        steps: of the whole run.
        done: of them, before now.
        batch_size: images of a step.
        quiet: show nothing.
    """

    def __init__(self, steps: int, done: int, batch_size: int, *, quiet: bool = False) -> None:
        self._steps, self._done, self._batch = steps, done, batch_size
        self._quiet = quiet
        self._shown = time.monotonic()
        self._bar: tqdm | None = None
        if not quiet and not _no_bar():
            self._bar = tqdm(
                total=steps,
                initial=done,
                file=sys.stderr,
                bar_format="{percentage:3.0f}% |{bar}| {desc}",
                dynamic_ncols=True,
                leave=False,
            )
            self._bar.set_description_str("compiling")

    def update(
        self, done: int, seconds_per_step: float | None, means: Callable[[], Mapping[str, float]]
    ) -> None:
        """After each step.

        Args:
            done: steps done.
            seconds_per_step: None while nothing but compilation was seen.
            means: gives the logs; called only when they are shown, since that waits for the device.
        """
        self._done = done
        if self._quiet or seconds_per_step is None:
            return
        now = time.monotonic()
        pause = _SECONDS_BETWEEN_LINES if self._bar is None else _SECONDS_BETWEEN_TEXTS
        if now - self._shown < pause and done < self._steps:
            return
        self._shown = now
        text = status(done, self._steps, self._batch, seconds_per_step, means())
        if self._bar is None:
            print(f"{100 * done // self._steps:3d}%  {text}", file=sys.stderr, flush=True)
        else:
            self._bar.n = done
            self._bar.set_description_str(text)

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()


def status(
    done: int, steps: int, batch_size: int, seconds_per_step: float, means: Mapping[str, float]
) -> str:
    """One line about a running training, without the share done."""
    parts = [
        f"{done * batch_size / 1000:.1f}/{steps * batch_size / 1000:g} kimg",
        f"{batch_size / seconds_per_step:.0f} img/s",
        f"ETA {duration((steps - done) * seconds_per_step)}",
    ]
    for name, label in (("loss_d", "D"), ("loss_g", "G"), ("real_sign", "sign D(real)")):
        if name in means:
            parts.append(f"{label} {means[name]:.2f}")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """``0:07``, ``12:34`` or ``1:02:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _no_bar() -> bool:
    return not sys.stderr.isatty()
