"""The same generator in every engine: Keras, SavedModel, TFLite, ONNX Runtime, OpenVINO.

    python -m benchmarks.inference                                # two untrained generators
    python -m benchmarks.inference --run=runs/00012-fashion_mnist

Each engine and number of threads is a process of its own, bound to so many cores; they are asked in
turns for a few calls each, so that a busy moment of the machine hits them all, and medians of all
calls are compared. What is timed is one call from Python, from z and class to a float image (the
signature `generate`), which is the same work everywhere. Start: from the process' beginning to its
first image. Memory: the most that the process has held after its calls.

ONNX Runtime and OpenVINO run what tf2onnx and OpenVINO make of the SavedModel; they are of the
extra `bench`, and without them their rows say so. About ten minutes, most of it for converting.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.quiet import start_tensorflow

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

BATCHES = (1, 8)
THREADS = (1, 2)
TFLITE = ("float32", "float16", "dynamic_int8", "int8")
# In float32 from beginning to end, so that they can be compared with each other.
FLOAT = ("Keras", "SavedModel", "TFLite float32", "ONNX Runtime", "OpenVINO")
_WARM_UP, _CALLS = 3, 5  # of each turn
# Without --run: about the default for 28x28 grey images, and one of the size of a phone's largest
# models.
_BOTH: dict[str, Any] = {
    **{"mapping_layers": 2, "g_windows": (0, 0)},
    **{"g_upsample": "dense_shuffle", "g_output": "conv"},
}
UNTRAINED: dict[str, dict[str, Any]] = {
    "small, 28x28": {"image_size": (28, 28), "channels": 1, **_BOTH},
    "large, 32x32": {
        "image_size": (32, 32),
        "channels": 3,
        **_BOTH,
        "g_widths": (320, 160),
        "g_depths": (4, 2),
    },
}

Label = dict[str, np.ndarray]  # {"label": int32 [B]}, or nothing of an unconditional generator
Call = Callable[[np.ndarray, Label], Any]  # z [B, latent_dim], label -> float32 [B, H, W, C]
Make = Callable[[int], Call]  # for a batch


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_integer(
        "turns", 40, "of each engine, batch and threads", lower_bound=1, flag_values=values
    )
    for name in ("engine", "folder"):
        flags.DEFINE_string(name, "", "used by the benchmark itself", flag_values=values)
    flags.DEFINE_integer("threads", 1, "used by the benchmark itself", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Converts, times, prints a table for each generator."""
    if values.engine:
        work(values.engine, Path(values.folder), values.threads)
        return
    start_tensorflow()
    names = [values.run] if values.run else list(UNTRAINED)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="tgan_tf-") as folder:
            if values.run:
                path, sampler = Path(values.run), command.load_run(values)
            else:
                path, sampler = untrained(name, Path(folder) / "run")
            print(f"\n{name}: {sampler.generator.count_params():,} parameters", flush=True)
            missing = prepare(sampler, path, Path(folder))
            print(table(measure(Path(folder), values.turns, missing), missing), flush=True)


def untrained(name: str, path: Path) -> tuple[Path, Sampler]:
    """A run directory of a generator with the weights that it starts from."""
    import tensorflow as tf

    from tgan_tf.config import Config
    from tgan_tf.inference import load
    from tgan_tf.networks import build_generator
    from tgan_tf.training.checkpoint import Checkpoints

    options = dict(UNTRAINED[name])
    shape = {key: options.pop(key) for key in ("image_size", "channels")}
    config = Config().replace(**options).resolve(**shape, num_classes=10)
    path.mkdir()
    config.save(path / "config.json")
    trackables = {"ema_generator": build_generator(config), "step": tf.Variable(0, dtype=tf.int64)}
    Checkpoints(path / "checkpoints", trackables, keep=1).save(0)
    return path, load(path)


