"""Bounds of the development server: queue, deadlines, requests that are no longer wanted."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from export.serve.batching import Batcher
from export.serve.engine import Engine, Limits
from export.serve.errors import Code, ServingError


class Echo:
    """Answers with its input when the gate is open."""

    def __init__(self) -> None:
        self.gate, self.sizes = threading.Event(), []

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def check(self, signature: str, inputs: dict[str, np.ndarray]) -> int:
        return len(inputs["x"])

    def run(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert self.gate.wait(10)
        self.sizes.append(len(inputs["x"]))
        return {"y": inputs["x"]}


def ask(batcher: Batcher, servable: Any, *values: int, signature: str = "s") -> asyncio.Task:
    return asyncio.get_running_loop().create_task(
        batcher.run(servable, signature, {"x": np.array(values)})
    )


async def until_waiting(batcher: Batcher, count: int) -> None:
    while batcher.waiting != count:
        await asyncio.sleep(0.001)


def test_a_full_queue_refuses_and_the_others_are_answered_together() -> None:
    async def go() -> None:
        servable, batcher = Echo(), Batcher(max_batch_size=4, max_queue=3, workers=1)
        running = ask(batcher, servable, 0)
        await asyncio.sleep(0)
        waiting = [ask(batcher, servable, 1, 2), ask(batcher, servable, 3, 4, 5)]
        waiting.append(ask(batcher, servable, 6))
        await until_waiting(batcher, 3)
        with pytest.raises(ServingError, match=r"queue is full \(3 requests\)") as refusal:
            await ask(batcher, servable, 7)
        assert refusal.value.code is Code.UNAVAILABLE
        assert refusal.value.http_status == 503
        servable.gate.set()
        answers = [(await task)["y"].tolist() for task in (running, *waiting)]
        assert answers == [[0], [1, 2], [3, 4, 5], [6]]
        # What is too large for the batch waits for the next one; what fits behind it does not.
        assert servable.sizes == [1, 3, 3]
        batcher.close()

    asyncio.run(go())


def test_what_was_cancelled_is_not_run() -> None:
    async def go() -> None:
        servable, batcher = Echo(), Batcher(max_batch_size=4, max_queue=9, workers=1)
        running = ask(batcher, servable, 0)
        await asyncio.sleep(0)
        gone, wanted = ask(batcher, servable, 1, 2), ask(batcher, servable, 3)
        await until_waiting(batcher, 2)
        gone.cancel()
        await asyncio.sleep(0)
        servable.gate.set()
        await asyncio.gather(running, wanted)
        assert servable.sizes == [1, 1]
        batcher.close()

    asyncio.run(go())


def test_too_large_a_request() -> None:
    async def go() -> None:
        batcher = Batcher(max_batch_size=2, max_queue=9, workers=1)
        with pytest.raises(ServingError, match="Task size 3 is larger than maximum") as refusal:
            await ask(batcher, Echo(), 1, 2, 3)
        assert refusal.value.code is Code.INVALID_ARGUMENT
        batcher.close()

    asyncio.run(go())


def test_a_defect_is_told_to_all_who_asked() -> None:
    class Broken(Echo):
        def run(self, *_: object) -> dict[str, np.ndarray]:
            raise ZeroDivisionError("inside")

    async def go() -> None:
        batcher, servable = Batcher(max_batch_size=4, max_queue=9, workers=1), Broken()
        for task in [ask(batcher, servable, i) for i in range(3)]:
            with pytest.raises(ServingError, match="ZeroDivisionError: inside") as refusal:
                await task
            assert refusal.value.code is Code.INTERNAL
        batcher.close()

    asyncio.run(go())


def test_the_servers_own_deadline() -> None:
    async def go() -> None:
        engine, servable = Engine([], Limits(timeout_s=0.05, workers=1)), Echo()
        first = engine.predict(servable, "m", "s", {"x": np.array([1])})
        with pytest.raises(ServingError, match=r"not answered within 0\.05 seconds") as refusal:
            await first
        assert refusal.value.code is Code.DEADLINE_EXCEEDED
        assert refusal.value.http_status == 504
        # The worker is free again, and the next request is answered.
        servable.gate.set()
        answer = await engine.predict(servable, "m", "s", {"x": np.array([2])})
        assert answer.outputs["y"].tolist() == [2]
        await engine.stop()

    asyncio.run(go())
