"""Two replicas, in one process or two, compute what one does with the same global batch.

In float64: whatever is wrong with a share, a reduction, a clip or a random number shows at once,
and only the order of sums is left.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TIMEOUT_S = 500


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def tf_config(ports: list[int], index: int) -> str:
    workers = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, dict[str, np.ndarray]]:
    """What each process wrote: all four at the same time."""
    folder = tmp_path_factory.mktemp("replicas")
    ports = free_ports(2)
    roles = {"one": None, "mirrored": None} | {
        f"worker{index}": tf_config(ports, index) for index in range(2)
    }
    running = {}
    for name, cluster in roles.items():
        environment = dict(os.environ) | ({"TF_CONFIG": cluster} if cluster else {})
        with (folder / f"{name}.log").open("w") as log:
            running[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.replicas", name.rstrip("01"), folder / f"{name}.npz"],
                cwd=Path(__file__).parents[1],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
    try:
        for name, process in running.items():
            assert process.wait(TIMEOUT_S) == 0, (folder / f"{name}.log").read_text()[-4000:]
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return {name: dict(np.load(folder / f"{name}.npz")) for name in roles}


def of_game(results: dict[str, np.ndarray], game: str) -> dict[str, np.ndarray]:
    return {name: value for name, value in results.items() if name.startswith(f"{game} ")}


@pytest.mark.parametrize(
    ("who", "game"),
    [
        ("mirrored", "finite_difference"),
        ("mirrored", "exact"),  # by ``fit``
        ("mirrored", "regularized"),
        ("mirrored", "xla"),  # against one replica without XLA
        ("worker0", "finite_difference"),
    ],
)
def test_as_one_replica(results, who, game):
    expected, given = of_game(results["one"], game), of_game(results[who], game)
    assert set(given) == set(expected)
    for name, value in given.items():
        # Weights and logs are of order one.
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=2e-12, err_msg=name)


def test_workers_hold_the_same_bytes(results):
    assert set(results["worker0"]) == set(results["worker1"])
    for name, value in results["worker0"].items():
        assert value.tobytes() == results["worker1"][name].tobytes(), name


def test_the_games_clip_and_penalise(results):
    """Else the agreement above would say little."""
    one = results["one"]
    for game in ("finite_difference", "exact", "xla"):
        norms = [v for k, v in of_game(one, game).items() if k.endswith("grad_norm")]
        assert min(norms) > 0.02
        assert f"{game} log 0 penalty" in one
