"""Time series: units, tables and plots."""

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities import make_modality


@pytest.fixture
def modality():
    options = {"g_widths": 8, "g_depths": 1, "g_windows": 0}
    config = (
        Config()
        .replace(**options)
        .resolve(
            modality="series",
            shape=(8, 1, 2),
            vocabulary=("load", "price"),
            channel_mean=(10, 0),
            channel_std=(2, 0.5),
            channel_memory=(0, 0.8),
        )
    )
    return make_modality(config)


def test_encoding_standardises_and_decoding_brings_back(modality):
    samples = np.random.default_rng(0).normal(size=(3, 8, 2)).astype(np.float32)
    encoded = modality.encode(samples)
    assert encoded.shape == (3, 8, 1, 2)
    np.testing.assert_allclose(encoded[:, :, 0, 0], (samples[..., 0] - 10) / 2, rtol=1e-6)
    values = samples[..., 1] / 0.5
    np.testing.assert_allclose(encoded[:, 0, 0, 1], values[:, 0], rtol=1e-6)
    new = (values[:, 1:] - 0.8 * values[:, :-1]) / 0.6
    np.testing.assert_allclose(encoded[:, 1:, 0, 1], new, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(modality.decode(encoded), samples, atol=1e-5)
    seen = modality.see(encoded).numpy()
    assert seen.shape == (3, *modality.seen_shape)
    np.testing.assert_allclose(seen[:, :, 0, 3], values, atol=1e-5)
    values = tf.constant([[-5.0, 5.0]])
    np.testing.assert_array_equal(modality.activate(values), values)


def test_files_hold_the_numbers(modality, tmp_path):
    samples = np.random.default_rng(0).normal(size=(2, 8, 2)).astype(np.float32)
    first, second = modality.write(samples, tmp_path, ["a/b", "c"])
    assert (first.name, second.name) == ("a_b.csv", "c.csv")
    assert first.read_text().startswith("load,price\n")
    np.testing.assert_array_equal(
        np.loadtxt(second, delimiter=",", skiprows=1, dtype=np.float32), samples[1]
    )
    assert (tmp_path / "c.png").is_file()


def test_a_plot_shows_where_the_line_is(modality):
    samples = np.zeros((4, 8, 2), np.float32)
    samples[..., 0] = 10 + 2 * 1.5  # half-way to the upper edge
    picture = modality.grid(samples, columns=2)
    assert picture.shape[-1] == 3
    plot = picture[2:66, 2:98].astype(int)
    blue = (plot[..., 2] - plot[..., 0]) > 60
    assert np.abs(np.flatnonzero(blue.any(axis=1)).mean() - 16) < 1.5
    rows = modality.class_rows(samples, np.array([0, 0, 1, 1]), ["up", "down"], columns=2)
    assert rows.shape[0] == picture.shape[0]
    assert rows.shape[1] > picture.shape[1]


def test_without_statistics():
    config = Config().replace(g_widths=8, g_depths=1, g_windows=0)
    with pytest.raises(ConfigError, match="not known"):
        make_modality(config.resolve(modality="series", shape=(8, 1, 2)))
