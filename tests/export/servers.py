"""A development server in a process of its own, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A running one."""

    process: subprocess.Popen[bytes]
    grpc: str
    rest: str
    log: IO[bytes]

    def get(self, path: str) -> requests.Response:
        return requests.get(self.rest + path, timeout=30)

    def predict(self, model: str, body: Any) -> requests.Response:
        return requests.post(f"{self.rest}/v1/models/{model}:predict", json=body, timeout=60)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code and what it has printed."""
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        return self.process.returncode, self.printed()

    def printed(self) -> str:
        """What it has printed so far."""
        self.log.seek(0)
        return self.log.read().decode()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """`python -m export.serve` with these flags, when it answers."""
    grpc, rest = free_port(), free_port()
    command = [sys.executable, "-m", "export.serve", f"--port={grpc}", f"--rest_api_port={rest}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # A file: a pipe that nobody reads while it runs would stop it when it is full.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, *arguments], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        server = Server(process, f"localhost:{grpc}", f"http://localhost:{rest}", log)
        try:
            end = time.monotonic() + 300
            while True:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"the server did not start: {server.printed()}")
                try:
                    server.get("/page/models.json")
                    break
                except requests.ConnectionError:
                    time.sleep(0.2)
            yield server
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
