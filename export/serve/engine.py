"""What both protocols call: models by name, one request, one answer, counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from export.serve.batching import Batcher
from export.serve.errors import Code, ServingError, invalid
from export.serve.models import Model, ModelConfig, not_found
from export.serve.servable import DEFAULT_SIGNATURE, Arrays, Servable

_LOG = logging.getLogger("export.serve")
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Limits:
    """What one client may ask for, so that it cannot keep others from being served.

    Attributes:
        max_batch_size: samples of a request, and of the batches that are made of requests.
        max_queue: requests that wait.
        max_body_bytes: of a request.
        arrival_s: the longest that a request may take to arrive.
        timeout_s: the longest that it may take then, whatever deadline it has.
        workers: batches that run at the same time.
    """

    max_batch_size: int = 64
    max_queue: int = 1000
    max_body_bytes: int = 16 * 2**20
    arrival_s: float = 10.0
    timeout_s: float = 30.0
    workers: int = 2


@dataclass(frozen=True)
class Answer:
    """Outputs, and whose they are."""

    servable: Servable
    signature: str
    outputs: dict[str, np.ndarray]


class Engine:
    """All models of a server.

    Args:
        configs: the models, of different names.
        limits: of requests.
    """

    def __init__(self, configs: Sequence[ModelConfig], limits: Limits) -> None:
        self.models = {config.name: Model(config) for config in configs}
        self.limits = limits
        self.registry = CollectorRegistry()
        disable_created_metrics()  # a second series for each, of when it began
        self._requests = Counter(
            "tgan_tf_requests",
            "Requests by model, protocol and status",
            ["model", "protocol", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tgan_tf_request_seconds",
            "From a decoded request to its outputs",
            ["model", "signature"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._samples = Counter(
            "tgan_tf_samples", "Samples made", ["model", "signature"], registry=self.registry
        )
        sizes = Histogram(
            "tgan_tf_batch_size", "Samples of a batch", buckets=_SIZES, registry=self.registry
        )
        self.batcher = Batcher(
            limits.max_batch_size, limits.max_queue, limits.workers, sizes.observe
        )
        waiting = Gauge("tgan_tf_waiting_requests", "Requests in queue", registry=self.registry)
        waiting.set_function(lambda: self.batcher.waiting)
        self._watching: asyncio.Task[None] | None = None

    async def start(self, poll_s: float) -> None:
        """Loads the models, then looks for new versions every ``poll_s`` seconds."""
        await self._refresh()
        self._watching = asyncio.get_running_loop().create_task(self._watch(poll_s))

    async def stop(self) -> None:
        """Lets go of everything."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        for model in self.models.values():
            model.close()
        self.batcher.close()

    @property
    def ready(self) -> bool:
        """Whether every model can answer."""
        return all(model.ready for model in self.models.values())

    def model(self, name: str) -> Model:
        """A model by name.

        Raises:
            ServingError: NOT_FOUND.
        """
        if name not in self.models:
            raise not_found(f"Latest({name})")
        return self.models[name]

    async def predict(
        self,
        servable: Servable,
        model: str,
        signature: str,
        inputs: Arrays,
        wanted: Sequence[str] = (),
    ) -> Answer:
        """Answers one request.

        Args:
            servable: a version of the model.
            model: its name.
            signature: empty: the default one.
            inputs: by name.
            wanted: outputs; none: all.

        Raises:
            ServingError: it cannot be answered, or not in time.
        """
        signature = signature or DEFAULT_SIGNATURE
        start = time.perf_counter()
        try:
            outputs = await asyncio.wait_for(
                self.batcher.run(servable, signature, inputs), self.limits.timeout_s
            )
        except asyncio.TimeoutError:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, f"not answered within {self.limits.timeout_s:g} seconds"
            ) from None
        self._seconds.labels(model, signature).observe(time.perf_counter() - start)
        self._samples.labels(model, signature).inc(len(next(iter(outputs.values()))))
        if unknown := set(wanted) - outputs.keys():
            raise invalid(f"output tensor alias not found in signature: {sorted(unknown)[0][:100]}")
        return Answer(servable, signature, {name: outputs[name] for name in wanted or outputs})

    def count(self, model: str, protocol: str, status: str) -> None:
        """Counts a request that was answered, in one way or another."""
        # Names that no model has are the client's invention: each would be a new series.
        known = model if model in self.models else "unknown"
        self._requests.labels(known, protocol, status).inc()

    async def _refresh(self) -> None:
        for model in self.models.values():
            await model.refresh()

    async def _watch(self, poll_s: float) -> None:
        while True:
            await asyncio.sleep(poll_s)
            try:
                await self._refresh()
            except Exception:  # the next look may succeed; what is loaded goes on
                _LOG.exception("looking for new versions failed")