def prepare(sampler: Sampler, run: Path, folder: Path) -> dict[str, str]:
    """Writes what the engines load; those that cannot be had, with the reason."""
    from tgan_tf.exporting import signatures
    from tgan_tf.exporting.quantization import quantize

    (folder / "run.txt").write_text(str(run.resolve()))
    functions = signatures.build_functions(sampler)
    signatures.save({"generate": functions["generate"]}, str(folder / "saved_model"))
    missing = {}
    for variant in TFLITE:
        for batch in BATCHES:
            content = quantize(sampler, variant, batch).content
            (folder / f"{variant}.{batch}.tflite").write_bytes(content)
    random = np.random.default_rng(0)
    np.savez(
        folder / "inputs.npz",
        z=random.normal(size=(max(BATCHES), sampler.latent_dim)).astype(np.float32),
        label=np.arange(max(BATCHES), dtype=np.int32) % max(1, sampler.num_classes),
        conditional=bool(sampler.num_classes),
    )
    for engine, modules in (
        ("ONNX Runtime", ("tf2onnx", "onnxruntime")),
        ("OpenVINO", ("openvino",)),
    ):
        absent = [name for name in modules if importlib.util.find_spec(name) is None]
        if absent:
            missing[engine] = "pip install 'tgan_tf[bench]'"
    if "ONNX Runtime" not in missing:
        arguments = ["--saved-model", folder / "saved_model", "--signature_def", "generate"]
        arguments += ["--opset", "18", "--output", folder / "model.onnx"]
        done = subprocess.run(
            [sys.executable, "-m", "tf2onnx.convert", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            missing["ONNX Runtime"] = f"does not convert: {done.stderr.splitlines()[-1]}"
    return missing


@dataclass
class Measured:
    """One engine with one number of threads.

    Attributes:
        start_s: from the process' start to the first images.
        images: of the largest batch.
        seconds: of each call, by batch.
        peak_mib: of its resident memory.
    """

    start_s: float
    images: np.ndarray
    seconds: dict[int, list[float]] = field(default_factory=lambda: {b: [] for b in BATCHES})
    peak_mib: float = 0.0


def measure(folder: Path, turns: int, missing: dict[str, str]) -> dict[tuple[str, int], Measured]:
    """All engines, asked in turns."""
    engines = [
        name for name in (*FLOAT, *(f"TFLite {v}" for v in TFLITE[1:])) if name not in missing
    ]
    workers, found = {}, {}
    for threads in THREADS:
        for engine in engines:
            words = [f"--engine={engine}", f"--folder={folder}", f"--threads={threads}"]
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.inference", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            start = time.perf_counter()
            ready = _ask(process, None)
            images = np.array(ready["images"], np.float32)
            found[engine, threads] = Measured(time.perf_counter() - start, images)
            workers[engine, threads] = process
    for _ in range(turns):
        for key, process in workers.items():
            for batch in BATCHES:
                found[key].seconds[batch] += _ask(process, batch)["seconds"]
    for key, process in workers.items():
        found[key].peak_mib = _ask(process, 0)["peak_mib"]
        process.wait(timeout=30)
    return found


def table(found: dict[tuple[str, int], Measured], missing: dict[str, str]) -> str:
    """In Markdown: batches and threads side by side, ratios to the fastest float engine."""
    cases = [(batch, threads) for threads in THREADS for batch in BATCHES]
    engines = list(dict.fromkeys(engine for engine, _ in found))
    medians = {
        name: {
            (batch, threads): float(np.median(found[name, threads].seconds[batch])) * 1e3
            for batch, threads in cases
        }
        for name in engines
    }
    fastest = {
        case: min(medians[name][case] for name in engines if name in FLOAT) for case in cases
    }
    names = [f"batch {batch}, {threads} thread{'s'[: threads > 1]}" for batch, threads in cases]
    head = ["ms (times the fastest float)", *names, "start s", "peak MiB", "from Keras"]
    lines = [head, ["---"] * len(head)]
    keras = found["Keras", THREADS[0]].images
    for name in engines:
        one = found[name, THREADS[0]]
        error = np.abs(one.images - keras).max() / np.abs(keras).max()
        times = [
            f"{medians[name][case]:.2f} ({medians[name][case] / fastest[case]:.2f})"
            for case in cases
        ]
        lines.append([name, *times, f"{one.start_s:.1f}", f"{one.peak_mib:.0f}", f"{error:.1e}"])
    lines += [[name, why, *[""] * (len(head) - 2)] for name, why in missing.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def work(engine: str, folder: Path, threads: int) -> None:
    """A process that answers: seconds for a batch, its peak memory for 0."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, set(cores))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    with np.load(folder / "inputs.npz") as file:
        z, label = file["z"], file["label"] if file["conditional"] else None
    name, _, variant = engine.partition(" ")
    make = (
        _tflite(folder, threads, variant) if name == "TFLite" else _ENGINES[engine](folder, threads)
    )
    calls = {batch: make(batch) for batch in BATCHES}

    def call(batch: int) -> np.ndarray:
        return calls[batch](z[:batch], {} if label is None else {"label": label[:batch]})

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    call(BATCHES[0])
    answer(images=call(max(BATCHES)).tolist())
    for line in sys.stdin:
        if not (batch := int(line)):
            answer(peak_mib=_peak_mib())
            return
        seconds = []
        for index in range(_WARM_UP + _CALLS):
            start = time.perf_counter()
            call(batch)
            if index >= _WARM_UP:
                seconds.append(time.perf_counter() - start)
        answer(seconds=seconds)


def _ask(process: subprocess.Popen[str], batch: int | None) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    if batch is not None:
        process.stdin.write(f"{batch}\n")
        process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r}: ended without an answer")
    return json.loads(line)


def _peak_mib() -> float:
    """The most resident memory of this process; getrusage would count its parent's before exec."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1]) / 1024


def _threads(count: int) -> None:
    start_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def _keras(folder: Path, threads: int) -> Make:
    _threads(threads)
    import tensorflow as tf

    from tgan_tf.inference import load

    generator = tf.function(load((folder / "run.txt").read_text()).generator, autograph=False)

    def call(z: np.ndarray, label: Label) -> np.ndarray:
        return generator(tf.constant(z), *map(tf.constant, label.values())).numpy()

    return lambda batch: call


def _saved_model(folder: Path, threads: int) -> Make:
    _threads(threads)
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder / "saved_model"))  # owns the variables

    def call(z: np.ndarray, label: Label) -> np.ndarray:
        tensors = {name: tf.constant(value) for name, value in {"z": z, **label}.items()}
        return loaded.signatures["generate"](**tensors)["image"].numpy()

    return lambda batch: call


def _tflite(folder: Path, threads: int, variant: str) -> Make:
    from ai_edge_litert.interpreter import Interpreter

    def make(batch: int) -> Call:
        path = folder / f"{variant}.{batch}.tflite"
        run = Interpreter(str(path), num_threads=threads).get_signature_runner("generate")
        return lambda z, label: run(z=z, **label)["image"]

    return make


def _onnx(folder: Path, threads: int) -> Make:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return lambda batch: lambda z, label: session.run(None, {"z": z, **label})[0]


def _openvino(folder: Path, threads: int) -> Make:
    import openvino

    # By default it computes in bfloat16 where the processor can.
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}

    def make(batch: int) -> Call:
        model = openvino.convert_model(str(folder / "saved_model"))
        # The batch fixed, which makes it faster.
        shapes = {port.any_name: [batch, *list(port.partial_shape)[1:]] for port in model.inputs}
        model.reshape(shapes)
        compiled = openvino.Core().compile_model(model, "CPU", options)
        return lambda z, label: compiled({"z": z, **label})[0]

    return make


_ENGINES: dict[str, Callable[[Path, int], Make]] = {
    "Keras": _keras,
    "SavedModel": _saved_model,
    "ONNX Runtime": _onnx,
    "OpenVINO": _openvino,
}


if __name__ == "__main__":
    command.start(define_flags, run)
