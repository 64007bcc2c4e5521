"""One image at a time on one core: TFLite, SavedModel, Keras.

    python -m benchmarks.inference --run=runs/00012-fashion_mnist

prints a table of medians of one run, in which the ways take turns so that a busy moment of the
machine hits them all. Without --run: the default networks for 28x28 grey images of 10 classes, with
untrained weights, which take the same time. The process is bound to one core, and TensorFlow and
LiteRT have one thread each. Takes about a minute.

What is timed is one call from Python, from a seed and a class to a uint8 image in NumPy; "Keras"
starts from z and ends in floating point, without decoding.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.quiet import start_tensorflow

if TYPE_CHECKING:
    from tgan_tf.inference import Sampler

WARM_UP = 20


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_integer("calls", 500, "timed calls of each way", lower_bound=1, flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Exports to a temporary folder, times, prints."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    start_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    sampler = command.load_run(values) if values.run else untrained()
    with tempfile.TemporaryDirectory(prefix="tgan_tf-") as folder:
        seconds = measure(ways(sampler, Path(folder)), values.calls)
    print(f"{sampler.generator.count_params():,} parameters, one image a call, core {core} only")
    reference = np.median(seconds["SavedModel"])
    print(f"{'':<24}{'median ms':>10}{'quartiles':>18}{'SavedModel / this':>20}")
    for name, times in seconds.items():
        low, median, high = np.percentile(times, [25, 50, 75]) * 1e3
        ratio = reference * 1e3 / median
        print(f"{name:<24}{median:10.3f}{low:9.3f} -{high:7.3f}{ratio:19.2f}x")


def untrained() -> Sampler:
    """The default generator for 28x28 grey images of 10 classes."""
    from tgan_tf.config import Config
    from tgan_tf.inference import Sampler
    from tgan_tf.modalities.image import ImageModality
    from tgan_tf.networks import build_generator

    config = Config().resolve(image_size=(28, 28), channels=1, num_classes=10)
    return Sampler(config, build_generator(config), ImageModality(config))


def ways(sampler: Sampler, folder: Path) -> dict[str, Callable[[int], object]]:
    """What is compared: functions of a seed."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    from tgan_tf.exporting import to_saved_model, to_tflite
    from tgan_tf.exporting.portable_random import normal_numpy

    classes = sampler.num_classes
    lite = Interpreter(str(to_tflite(sampler, folder / "m.tflite").path), num_threads=1)
    draw_lite = lite.get_signature_runner("sample")
    loaded = tf.saved_model.load(str(to_saved_model(sampler, folder).path))
    draw_saved = loaded.signatures["sample"]
    latents = normal_numpy(np.arange(WARM_UP), sampler.latent_dim)

    def inputs(seed: int) -> dict[str, np.ndarray]:
        label = {"label": np.array([seed % classes], np.int32)} if classes else {}
        seeds, psi = np.array([seed], np.int32), np.array([0.7], np.float32)
        return {"seed": seeds, "truncation": psi, **label}

    def call_saved_model(seed: int) -> np.ndarray:
        tensors = {name: tf.constant(value) for name, value in inputs(seed).items()}
        return draw_saved(**tensors)["image"].numpy()

    def call_keras(seed: int) -> np.ndarray:
        index = seed % len(latents)
        label = tf.constant([seed % classes]) if classes else None
        return sampler.generator(tf.constant(latents[index : index + 1]), label).numpy()

    return {
        "TFLite": lambda seed: draw_lite(**inputs(seed))["image"],
        "SavedModel": call_saved_model,
        "Sampler.sample": lambda seed: sampler.sample([seed], seed % classes if classes else None),
        "Keras, called eagerly": call_keras,
    }


def measure(ways: dict[str, Callable[[int], object]], calls: int) -> dict[str, list[float]]:
    """Seconds of each call, of each way in turn."""
    for seed in range(WARM_UP):
        for call in ways.values():
            call(seed)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(calls):
        for name, call in ways.items():
            start = time.perf_counter()
            call(seed)
            seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    command.start(define_flags, run)
