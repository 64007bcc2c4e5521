from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import games
from tests.training.runs import resolved
from tgan_tf.gan import TransformerGAN
from tgan_tf.networks import build_generator
from tgan_tf.training import checkpoint
from tgan_tf.training.checkpoint import (
    CheckpointError,
    Checkpoints,
    find_checkpoint,
    listed,
    load_ema_generator,
    step_of,
)


def randomise(generator: keras.Model, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    generator.set_weights([rng.normal(size=w.shape) for w in generator.weights])
    return generator.get_weights()


def make(directory: Path, seed: int = 0, **options) -> tuple[Checkpoints, dict]:
    generator = build_generator(resolved())
    optimizer = keras.optimizers.Adam(1e-3, 0.5)
    optimizer.build(generator.trainable_variables)
    randomise(generator, seed)
    optimizer.apply(
        [tf.ones_like(w) for w in generator.trainable_variables], generator.trainable_variables
    )
    step = tf.Variable(seed, dtype=tf.int64)
    parts = {"ema_generator": generator, "g_optimizer": optimizer, "step": step}
    return Checkpoints(directory, parts, **{"keep": 2, **options}), parts


def test_everything_comes_back(tmp_path: Path) -> None:
    saved, parts = make(tmp_path, seed=3)
    saved.save(12)
    restored, others = make(tmp_path, seed=4)
    assert restored.restore_latest() == 12
    for name in ("ema_generator", "g_optimizer"):
        # Every one, also those of layers that are kept in lists.
        for one, two in zip(parts[name].variables, others[name].variables, strict=True):
            np.testing.assert_array_equal(one, two)
    assert int(others["step"]) == 3
    assert int(others["g_optimizer"].iterations) == 1


def test_controllers_and_regularisers_go_on_where_they_were(tmp_path: Path) -> None:
    """ADA's probability, LeCam's anchors, singular vectors, hidden classes and schedules: killed
    and resumed, a training ends in the bytes of an unbroken one."""
    config = games.configure(
        augment="translation,cutout",
        ada_target=0.3,
        ada_kimg=0.05,
        lecam_weight=0.3,
        lecam_start_step=2,
        loss="hinge",
        d_spectral_norm="improved",
        condition_dropout=0.3,
        top_k=0.5,
        gamma_final=0.1,
        ema_initial=0.5,
        lr_final=0.3,
        penalty_every=2,
        total_kimg=0.04,
    )
    unbroken, resumed = (TransformerGAN(config) for _ in range(2))
    step = unbroken.make_step()
    for batch in games.dataset(5):
        step(batch)
    Checkpoints(tmp_path, unbroken.trackables(), keep=1).save(5)
    anchor = float(unbroken.memory["real_anchor"])
    for batch in games.dataset(5, start=5):
        step(batch)
    assert Checkpoints(tmp_path, resumed.trackables(), keep=1).restore_latest() == 5
    step = resumed.make_step()
    for batch in games.dataset(5, start=5):
        step(batch)
    expected = games.state(unbroken)
    assert float(unbroken.memory["augment_p"]) > 0
    assert float(unbroken.memory["real_anchor"]) != anchor
    for name, value in games.state(resumed).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_nothing_saved_is_not_an_error(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path / "new")
    assert checkpoints.restore_latest() is None


def test_the_last_ones_stay(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path)
    for step in (0, 5, 5, 10, 15):
        checkpoints.save(step)
    assert [step_of(path) for path in listed(tmp_path)] == [10, 15]
    # Also those of before a resume count.
    again, _ = make(tmp_path)
    again.restore_latest()
    again.save(20)
    assert [step_of(path) for path in listed(tmp_path)] == [15, 20]
    assert len(list(tmp_path.glob("ckpt-*.index"))) == 2


def test_one_of_a_stop_takes_no_place_and_goes(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path, every=5)
    for step in (0, 5, 8):
        checkpoints.save(step)
    assert checkpoints.steps == [0, 5, 8]
    assert checkpoints.usual_steps == [0, 5]
    checkpoints, _ = make(tmp_path, every=5)
    assert checkpoints.restore_latest() == 8
    for step in (9, 10):
        checkpoints.save(step)
    assert checkpoints.steps == [5, 10]
    assert len(list(tmp_path.glob("ckpt-*.index"))) == 2


def test_going_back_drops_what_came_after(tmp_path: Path) -> None:
    checkpoints, parts = make(tmp_path, keep=3)
    for step in (5, 10, 15):
        parts["step"].assign(step)
        checkpoints.save(step)
    checkpoints.drop_after(10)
    assert checkpoints.steps == [5, 10]
    assert not list(tmp_path.glob("ckpt-15*"))
    assert checkpoints.restore_latest() == 10
    assert int(parts["step"]) == 10
    # The same step again is another one now.
    parts["step"].assign(77)
    checkpoints.save(15)
    parts["step"].assign(0)
    checkpoints.restore_latest()
    assert int(parts["step"]) == 77


def test_a_kill_at_any_moment_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, parts = make(tmp_path)
    checkpoints.save(5)
    expected = parts["ema_generator"].get_weights()

    class Killed(BaseException):
        pass

    def killed(*args, **kwargs):
        raise Killed

    randomise(parts["ema_generator"], 9)
    # All files of the second one are written, the list of them is not.
    monkeypatch.setattr(checkpoint, "_write_list", killed)
    with pytest.raises(Killed):
        checkpoints.save(10)
    assert (tmp_path / "ckpt-10.index").exists()
    (tmp_path / "ckpt-12_temp").mkdir()
    restored, others = make(tmp_path, seed=1)
    assert restored.restore_latest() == 5
    assert not list(tmp_path.glob("ckpt-1*"))
    for one, two in zip(expected, others["ema_generator"].get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_damaged_checkpoint_is_named_with_the_way_out(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path)
    checkpoints.save(5)
    checkpoints.save(10)
    data = tmp_path / "ckpt-10.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    restored, _ = make(tmp_path)
    with pytest.raises(CheckpointError, match=r"ckpt-10: cannot be .* from ckpt-5, delete .*-10"):
        restored.restore_latest()
    with pytest.raises(CheckpointError, match="ckpt-10: the averaged generator cannot be read"):
        load_ema_generator(tmp_path, build_generator(resolved()))
    for path in tmp_path.glob("ckpt-10.*"):
        path.unlink()
    assert make(tmp_path)[0].restore_latest() == 5


def test_other_workers_leave_nothing(tmp_path: Path) -> None:
    checkpoints, _ = make(tmp_path, writable=False)
    checkpoints.save(5)
    checkpoints.save(10)
    assert not list(tmp_path.iterdir())


def test_the_averaged_generator_alone(tmp_path: Path) -> None:
    checkpoints, parts = make(tmp_path / "checkpoints", seed=6)
    checkpoints.save(8)
    generator = build_generator(resolved())
    paths = (tmp_path, tmp_path / "checkpoints", tmp_path / "checkpoints" / "ckpt-8")
    for path in (*paths, tmp_path / "checkpoints" / "ckpt-8.index"):
        randomise(generator, 1)
        assert load_ema_generator(os.fspath(path), generator) == 6
        for one, two in zip(parts["ema_generator"].weights, generator.weights, strict=True):
            np.testing.assert_array_equal(one, two)


def test_another_generator_is_refused(tmp_path: Path) -> None:
    make_checkpoints, _ = make(tmp_path)
    make_checkpoints.save(8)
    for change in ({"w_dim": 16}, {"g_depths": (2,)}):
        with pytest.raises(CheckpointError, match="the same configuration"):
            load_ema_generator(tmp_path, build_generator(resolved(**change)))


def test_double_precision_is_read_into_single(tmp_path: Path) -> None:
    generator = build_generator(resolved(precision="float64"))
    weights = randomise(generator, 2)
    parts = {"ema_generator": generator, "step": tf.Variable(3, dtype=tf.int64)}
    Checkpoints(tmp_path, parts, keep=1).save(3)
    single = build_generator(resolved())
    load_ema_generator(tmp_path, single)
    for one, two in zip(weights, single.get_weights(), strict=True):
        np.testing.assert_array_equal(one.astype(np.float32), two)


def test_a_missing_checkpoint_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="runs/00012-digits"):
        find_checkpoint(tmp_path / "nothing")
