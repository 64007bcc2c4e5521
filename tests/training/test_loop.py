from __future__ import annotations

from types import SimpleNamespace

import pytest
import tensorflow as tf

from tgan_tf.training.clock import Clock
from tgan_tf.training.health import is_finite
from tgan_tf.training.loop import _means, memory_gib
from tgan_tf.training.meter import Meter


def training(meter: Meter, precision: str) -> SimpleNamespace:
    config = SimpleNamespace(training=SimpleNamespace(precision=precision))
    return SimpleNamespace(meter=meter, config=config)


def logs(**values: float) -> dict[str, tf.Tensor]:
    return {name: tf.constant(value) for name, value in values.items()}


def test_means_are_over_the_steps_that_had_a_value() -> None:
    meter = Meter()
    assert meter.read() == {}
    meter.update(logs(loss_d=1.0, penalty=8.0))
    meter.update(logs(loss_d=2.0))
    assert meter.read() == {"loss_d": 1.5, "penalty": 8.0}
    meter.reset()
    meter.update(logs(loss_d=3.0))
    assert meter.read() == {"loss_d": 3.0}


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="loss_q"):
        Meter().update(logs(loss_q=1.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_step_that_is_not_finite_is_in_the_mean(value: float) -> None:
    meter = Meter()
    for loss in (1.0, value, 2.0):
        meter.update(logs(loss_d=1.0, loss_g=loss))
    means = _means(training(meter, "float32"))
    assert not is_finite(means)
    assert is_finite(means | {"loss_g": 1.0})


def test_gradients_of_half_precision_may_overflow() -> None:
    meter = Meter()
    meter.update(logs(loss_d=1.0, d_grad_norm=float("inf")))
    assert _means(training(meter, "mixed_float16")) == {"loss_d": 1.0}
    assert _means(training(meter, "float32"))["d_grad_norm"] == float("inf")


def test_the_clock_leaves_pauses_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tgan_tf.training.clock.time.perf_counter", lambda: now[0])
    clock = Clock()
    with clock.pause():
        now[0] += 50
    assert clock.seconds_per_step is None
    for _ in range(4):
        now[0] += 2
        clock.count()
        with clock.pause():
            now[0] += 30
    assert clock.seconds_per_step == 2
    clock.restart()
    assert clock.seconds_per_step is None


def test_memory_is_that_of_this_process() -> None:
    assert 0.05 < memory_gib() < 100
