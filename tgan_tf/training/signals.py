"""Ctrl-C and SIGTERM: finish the step, save, say how to go on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """While entered, a first signal inside ``deferred`` code only sets ``requested``.

    Anywhere else, and for a second signal, ``KeyboardInterrupt`` is raised at once. Only the main
    thread can handle signals; in another one this does nothing.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None
        self._deferred = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Code that looks at ``requested`` itself."""
        for number in self._previous:
            # Once more: MultiWorkerMirrored has taken SIGTERM for itself since.
            signal.signal(number, self._handle)
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self.requested = self.requested is None, signal.Signals(number)
        if not (first and self._deferred):
            raise KeyboardInterrupt
        # print() must not be called while print() is being interrupted.
        os.write(2, b"\nstopping after this step; once more stops at once\n")
