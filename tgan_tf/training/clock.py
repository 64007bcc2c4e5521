"""How fast steps are, without what is not a step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Measures steps between ``restart`` and now, leaving out what happens in ``pause``.

    It looks at the time between two readings of the device, not at single steps: a GPU's step has
    only begun when its call returns.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forgets all."""
        self._start = time.perf_counter()
        self._paused = 0.0
        self._steps = 0

    def count(self) -> None:
        """One step was done, outside of ``pause``."""
        self._steps += 1

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Compiling, drawing, measuring, saving."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._paused += time.perf_counter() - start

    @property
    def seconds_per_step(self) -> float | None:
        """None before the first step."""
        if not self._steps:
            return None
        return (time.perf_counter() - self._start - self._paused) / self._steps
