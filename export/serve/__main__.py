"""The command `python -m export.serve`: a development server for exported models.

    python -m export.serve --model=models/digits
    python -m export.serve --model=models/digits --labels=stable:1,canary:2
    python -m export.serve --model_config_file=export/serving/models.config

answers TensorFlow Serving's gRPC (port 8500) and REST (port 8501), shows a page at
http://localhost:8501/, gives new versions that appear in the folder to new requests without losing
old ones, and counts at /monitoring/prometheus/metrics. For development and demonstrations: in
production serve the same folder with TensorFlow Serving, see export/serving.

Needs: pip install 'tgan_tf[serving]'. Ctrl-C or SIGTERM ends it when its requests have ended.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from tgan_tf import command
from tgan_tf.quiet import start_tensorflow

if TYPE_CHECKING:
    from export.serve.engine import Limits
    from export.serve.models import ModelConfig


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string(
        "model", "", "folder of a model's versions, like models/digits", flag_values=values
    )
    flags.DEFINE_string("name", "", "in requests; empty: the folder's name", flag_values=values)
    flags.DEFINE_list(
        "labels", [], "of versions, like stable:1,canary:2; they are served too", flag_values=values
    )
    flags.DEFINE_integer(
        "latest", 1, "serve so many newest versions; 0: all", lower_bound=0, flag_values=values
    )
    flags.DEFINE_string(
        "model_config_file",
        "",
        "several models: TensorFlow Serving's file of that name",
        flag_values=values,
    )
    flags.DEFINE_string(
        "host", "localhost", "address to listen on; 0.0.0.0: all", flag_values=values
    )
    for name, port, text in (("port", 8500, "gRPC"), ("rest_api_port", 8501, "REST, page")):
        flags.DEFINE_integer(
            name, port, f"of {text}", lower_bound=1, upper_bound=65535, flag_values=values
        )
    for name, number, text in (
        ("max_batch_size", 64, "samples of a request, and of requests answered together"),
        ("max_queue", 1000, "requests that wait; more are refused"),
        ("max_body_mib", 16, "size of a request"),
        ("workers", 2, "batches that run at the same time"),
    ):
        flags.DEFINE_integer(name, number, text, lower_bound=1, flag_values=values)
    for name, seconds, text in (
        ("arrival_s", 10.0, "the longest that a request may take to arrive"),
        ("timeout_s", 30.0, "the longest that it may take then"),
        ("poll_s", 2.0, "between looks for new versions"),
        ("grace_s", 10.0, "for requests to end in when the server is told to stop"),
    ):
        flags.DEFINE_float(name, seconds, text, lower_bound=0.05, flag_values=values)
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Serves until it is told to stop."""
    folders = check(values)
    for name in ("port", "rest_api_port"):
        check_port(name, values.host, getattr(values, name))
    start_tensorflow()
    try:
        from export.serve.engine import Limits
        from export.serve.models import ModelConfig
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed: pip install 'tgan_tf[serving]'"
        ) from error
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if values.model_config_file:
        configs = read_config(Path(values.model_config_file))
    else:
        name, folder = folders
        configs = [ModelConfig(name, folder, values.latest, labels=read_labels(values.labels))]
    limits = Limits(
        max_batch_size=values.max_batch_size,
        max_queue=values.max_queue,
        max_body_bytes=values.max_body_mib * 2**20,
        arrival_s=values.arrival_s,
        timeout_s=values.timeout_s,
        workers=values.workers,
    )
    asyncio.run(serve(configs, limits, values))


