"""Trains a few steps under a strategy and writes what came out; ``test_replicas`` starts it.

    python -m tests.replicas one|mirrored|worker OUT.npz

A strategy wants a process of its own, and to be made before anything else.
"""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.games import BATCH, SEED, configure, dataset, images, state
from tgan_tf.data.pipeline import make_dataset
from tgan_tf.gan import TransformerGAN

STEPS = 4
# Small networks compile sooner, on each replica.
GAMES: dict[str, dict[str, object]] = {
    "finite_difference": {
        "penalty_every": 2,
        "augment": "translation,cutout",
        "clip_norm": 0.02,
        "g_depths": 0,
        "d_minibatch_std": 2,
    },
    "exact": {
        "loss": "non_saturating",
        "penalty": "exact",
        "penalty_every": 1,
        "augment": "cutout",
        "clip_norm": 0.02,
        "beta1": 0.5,
        # The batch that it normalises by is the global one.
        **{"g_kind": "biggan", "mapping_layers": -1, "g_widths": (4, 4), "g_spectral_norm": True},
        "d_kind": "conv",
        "d_minibatch_std": 2,
    },
    "regularized": {
        "penalty": "exact",
        "penalty_every": 2,
        "r1_gamma": 0,
        "r2_gamma": 0,
        "gp_weight": 1,
        "loss": "wasserstein",
        "drift_weight": 0.1,
        "lecam_weight": 0.1,
        "mismatch_share": 0.5,
        "ac_weight": 0.5,
        "guidance_high": 3,
        "lecam_start_step": 1,
        "cr_real": 0.5,
        "augment": "translation,filter",
        "ada_target": 0.1,
        "ada_kimg": 0.1,
        "top_k": 0.5,
        "schedule_kimg": 0.008,
        "beta2_final": 0.999,
        "weight_decay": 0.1,
        "condition_dropout": 0.4,
        "zcr_d": 1,
        "zcr_g": 0.5,
        "g_batch_factor": 2,
        "micro_batches": 2,
        "d_steps": 2,
        "clip_norm": 0.02,
        "g_kind": "stylegan2",
        "g_noise": True,
        "style_mixing": 0.9,
        "path_length_weight": 0.5,
        "path_length_every": 1,
        "g_orthogonal": 0.1,
        "d_kind": "conv",
        "d_spectral_norm": "improved",
    },
    "xla": {
        "penalty_every": 1,
        "clip_norm": 0.02,
        "jit_compile": True,
        "drift_weight": 0.1,
        "g_depths": 0,
        "d_kind": "conv",
        "d_pack": 2,
    },
}
PARTS = {
    "one": ("finite_difference", "exact", "regularized", "xla"),
    "mirrored": ("finite_difference", "exact", "regularized", "xla"),
    "worker": ("finite_difference",),
}


def make_strategy(role: str) -> tf.distribute.Strategy:
    if role == "worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if role == "one":
        return tf.distribute.get_strategy()
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def loop(gan: TransformerGAN, strategy: tf.distribute.Strategy) -> list[dict[str, float]]:
    """The project's own loop, with the shares of a batch from the step-addressed pipeline."""

    def shard(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return make_dataset(
            images(),
            batch_size=BATCH,
            seed=SEED,
            num_shards=context.num_input_pipelines,
            shard=context.input_pipeline_id,
            replicas_per_shard=context.num_replicas_in_sync // context.num_input_pipelines,
        )

    batches = iter(strategy.distribute_datasets_from_function(shard))
    step = gan.make_step()
    return [{k: float(v) for k, v in step(next(batches)).items()} for _ in range(STEPS)]


class _Logs(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rows.append({name: float(value) for name, value in logs.items()})


def fit(gan: TransformerGAN, strategy: tf.distribute.Strategy) -> list[dict[str, float]]:
    """Keras' loop, which splits global batches itself."""
    logs = _Logs()
    gan.fit(dataset(STEPS), verbose=0, callbacks=[logs])
    return logs.rows


def assert_copies_agree(gan: TransformerGAN, strategy: tf.distribute.Strategy) -> None:
    """Every replica of this process has the same weights, averages and slots."""
    optimizers = gan.g_optimizer.variables + gan.d_optimizer.variables
    for variable in [*gan.weights, *optimizers]:
        first, *others = strategy.experimental_local_results(variable.value)
        for other in others:
            assert first.numpy().tobytes() == other.numpy().tobytes(), variable.path


def main(role: str, out: str) -> None:
    strategy = make_strategy(role)
    assert strategy.num_replicas_in_sync == (1 if role == "one" else 2)
    results: dict[str, np.ndarray] = {}
    for game in PARTS[role]:
        # What Mirrored compiles, and what it gives to Keras' loop, one replica does without.
        options = GAMES[game] | ({"jit_compile": False} if role == "one" else {})
        drive = fit if (role, game) == ("mirrored", "exact") else loop
        with strategy.scope():
            gan = TransformerGAN(configure(**options))
        rows = drive(gan, strategy)
        assert_copies_agree(gan, strategy)
        for name, value in state(gan).items():
            results[f"{game} {name}"] = value
        for step, row in enumerate(rows):
            results |= {f"{game} log {step} {k}": np.float64(v) for k, v in row.items()}
    np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
