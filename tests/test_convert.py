"""The command that reads published checkpoints."""

from __future__ import annotations

import os

import numpy as np
import pytest
from absl import flags

import export.tflite
import tgan_tf
from tests.networks.transgan import SMALL, state_for
from tests.torch_files import Stored, write_zip
from tgan_tf import convert, generate
from tgan_tf.config import Config, ConfigError
from tgan_tf.networks import build_discriminator, build_generator
from tgan_tf.torch_file import TorchFileError
from tgan_tf.training.checkpoint import find_checkpoint

NAME = "transgan_celebahq256"  # the one with all of the options
OPTIONS = [
    f"--{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
    for name, value in SMALL[NAME].items()
]


def call(command, *arguments):
    """A command in this process."""
    values = flags.FlagValues()
    command.define_flags(values)
    values(["command", *map(str, arguments)])
    command.run(values)


@pytest.fixture
def networks():
    config = Config.from_preset(NAME, **SMALL[NAME])
    return build_generator(config), build_discriminator(config)


def as_saved(state, prefix=""):
    return {prefix + name: Stored.of(np.array(array, order="C")) for name, array in state.items()}


def test_becomes_a_run(tmp_path, torch, networks, capsys):
    g, d = map(state_for, networks)
    worse = {name: array + 1 for name, array in g.items()}
    buffer = {"module.x.attn.relative_position_index": Stored.of(np.zeros((2, 2), np.int64))}
    path = write_zip(
        tmp_path / "faces.pth",
        torch,
        {
            "epoch": 7,
            "gen_state_dict": as_saved(worse, "module."),
            "avg_gen_state_dict": as_saved(g, "module.") | buffer,
            "dis_state_dict": as_saved(d, "module."),
        },
    )
    run = tmp_path / "runs" / "faces"
    call(convert, f"--checkpoint={path}", f"--preset={NAME}", f"--out={run}", *OPTIONS)
    assert f"--run={run}" in capsys.readouterr().out
    assert sorted(p.name for p in run.iterdir()) == ["checkpoints", "config.json", "flags.txt"]

    from tgan_tf.networks.transgan_checkpoint import load_state

    assert load_state(networks[0], g) == []
    sampler = tgan_tf.load(run)
    z = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    np.testing.assert_allclose(sampler.generator(z), networks[0](z), rtol=1e-5, atol=1e-5)
    assert sampler.sample(range(3)).shape == (3, 16, 16, 3)

    # The discriminator is there too.
    assert load_state(networks[1], d) == []
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(find_checkpoint(run)))
    stored = {
        tuple(shape)
        for name, shape in reader.get_variable_to_shape_map().items()
        if name.startswith("discriminator/")
    }
    assert {tuple(w.shape) for w in networks[1].weights} <= stored

    call(generate, f"--run={run}", "--seeds=0-3", f"--out={tmp_path / 'x.png'}")
    assert (tmp_path / "x.png").stat().st_size > 100
    call(export.tflite, f"--run={run}", f"--out={tmp_path / 'x.tflite'}", "--variants=float32")
    assert (tmp_path / "x.tflite").stat().st_size > 4 * networks[0].count_params()


def test_what_does_not_fit_is_listed_and_nothing_is_written(tmp_path, torch, networks):
    g, d = map(state_for, networks)
    del g["l1.bias"]
    d["head.extra"] = np.zeros((1, 3), np.float32)
    path = write_zip(
        tmp_path / "x.pth", torch, {"gen_state_dict": as_saved(g), "dis_state_dict": as_saved(d)}
    )
    with pytest.raises(ValueError) as refused:
        convert.convert(path, Config.from_preset(NAME, **SMALL[NAME]), tmp_path / "run")
    lines = str(refused.value).splitlines()
    assert lines[0].startswith(f"--checkpoint={path}: does not fit --preset")
    assert [line.split() for line in lines[1:]] == [
        ["discriminator:", "surplus", "head.extra", "(1,", "3)"],
        ["generator:", "missing", "l1.bias", "(256,)"],
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["x.pth"]


def test_mistakes(tmp_path, torch):
    config = Config.from_preset(NAME, **SMALL[NAME])
    with pytest.raises(ConfigError, match=r"--out=.*is there already"):
        convert.convert(tmp_path / "x.pth", config, tmp_path)
    with pytest.raises(ConfigError, match="--preset: checkpoints of TransGAN"):
        convert.convert(tmp_path / "x.pth", Config(), tmp_path / "run")
    with pytest.raises(ConfigError, match="--preset: say which network"):
        call(convert, "--checkpoint=x.pth", "--out=run")
    with pytest.raises(flags.IllegalFlagValueError, match=r"--checkpoint=model\.pth"):
        call(convert, "--out=run")
    for path, why in ((tmp_path / "x.pth", "No such file or directory"), (tmp_path, "a directory")):
        with pytest.raises(
            ConfigError, match=rf"--checkpoint={path}: .*{why}; give a file of torch"
        ):
            convert.convert(path, config, tmp_path / "run")
    (tmp_path / "x.pth").write_bytes(b"not a checkpoint")
    for path in (tmp_path / "x.pth", os.devnull):
        message = (
            rf"--checkpoint: cannot read {path}: not a PyTorch checkpoint; give a file of torch"
        )
        with pytest.raises(TorchFileError, match=message):
            convert.convert(path, config, tmp_path / "run")
    path = write_zip(tmp_path / "y.pth", torch, {"epoch": 3})
    with pytest.raises(ValueError, match="holds no generator"):
        convert.convert(path, config, tmp_path / "run")
