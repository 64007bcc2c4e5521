"""Directions of w: found, kept, and gone along everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

import tgan_tf
from tests.exporting.samplers import make_run, make_sampler
from tgan_tf import control, directions, generate
from tgan_tf.control import Directions, find, joined, principal, stretched_most
from tgan_tf.exporting import to_saved_model
from tgan_tf.exporting.portable_random import normal_numpy


def orthogonal(size: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]


def aligned(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal unit rows, but for their signs."""
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=1)), 1, atol=1e-6)


def test_stretched_most_of_known_weights():
    """Two maps A = U S V' with the same V: together they stretch by the root of the sum."""
    v, out = orthogonal(6), np.random.default_rng(1)
    weights = []
    for stretch in ([6, 5, 4, 3, 2, 1], [0, 0, 9, 0, 0, 0]):
        u = np.linalg.qr(out.normal(size=(20, 6)))[0]
        weights.append(v @ np.diag(stretch) @ u.T)  # [w_dim, outputs]
    aligned(stretched_most(weights, 3), v.T[[2, 0, 1]])


def test_principal_components():
    v = orthogonal(5)
    w = np.random.default_rng(2).normal(size=(4000, 5)) * [1, 5, 2, 9, 0.1] @ v.T
    np.testing.assert_allclose(np.abs(principal(w, 2) @ v[:, [3, 1]]), np.eye(2), atol=0.03)


def test_boundary_separates():
    w = np.random.default_rng(3).normal(size=(600, 4))
    normal = np.array([3.0, 0, -4, 0]) / 5
    np.testing.assert_allclose(control.boundary(w, w @ normal > 0.1), normal, atol=0.1)


@pytest.mark.parametrize("method", control.METHODS)
def test_lengths_are_standard_deviations(method):
    sampler = make_sampler()
    found = find(sampler, method, 3)
    assert found.vectors.shape == (3, 16)
    label = np.arange(3000) % 3
    w = sampler.generator.mapping(normal_numpy(np.arange(3000), 8), tf.constant(label)).numpy()
    if method != "boundary":
        w -= sampler.w_mean.numpy()[label]
    lengths = np.linalg.norm(found.vectors, axis=1)
    spread = (w @ (found.vectors / lengths[:, None]).T).std(axis=0)
    np.testing.assert_allclose(lengths, spread, rtol=0.1)


def test_edit_is_synthesis_of_moved_w():
    sampler = make_sampler(g_norm="layer")
    sampler.directions = found = find(sampler, "pca", 2)
    w = sampler.generator.mapping(normal_numpy([5, 6], 8), tf.constant([1, 2])).numpy()
    w = w - found.vectors[0] + 2.5 * found.vectors[1]
    expected = sampler.modality.decode(sampler.generator.synthesis(tf.constant(w))).numpy()
    images = sampler.edit([5, 6], {"pca1": 2.5, "pca0": -1}, [1, 2])
    assert np.abs(images.astype(int) - expected).max() <= 1
    plain = sampler.sample([5, 6], [1, 2])
    np.testing.assert_array_equal(sampler.edit([5, 6], {}, [1, 2]), plain)
    assert (images != plain).any()
    with pytest.raises(ValueError, match="no direction is named 'smile'; there are pca0, pca1"):
        sampler.edit([5], {"smile": 1})
    with pytest.raises(ValueError, match="must be finite"):
        sampler.edit([5], {"pca0": np.inf})


def parsed(module, *arguments: str) -> flags.FlagValues:
    values = flags.FlagValues()
    module.define_flags(values)
    values(["command", *arguments])
    return values


def test_commands_and_export(tmp_path, capsys):
    path = make_run(tmp_path / "00000-pets")
    directions.run(parsed(directions, f"--run={path}", "--method=sefa", "--count=2"))
    directions.run(parsed(directions, f"--run={path}", "--method=boundary"))
    names = ("sefa0", "sefa1", "to_cat", "to_dog", "to_T-shirt/top")
    assert ", ".join(names) in capsys.readouterr().out
    assert (path / "generated" / "directions-boundary.png").is_file()
    sampler = tgan_tf.load(path)
    assert sampler.directions.names == names
    generate.run(parsed(generate, f"--run={path}", "--seeds=0-3", "--edit=sefa1:-2,to_dog:1"))
    assert "sefa1-2-to_dog1" in capsys.readouterr().out
    kept = to_saved_model(sampler, tmp_path / "model")
    assert kept.errors["edit"] <= 1
    edit = tf.saved_model.load(str(kept.path)).signatures["edit"]
    strengths = np.float32([[0, -2, 0, 1, 0]])
    image = edit(
        seed=tf.constant([3]),
        label=tf.constant([1]),
        truncation=tf.constant([1.0]),
        strengths=tf.constant(strengths),
    )["image"].numpy()
    expected = sampler.edit([3], {"sefa1": -2, "to_dog": 1}, 1)
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_those_of_one_method_are_replaced():
    old = Directions(("pca0", "pca1", "to_a"), np.eye(3, 4, dtype=np.float32))
    new = joined(old, Directions(("pca0",), np.ones((1, 4), np.float32)), "pca")
    assert new.names == ("to_a", "pca0")
    np.testing.assert_array_equal(new.vectors, [[0, 0, 1, 0], [1, 1, 1, 1]])


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="--method=boundary needs classes"):
        find(make_sampler(0), "boundary", 1)
    with pytest.raises(ValueError, match="--count=99: must be 1 to 16"):
        find(make_sampler(), "pca", 99)
    with pytest.raises(ValueError, match="--edit=pca0: give a direction and a number"):
        generate.parse_edits(["pca0"])
    with pytest.raises(ValueError, match="there are none: find some with"):
        make_sampler(0).edit([1], {"pca0": 1})
    (tmp_path / control.FILE).write_bytes(b"no")
    with pytest.raises(ValueError, match=r"directions.npz cannot be read"):
        Directions.load(tmp_path, 4)
    Directions(("a",), np.zeros((1, 3), np.float32)).save(tmp_path)
    with pytest.raises(ValueError, match="of another generator; delete it"):
        Directions.load(tmp_path, 4)
