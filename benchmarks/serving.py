"""The development server under load, against calling the SavedModel directly.

    python -m benchmarks.serving --model=models/digits
    python -m benchmarks.serving --model=models/digits --seconds=20

First one client: calls of the SavedModel in this process and requests to the server take turns, so
that a busy moment of the machine hits all; the differences of the medians are what serving costs.
Then 1, 8 and 32 clients, each asking without a pause for samples of one seed: p50, p99, images a
second. Clients are a process of their own, on the machine of the server. About two minutes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tests.export.servers import Server, serving
from tgan_tf import command
from tgan_tf.quiet import start_tensorflow

CLIENTS = (1, 8, 32)
_WARM_UP = 50


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("model", None, "folder of the model's versions", flag_values=values)
    flags.DEFINE_integer("calls", 1000, "of one client in turns", lower_bound=1, flag_values=values)
    flags.DEFINE_float("seconds", 8.0, "of each load", lower_bound=1, flag_values=values)
    flags.DEFINE_string("load", "", "used by the benchmark itself", flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)
    flags.mark_flag_as_required("model", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Prints two tables."""
    start_tensorflow()
    folder = Path(values.model).expanduser().resolve()
    if values.load:
        print(json.dumps(asyncio.run(load(values.load, folder, values.seconds))))
        return
    with serving(f"--model={folder}") as server:
        print("one client, batch 1     median ms     more than the direct call")
        seconds = turns(server, folder, values.calls)
        direct = np.median(seconds["SavedModel, called directly"])
        for name, times in seconds.items():
            median = np.median(times)
            print(f"{name:<28}{median * 1e3:8.3f}{(median - direct) * 1e3:16.3f} ms")
        print("\nclients        p50 ms    p99 ms   images/s")
        print_loads(server, folder, values.seconds)


def inputs(folder: Path, seed: int) -> dict[str, np.ndarray]:
    """A request for one sample."""
    names = json.loads((last(folder) / "manifest.json").read_text())["signatures"]["sample"]
    values = {
        "seed": np.array([seed], np.int32),
        "label": np.array([0], np.int32),
        "truncation": np.array([0.7], np.float32),
        "guidance": np.array([1.0], np.float32),
    }
    return {name: values[name] for name in names["inputs"]}


def last(folder: Path) -> Path:
    """The newest version."""
    return max((p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))


def turns(server: Server, folder: Path, calls: int) -> dict[str, list[float]]:
    """Seconds of each call of each way."""
    import tensorflow as tf

    from export.serve.servable import Servable
    from export.serving.client import Client

    loaded = tf.saved_model.load(str(last(folder)))
    sample, servable = loaded.signatures["sample"], Servable(last(folder))
    grpc_client, rest_client = Client(server.grpc, folder.name), Client(server.rest, folder.name)

    def call_directly(request: dict[str, np.ndarray]) -> Any:
        return sample(**{k: tf.constant(v) for k, v in request.items()})["image"].numpy()

    ways: dict[str, Callable[[dict[str, np.ndarray]], Any]] = {
        "SavedModel, called directly": call_directly,
        "Session, called directly": lambda request: servable.run("sample", request),
        "gRPC": lambda request: grpc_client.predict("sample", request),
        "REST": lambda request: rest_client.predict("sample", request),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    request = inputs(folder, 0)
    for index in range(_WARM_UP + calls):
        for name, way in ways.items():
            start = time.perf_counter()
            way(request)
            if index >= _WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def print_loads(server: Server, folder: Path, seconds: float) -> None:
    """One line for each number of clients."""
    for protocol, target in (("gRPC", server.grpc), ("REST", server.rest), ("direct", "direct")):
        for clients in CLIENTS:
            plan = f"{protocol} {target} {clients}"
            arguments = [f"--model={folder}", f"--seconds={seconds}", f"--load={plan}"]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.serving", *arguments],
                check=True,
                capture_output=True,
                text=True,
            )
            times = np.array(json.loads(done.stdout.splitlines()[-1]))
            p50, p99 = np.percentile(times, [50, 99]) * 1e3
            rate = len(times) / seconds
            print(f"{protocol:<7}{clients:>3}{p50:12.2f}{p99:10.2f}{rate:11.0f}", flush=True)


async def load(plan: str, folder: Path, seconds: float) -> list[float]:
    """Seconds of all requests of so many clients that ask without a pause."""
    protocol, target, clients = plan.split()
    ask, close = await {"gRPC": _grpc, "REST": _rest, "direct": _direct}[protocol](target, folder)
    times: list[float] = []

    async def client(end: float, kept: list[float]) -> None:
        while time.perf_counter() < end:
            start = time.perf_counter()
            await ask()
            kept.append(time.perf_counter() - start)

    async def all_for(length: float, kept: list[float]) -> None:
        end = time.perf_counter() + length
        await asyncio.gather(*(client(end, kept) for _ in range(int(clients))))

    await all_for(1.0, [])
    await all_for(seconds, times)
    await close()
    return times


Way = tuple[Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]]


async def _grpc(target: str, folder: Path) -> Way:
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    channel = grpc.aio.insecure_channel(target)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = folder.name, "sample"
    for name, value in inputs(folder, 0).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))

    async def ask() -> Any:
        return await stub.Predict(request)

    return ask, channel.close


async def _rest(target: str, folder: Path) -> Way:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    columns = {name: value.tolist() for name, value in inputs(folder, 0).items()}
    body = json.dumps({"signature_name": "sample", "inputs": columns})
    url = f"{target}/v1/models/{folder.name}:predict"

    async def ask() -> Any:
        async with session.post(url, data=body) as answer:
            answer.raise_for_status()
            return await answer.read()

    return ask, session.close


async def _direct(target: str, folder: Path) -> Way:
    """The SavedModel in this process, one call on a thread for each client."""
    from concurrent.futures import ThreadPoolExecutor

    import tensorflow as tf

    loaded = tf.saved_model.load(str(last(folder)))
    request = {name: tf.constant(value) for name, value in inputs(folder, 0).items()}
    pool, loop = ThreadPoolExecutor(max(CLIENTS)), asyncio.get_running_loop()

    async def ask() -> Any:
        return await loop.run_in_executor(
            pool, lambda: loaded.signatures["sample"](**request)["image"].numpy()
        )

    async def close() -> None:
        pool.shutdown()

    return ask, close


if __name__ == "__main__":
    command.start(define_flags, run)
