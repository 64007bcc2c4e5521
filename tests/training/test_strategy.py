from __future__ import annotations

import json
import weakref

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import resolved
from tgan_tf.config import ConfigError
from tgan_tf.data.types import SampleSet
from tgan_tf.training import strategy as strategies
from tgan_tf.training.strategy import (
    any_worker,
    distribute,
    from_chief,
    is_chief,
    make_strategy,
    reading,
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("TPU_NAME", raising=False)


def images(labelled: bool = True) -> SampleSet:
    pixels = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 1), np.uint8)
    return SampleSet(pixels, np.arange(20, dtype=np.int32) % 10 if labelled else None)


@pytest.mark.parametrize("name", ["auto", "one"])
def test_one_device_is_tensorflows_default(name: str) -> None:
    strategy = make_strategy(name, 7)
    assert strategy is tf.distribute.get_strategy()
    assert is_chief(strategy)


def test_auto_looks_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert strategies._automatic() == "one"
    monkeypatch.setenv("TPU_NAME", "local")
    assert strategies._automatic() == "tpu"
    alone = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(alone))
    assert strategies._automatic() == "tpu"
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1"]}}))
    assert strategies._automatic() == "multi_worker"
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(ConfigError, match="TF_CONFIG is not legal"):
        strategies._automatic()


def test_several_workers_need_to_be_listed() -> None:
    with pytest.raises(ConfigError, match=r"--strategy=multi_worker: .*TF_CONFIG"):
        make_strategy("multi_worker", 8)


def test_a_batch_that_cannot_be_shared_names_the_next_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Four:
        num_replicas_in_sync = 4

    monkeypatch.setattr(strategies, "_mirrored", Four)
    assert make_strategy("mirrored", 64).num_replicas_in_sync == 4
    with pytest.raises(ConfigError, match=r"--batch_size=66 .* 4 replicas; use 64 or 68"):
        make_strategy("mirrored", 66)
    with pytest.raises(ConfigError, match=r"--batch_size=3 .* use 4 or 4"):
        make_strategy("mirrored", 3)


def test_batches_start_at_the_step_asked_for() -> None:
    strategy, config = make_strategy("one", 4), resolved(seed=5)
    whole = iter(distribute(strategy, images(), config))
    skipped = [next(whole) for _ in range(7)]
    later = iter(distribute(strategy, images(), config, start_step=6))
    batch = next(later)
    assert batch["image"].shape == (4, 8, 8, 1)
    for name in ("image", "label"):
        np.testing.assert_array_equal(batch[name], skipped[6][name])


def test_the_pipeline_ends_with_its_context() -> None:
    class Once:
        def __next__(self) -> int:
            return 1

    class Batches:
        def __iter__(self) -> Once:
            iterators.append(weakref.ref(once := Once()))
            return once

    def fail() -> None:
        with reading(Batches()) as next_batch:
            raise ZeroDivisionError(next_batch())

    iterators: list[weakref.ref[Once]] = []
    with pytest.raises(ZeroDivisionError, match="1") as error:
        fail()
    # Though the traceback holds the frames.
    assert error.traceback
    assert iterators[0]() is None


def test_labels_that_are_not_used_are_not_read() -> None:
    config = resolved(conditional=False).resolve(image_size=(8, 8), channels=1)
    batch = next(iter(distribute(make_strategy("one", 4), images(), config)))
    assert list(batch) == ["image"]


def test_a_single_worker_agrees_with_itself() -> None:
    strategy = make_strategy("one", 4)
    assert from_chief(strategy, "runs/00000-ä") == "runs/00000-ä"
    assert any_worker(strategy, True)
    assert not any_worker(strategy, False)
