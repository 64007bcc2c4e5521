"""Requests that wait for the model are answered together.

While a worker runs one batch, requests gather; the next batch takes those that fit together. A lone
request never waits for others, and under load batches grow by themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.serve.errors import Code, ServingError, invalid
from export.serve.servable import Arrays, Servable


@dataclass(frozen=True)
class _Request:
    servable: Servable
    signature: str
    inputs: Arrays
    size: int
    answer: asyncio.Future[dict[str, np.ndarray]]

    def fits(self, other: _Request) -> bool:
        return self.servable is other.servable and self.signature == other.signature


class Batcher:
    """Runs requests on worker threads, in batches.

    Args:
        max_batch_size: samples of a batch, and so of a request.
        max_queue: requests that wait; further ones are refused.
        workers: batches that run at the same time.
        observe: called with each batch's size.
    """

    def __init__(
        self,
        max_batch_size: int,
        max_queue: int,
        workers: int,
        observe: Callable[[int], Any] = lambda size: None,
    ) -> None:
        self.max_batch_size, self.max_queue = max_batch_size, max_queue
        self._free, self._observe = workers, observe
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._waiting: deque[_Request] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # referenced, else they may be collected

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    async def run(
        self, servable: Servable, signature: str, inputs: Arrays
    ) -> dict[str, np.ndarray]:
        """The outputs for one request. Cancelled (deadline, client gone), it is not run.

        Raises:
            ServingError: the request is wrong, or the queue is full.
        """
        size = servable.check(signature, inputs)
        if size > self.max_batch_size:
            raise invalid(
                f"Task size {size} is larger than maximum input batch size {self.max_batch_size}"
            )
        if len(self._waiting) >= self.max_queue:
            raise ServingError(
                Code.UNAVAILABLE, f"the queue is full ({self.max_queue} requests); try again later"
            )
        answer = asyncio.get_running_loop().create_future()
        with servable:
            self._waiting.append(_Request(servable, signature, inputs, size, answer))
            self._start()
            return await answer

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False)

    def _start(self) -> None:
        """Gives batches to free workers."""
        while self._free and (batch := self._take()):
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Request]:
        """The oldest request that is still wanted and those behind it that fit in its batch."""
        batch: list[_Request] = []
        kept: deque[_Request] = deque()
        space = self.max_batch_size
        while self._waiting and space:
            request = self._waiting.popleft()
            if request.answer.done():  # cancelled
                continue
            if not batch or (request.fits(batch[0]) and request.size <= space):
                batch.append(request)
                space -= request.size
            else:
                kept.append(request)
        kept.extend(self._waiting)
        self._waiting = kept
        return batch

    async def _answer(self, batch: list[_Request]) -> None:
        loop = asyncio.get_running_loop()
        try:
            with batch[0].servable:  # whose requests may all be cancelled meanwhile
                results = await loop.run_in_executor(self._pool, _run, batch)
        except Exception as error:  # a defect: every request must still be answered
            results = [ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")] * len(batch)
        finally:
            self._free += 1
        self._observe(sum(request.size for request in batch))
        for request, result in zip(batch, results, strict=True):
            if request.answer.done():
                continue
            if isinstance(result, ServingError):
                request.answer.set_exception(result)
            else:
                request.answer.set_result(result)
        self._start()


def _run(batch: Sequence[_Request]) -> list[dict[str, np.ndarray] | ServingError]:
    """Runs a batch on this thread; if the model refuses it, each request by itself."""
    first = batch[0]
    inputs = first.inputs
    if len(batch) > 1:
        inputs = {
            name: np.concatenate([request.inputs[name] for request in batch]) for name in inputs
        }
    try:
        outputs = first.servable.run(first.signature, inputs)
    except ServingError as error:
        if len(batch) == 1:
            return [error]
        return [result for request in batch for result in _run([request])]
    ends = np.cumsum([request.size for request in batch])[:-1]
    parts = {name: np.split(array, ends) for name, array in outputs.items()}
    return [{name: part[i] for name, part in parts.items()} for i in range(len(batch))]
