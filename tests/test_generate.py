"""The command that draws pictures."""

from __future__ import annotations

import numpy as np
import pytest
from absl import flags
from PIL import Image

import tgan_tf
from tests.exporting.samplers import make_run, make_sampler
from tgan_tf import generate
from tgan_tf.modalities import pictures


def call(*arguments):
    """The command in this process."""
    values = flags.FlagValues()
    generate.define_flags(values)
    values(["generate", *map(str, arguments)])
    generate.run(values)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A class-conditional run."""
    return make_run(tmp_path_factory.mktemp("runs") / "00003-pets")


@pytest.fixture(scope="module")
def sampler(run):
    """What the command should draw with."""
    return tgan_tf.load(run)


def read(path):
    return np.asarray(Image.open(path))


def assert_same(picture, other):
    assert picture.shape == other.shape
    assert np.abs(picture.astype(int) - other.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("7", [7]),
        ("0-3", [0, 1, 2, 3]),
        ("0-2, 12,5-5", [0, 1, 2, 12, 5]),
        ("-3--1,4", [-3, -2, -1, 4]),
    ],
)
def test_seeds(text, seeds):
    assert generate.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "1,,2", "1-2-3", "1.5", "5-3"])
def test_wrong_seeds(text):
    with pytest.raises(ValueError, match=f"--seeds={text}: "):
        generate.parse_seeds(text)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("dog", ([5, 9], [1, 1])),
        ("2", ([5, 9], [2, 2])),
        ("all", ([5, 9, 5, 9, 5, 9], [0, 0, 1, 1, 2, 2])),
    ],
)
def test_plan(label, expected):
    seeds, labels = generate.plan([5, 9], label, make_sampler())
    assert (seeds, labels.tolist()) == expected


def test_plan_of_own_classes_is_that_of_the_sampler():
    seeds, labels = generate.plan([5, 9, 11], "", make_sampler())
    np.testing.assert_array_equal(
        make_sampler().sample(seeds), make_sampler().sample(seeds, labels)
    )


def test_plan_without_classes():
    assert generate.plan([1, 2], "", make_sampler(0)) == ([1, 2], None)
    with pytest.raises(ValueError, match="--label=1: the generator is unconditional"):
        generate.plan([1], "1", make_sampler(0))


@pytest.mark.parametrize("label", ["3", "-1", "bird"])
def test_wrong_label(label):
    with pytest.raises(ValueError, match=r"label: .*(is not a class|no class is named)"):
        generate.plan([1], label, make_sampler())


def test_grid(run, sampler, tmp_path, capsys):
    out = tmp_path / "new" / "grid.png"
    call(
        f"--run={run}", "--seeds=0-5", "--label=dog", "--truncation=0.6", "--columns=2",
        f"--out={out}",
    )  # fmt: skip
    assert_same(read(out), pictures.tile(sampler.sample(range(6), "dog", 0.6), 2))
    assert capsys.readouterr().out == f"6 pictures of step 70: {out}\n"
    assert [path.name for path in out.parent.iterdir()] == ["grid.png"]


def test_more_than_a_batch_in_the_usual_place(run, sampler):
    call(f"--run={run}", "--seeds=0-69")
    grid = read(run / "generated" / "seeds0-69-step70.png")
    assert_same(grid, pictures.tile(sampler.sample(range(70))))


def test_class_rows(run, sampler):
    call(f"--run={run}", "--seeds=3,8", "--label=all")
    picture = read(run / "generated" / "seeds3,8-labelall-step70.png")
    images = np.concatenate([sampler.sample([3, 8], label) for label in range(3)])
    rows = sampler.modality.class_rows(
        images, np.repeat([0, 1, 2], 2), ("cat", "dog", "T-shirt/top"), 2
    )
    assert_same(picture, rows)


def test_single_files(run, sampler, tmp_path):
    call(f"--run={run}", "--seeds=4-5", "--label=T-shirt/top", "--single", f"--out={tmp_path}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "seed4-class2.png",
        "seed5-class2.png",
    ]
    assert_same(read(tmp_path / "seed5-class2.png"), sampler.sample([5], 2)[0])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--seeds=1"], "seeds1-step70.png"),
        (["--seeds=1", "--truncation=0.7"], "seeds1-psi0.7-step70.png"),
        (["--seeds=1", "--label=a b", "--truncation=-1"], "seeds1-labela_b-psi-1.0-step70.png"),
        (["--seeds=1", "--single"], "step70"),
        (["--seeds=1", "--label=2", "--single", "--truncation=0.7"], "psi0.7-step70"),
    ],
)
def test_other_pictures_have_another_name(arguments, name):
    values = flags.FlagValues()
    generate.define_flags(values)
    values(["generate", "--run=runs/00003-pets", *arguments])
    assert generate._default_name(values, 70) == name


@pytest.mark.parametrize("other", ["--label=all", "--single"])
def test_columns_elsewhere(run, other):
    with pytest.raises(ValueError, match="--columns is for a plain grid"):
        call(f"--run={run}", "--columns=3", other)
