"""Chromium without a window, asked over its debugging protocol: pages run in their own time."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import requests


class Page:
    """An open page."""

    def __init__(self, address: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count()
        self._connection = self._loop.run_until_complete(self._connect(address))

    def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise.

        Raises:
            RuntimeError: it throws.
        """
        answer = self._loop.run_until_complete(self._call(script))["result"]
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 120.0) -> None:
        """Until an expression is true.

        Raises:
            AssertionError: it does not become true; with the page.
        """
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"{condition} never in:\n{self.html}"
            time.sleep(0.05)

    def frames(self, canvas: str, count: int, shape: tuple[int, int]) -> np.ndarray:
        """So many different pictures that a canvas shows one after another, [count, H, W, 3].

        Args:
            canvas: its selector.
            count: of a whole clip.
            shape: H and W.
        """
        height, width = shape
        values = self.evaluate(f"""new Promise((done) => {{
            const seen = new Map();
            const look = () => {{
                const context = document.querySelector('{canvas}').getContext('2d');
                const data = Array.from(context.getImageData(0, 0, {width}, {height}).data);
                seen.set(data.join(), data);
                if (seen.size === {count}) done([...seen.values()]);
                else setTimeout(look, 10);
            }};
            look();
        }})""")
        return np.array(values).reshape(count, height, width, 4)[..., :3]

    @property
    def html(self) -> str:
        """The page as it is now."""
        return self.evaluate("document.documentElement.outerHTML")

    def close(self) -> None:
        """Ends the connection."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.run_until_complete(self._session.close())
        self._loop.close()

    async def _connect(self, address: str) -> aiohttp.ClientWebSocketResponse:
        self._session = aiohttp.ClientSession()
        return await self._session.ws_connect(address, max_msg_size=0)

    async def _call(self, script: str) -> dict[str, Any]:
        number = next(self._numbers)
        options = {"expression": script, "awaitPromise": True, "returnByValue": True}
        await self._connection.send_json(
            {"id": number, "method": "Runtime.evaluate", "params": options}
        )
        while True:
            answer = await asyncio.wait_for(self._connection.receive_json(), 120)
            if answer.get("id") == number:
                return answer


class Browser:
    """A running Chromium.

    Args:
        command: what starts it.
        folder: for what it keeps.
    """

    def __init__(self, command: str, folder: str) -> None:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        self._process = subprocess.Popen(
            [command, *options, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        chosen, end = Path(folder) / "DevToolsActivePort", time.monotonic() + 120
        while not (chosen.is_file() and "\n" in chosen.read_text()):
            if self._process.poll() is not None or time.monotonic() > end:
                self.close()
                raise RuntimeError(f"{command} does not start")
            time.sleep(0.05)
        self._address = f"localhost:{chosen.read_text().splitlines()[0]}"

    @contextmanager
    def page(self, url: str) -> Iterator[Page]:
        """A page, when its scripts have set ``data-ready`` to true."""
        target = requests.put(f"http://{self._address}/json/new?{url}", timeout=60).json()
        page = Page(target["webSocketDebuggerUrl"])
        try:
            page.wait("document.body?.dataset.ready === 'true'")
            yield page
        finally:
            page.close()
            requests.get(f"http://{self._address}/json/close/{target['id']}", timeout=60)

    def close(self) -> None:
        """Ends it and the processes that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