def check(values: flags.FlagValues) -> tuple[str, Path]:
    """The model's name and folder from the flags, before anything slow.

    Raises:
        ValueError, FileNotFoundError: naming the flag.
    """
    if bool(values.model) == bool(values.model_config_file):
        raise ValueError("give --model=FOLDER, like models/digits, or --model_config_file=FILE")
    read_labels(values.labels)
    if values.model_config_file:
        if not Path(values.model_config_file).is_file():
            raise FileNotFoundError(f"--model_config_file={values.model_config_file}: no such file")
        return "", Path()
    folder = Path(values.model).expanduser().resolve()
    if not any(folder.glob("*/saved_model.pb")):
        hint = f"; give {folder.parent}" if (folder / "saved_model.pb").is_file() else ""
        raise FileNotFoundError(
            f"--model={values.model}: no version of a model here, like 1/saved_model.pb"
            f"{hint or '; python -m export.saved_model makes one'}"
        )
    return values.name or folder.name, folder


def check_port(name: str, host: str, port: int) -> None:
    """Whether a server may listen there.

    Raises:
        OSError: naming the flag.
    """
    try:
        (family, kind, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise OSError(f"--{name}={port}, --host={host}: {error.strerror}; give others") from error


def read_labels(texts: list[str]) -> dict[str, int]:
    """``stable:1`` and so on.

    Raises:
        ValueError: naming --labels.
    """
    labels = {}
    for text in texts:
        name, _, version = text.partition(":")
        if not name or not (version.isascii() and version.isdecimal()):
            raise ValueError(f"--labels: {text!r} is no label; they are like stable:1,canary:2")
        labels[name] = int(version)
    return labels


def read_config(path: Path) -> list[ModelConfig]:
    """The models of a ModelServerConfig in text form.

    Raises:
        ValueError: naming the file.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    from export.serve.models import ModelConfig

    try:
        message = text_format.Parse(
            path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig()
        )
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no ModelServerConfig: {error}") from error
    configs = []
    for entry in message.model_config_list.config:
        policy = entry.model_version_policy
        kind = policy.WhichOneof("policy_choice") or "latest"
        latest = 0 if kind == "all" else max(1, policy.latest.num_versions)
        configs.append(
            ModelConfig(
                entry.name,
                (path.parent / entry.base_path).resolve(),  # an absolute one stays as it is
                latest,
                tuple(policy.specific.versions) if kind == "specific" else (),
                dict(entry.version_labels),
            )
        )
    names = [config.name for config in configs]
    if not names or not all(names) or len(set(names)) < len(names):
        raise ValueError(f"{path}: list models in model_config_list, each with a name of its own")
    return configs


async def serve(configs: list[ModelConfig], limits: Limits, values: flags.FlagValues) -> None:
    """Starts both servers, waits for a signal, lets requests end.

    Raises:
        OSError, RuntimeError: no model can be loaded, or a port is taken.
    """
    from export.serve import rest, rpc
    from export.serve.engine import Engine

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = Engine(configs, limits)
    try:
        await engine.start(values.poll_s)
        for name, model in engine.models.items():
            if not model.ready:
                errors = [error for _, error in model.states.values() if error]
                raise RuntimeError(
                    f"no version of {name} in {model.config.base_path} can be loaded"
                    + (f": {errors[-1]}" if errors else "")
                )
        server, health = await rpc.start(engine, f"{values.host}:{values.port}")
        try:
            runner, _ = await rest.start(engine, values.host, values.rest_api_port, values.grace_s)
            print(
                f"Development server of {', '.join(engine.models)}; in production use TensorFlow"
                f" Serving (export/serving).\n  gRPC  {values.host}:{values.port}\n"
                f"  REST  http://{values.host}:{values.rest_api_port}/v1/models/{configs[0].name}\n"
                f"  Page  http://{values.host}:{values.rest_api_port}/\n"
                "Ctrl-C ends it.",
                flush=True,
            )
            await stop.wait()
            print("Stopping: no new requests; those under way may end.", flush=True)
            await health.enter_graceful_shutdown()
            await asyncio.gather(server.stop(values.grace_s), runner.cleanup())
        finally:
            await server.stop(0)
    finally:
        await engine.stop()


if __name__ == "__main__":
    command.start(define_flags, run)
