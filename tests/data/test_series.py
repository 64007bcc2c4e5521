"""Time series by name: pieces, statistics, classes."""

import numpy as np
import pytest

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.sources import load_source


def source(**options):
    return load_source(Config().replace(**options).data)


def test_slow_sines():
    x = source(dataset="sines:slow").train.samples
    assert x.shape == (9000, 24, 5)
    assert x.min() >= 0
    assert abs(x[:, 0].mean() - 0.05) < 0.003  # half of 0.1
    angle = np.arcsin(x[:, :6].astype(np.float64))
    np.testing.assert_allclose(np.diff(angle, n=2, axis=1), 0, atol=1e-5)
    with pytest.raises(ConfigError, match="sines are sines, or sines:slow"):
        source(dataset="sines:fast")


def test_sines_are_sines():
    sines = source(dataset="sines", series_length=12)
    assert sines.train.samples.shape == (9000, 12, 5)
    assert sines.shape == (12, 1, 5)
    x = sines.train.samples.astype(np.float64)
    # x(t - 1) + x(t + 1) = 2 cos(2 pi f) x(t), with one f for all t.
    neighbours, middle = x[:, :-2] + x[:, 2:], x[:, 1:-1]
    twice_cos = (neighbours * middle).sum(axis=1) / np.square(middle).sum(axis=1)
    assert np.abs(neighbours - twice_cos[:, None] * middle).max() < 1e-5
    assert 2 * np.cos(0.2 * np.pi) - 1e-3 < twice_cos.min() < twice_cos.max() < 2 + 1e-3


def test_pieces_and_their_statistics(tmp_path):
    values = np.stack([np.arange(100.0), np.full(100, 7.0)], axis=-1)
    np.savez(tmp_path / "walk.npz", series=values[None])
    walk = source(dataset=f"series:{tmp_path / 'walk.npz'}", series_length=10, series_stride=10)
    assert walk.name == "walk"
    assert walk.vocabulary == ("channel_0", "channel_1")
    assert walk.train.samples.shape == (9, 10, 2)
    np.testing.assert_array_equal(walk.train.samples[-1, :, 0], np.arange(80, 90))
    np.testing.assert_array_equal(walk.val.samples[0, :, 0], np.arange(90, 100))
    assert walk.channel_mean == pytest.approx((44.5, 7))
    assert walk.channel_std == pytest.approx((np.arange(90).std(), 1))
    assert walk.channel_memory == (0.98, 0)


def test_classes(tmp_path):
    values, labels = np.random.default_rng(0).normal(size=(20, 6)), ["b", "a"] * 10
    np.savez(tmp_path / "x.npz", series=values, labels=labels)
    path = f"series:{tmp_path / 'x.npz'}"
    labelled = source(dataset=path)
    assert labelled.class_names == ("a", "b")
    np.testing.assert_array_equal(np.sort(labelled.val.labels), [0, 1])
    assert source(dataset=path, conditional=False).train.labels is None


def test_the_configuration_is_resolved(tmp_path):
    config = Config().replace(dataset="sines", series_length=8, g_windows=0, g_widths=8, g_depths=1)
    resolved = load_source(config.data).resolve(config)
    assert resolved.data.signal_shape == (8, 1, 5)
    assert len(resolved.data.channel_std) == 5
    # The mean of cos(2 pi f), f uniform in [0, 0.1).
    assert resolved.data.channel_memory == pytest.approx([0.935] * 5, abs=0.02)
    resolved.save(tmp_path / "config.json")
    assert Config.load(tmp_path / "config.json") == resolved


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "series:nowhere.csv"}, "no such file"),
        ({"dataset": "sines", "mirror": True}, "--mirror"),
        ({"dataset": "sines", "train_limit": 5}, "--train_limit"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        source(**options)


def test_recordings_of_mixed_lengths(tmp_path):
    """All but one of one piece; one is too short, which is said; a date is no channel."""
    steps = {f"s{i}": 24 for i in range(50)} | {"long": 36, "short": 5}
    rows = [f"{name},{t},2020-01-01" for name, count in steps.items() for t in range(count)]
    (tmp_path / "a.csv").write_text("\n".join(["series,a,day", *rows]))
    mixed = source(dataset=f"series:{tmp_path / 'a.csv'}", series_length=24)
    assert (len(mixed.train), len(mixed.val)) == (47, 5)
    assert mixed.skipped == (
        "column day: date32[day], not numbers",
        "short: 5 steps, fewer than --series_length=24",
    )


def test_a_recording_needs_a_length(tmp_path):
    np.savez(tmp_path / "a.npz", series=np.zeros((1, 50)))
    with pytest.raises(ConfigError, match="--series_length"):
        source(dataset=f"series:{tmp_path / 'a.npz'}")
