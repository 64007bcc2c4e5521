"""The passes of a training step against the graph of one, and against the memory that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from tests.training.runs import resolved
from tgan_tf.config import Config
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import summary
from tgan_tf.training.operations import flops_of
from tgan_tf.training.turns import turns_of

BATCH = 16
OPTIONS: dict[str, dict[str, Any]] = {
    "no penalty": {},
    "exact": {"r1_gamma": 1.0, "r2_gamma": 1.0, "penalty": "exact"},
    "finite difference": {"r1_gamma": 1.0, "r2_gamma": 1.0},
    "WGAN-GP": {"gp_weight": 10.0},
    "bCR": {"cr_real": 10.0, "cr_fake": 10.0},
}


def configure(**changes: object) -> Config:
    """16x16 grey images, of which both networks have 64 tokens."""
    options = {
        "g_widths": 16,
        "g_patch": 2,
        "d_kind": "transformer",
        "d_width": 32,
        "d_depth": 2,
        "d_heads": 4,
        "d_patch": 2,
        "d_stem": "patch",
        "r1_gamma": 0.0,
        "r2_gamma": 0.0,
        "batch_size": BATCH,
        **changes,
    }
    return resolved(**options).replace(image_size=(16, 16))


def flops_of_graph(function: Any) -> int:
    """Of all operations that a function's results need."""
    needed: set[tf.Operation] = set()
    waiting = [x.op for x in function.graph.outputs] + list(function.graph.control_outputs)
    while waiting:
        operation = waiting.pop()
        if operation not in needed:
            needed.add(operation)
            waiting += [x.op for x in operation.inputs] + list(operation.control_inputs)
    return sum(map(flops_of, needed))


def most_held(call: Callable[[], Any]) -> int:
    """Bytes beside what is there already."""
    call()  # traces, and makes what stays
    held = []
    for _ in range(2):
        tf.config.experimental.reset_memory_stats("CPU:0")
        before = tf.config.experimental.get_memory_info("CPU:0")["current"]
        call()
        held.append(tf.config.experimental.get_memory_info("CPU:0")["peak"] - before)
    return max(held)


@pytest.mark.parametrize(
    ("changes", "plain", "twice"),
    [
        ({"r1_gamma": 1.0}, 3, 0),
        ({"r2_gamma": 1.0, "penalty": "exact"}, 2, 1),
        ({"r1_gamma": 1.0, "gp_weight": 10.0}, 3, 1),
        ({"cr_fake": 10.0, "zcr_d": 20.0, "zcr_g": 0.5}, 4, 0),
        ({"mismatch_share": 0.5, "d_steps": 4}, 3, 0),
    ],
)
def test_what_the_discriminator_sees(changes: dict[str, Any], plain: int, twice: int) -> None:
    turn = turns_of(configure(**changes))[0]
    assert (turn.plain, turn.twice) == (plain, twice)


@pytest.mark.parametrize("name", ["exact", "finite difference", "bCR"])
def test_the_discriminators_step(name: str) -> None:
    config = configure(**OPTIONS[name])
    gan, plan = TransformerGAN(config), summary.plan(config)
    images = [tf.random.normal((BATCH, 16, 16, 1)) for _ in range(3)]
    mix, shifts = tf.random.uniform((BATCH, 1)), tf.random.uniform((BATCH, 2))

    @tf.function(autograph=False)
    def step(real: tf.Tensor, fake: tf.Tensor, noise: tf.Tensor) -> list[tf.Tensor]:
        none, one = tf.zeros((BATCH, 0)), tf.ones(())
        numbers = {"u_real": none, "u_fake": none, "t_real": shifts, "t_fake": shifts}
        numbers |= {"eps_real": noise, "eps_fake": noise, "mix": mix, "gamma": one}
        sight = {"real": real, "fake": fake, "label": tf.range(BATCH) % 10, "numbers": numbers}
        context = tf.distribute.get_replica_context()
        return gan._d_gradients(sight, share=one / BATCH, context=context, penalize=True)[0]

    turn, of_pass = plan.turns[0], plan.costs["discriminator"]
    counted = flops_of_graph(step.get_concrete_function(*images)) / BATCH
    assert turn.forward_passes(False) * of_pass.flops == pytest.approx(counted, rel=0.1)
    held, estimated = most_held(lambda: step(*images)), BATCH * turn.bytes_of(of_pass, False)
    # One thread after another holds less than several at a time.
    assert 0.35 * estimated < held < 1.1 * estimated


@pytest.mark.parametrize(
    "changes",
    [
        {"g_batch_factor": 2, "zcr_d": 20.0, "path_length_weight": 2.0, "mismatch_share": 0.5},
        {"gp_weight": 10.0, "remat": True, "loss": "hinge", "d_pack": 2},
    ],
)
def test_operations_of_a_whole_step(changes: dict[str, Any]) -> None:
    config = configure(**changes, d_depth=1)
    gan, plan = TransformerGAN(config), summary.plan(config)
    kind = (True, True, bool(config.objective.path_length_weight))
    step = tf.function(lambda data: gan._run_replicas(data, *kind), autograph=False)
    data = {
        "image": tf.TensorSpec((BATCH, 16, 16, 1), tf.uint8),
        "label": tf.TensorSpec((BATCH,), tf.int32),
    }
    counted = flops_of_graph(step.get_concrete_function(data)) / BATCH
    assert plan.step_flops == pytest.approx(counted, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        *OPTIONS.values(),
        {"gp_weight": 10.0, "remat": True, "d_depth": 6},
        {"micro_batches": 4, "g_batch_factor": 2},
        {"path_length_weight": 2.0},
    ],
)
def test_memory_of_a_whole_step(changes: dict[str, Any]) -> None:
    batch = 128
    config = configure(**changes, batch_size=batch)
    gan, plan = TransformerGAN(config), summary.plan(config)
    data = {"image": tf.zeros((batch, 16, 16, 1), tf.uint8), "label": tf.range(batch) % 10}
    kind = (True, True, bool(config.objective.path_length_weight))
    part = batch // config.training.micro_batches
    estimated = plan.fixed_bytes - plan.state_bytes + part * plan.working_bytes
    held = most_held(lambda: gan._run(data, *kind))
    assert 0.4 * estimated < held < 1.1 * estimated
