"""Recordings inside packages."""

import numpy as np
import pytest

from tgan_tf.config import Config, ConfigError
from tgan_tf.data import packaged
from tgan_tf.data.sources import load_source


def source(**options):
    return load_source(Config().replace(**options).data)


def test_watch():
    recordings = packaged.watch()
    assert recordings.channel_names == ("ax", "ay", "az", "wx", "wy", "wz")
    assert sum(map(len, recordings.values)) == 122019  # of 244,102, each two their mean
    # At rest, an accelerometer sees gravity: 1 g.
    gravity = np.linalg.norm(np.concatenate(recordings.values)[:, :3], axis=-1)
    assert np.median(gravity) == pytest.approx(1, abs=0.1)


def test_pieces_of_the_watch():
    watch = source(dataset="watch", val_fraction=0.2)
    assert watch.shape == (24, 1, 6)
    assert sorted(watch.class_names) == sorted(packaged.EXERCISES.values())
    assert len(watch.train) > 7000
    assert len(watch.val) > 900
    # The two halves of neighbours overlap; nothing held out is trained on.
    heads = {piece[0].tobytes() for piece in watch.train.samples}
    steps = {step.tobytes() for piece in watch.train.samples for step in piece}
    assert len(heads) == len(watch.train)
    assert not any(step.tobytes() in steps for piece in watch.val.samples for step in piece)


@pytest.mark.parametrize(
    ("dataset", "package"), [("sunspots", "statsmodels"), ("watch", "seglearn")]
)
def test_without_the_package(monkeypatch, dataset, package):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"pip install {package}"):
        source(dataset=dataset)


def test_an_unknown_pickle_is_not_opened(monkeypatch, tmp_path):
    file = tmp_path / "watch_dataset.npy"
    np.save(file, np.array({"X": []}, dtype=object), allow_pickle=True)
    monkeypatch.setattr(packaged, "_inside", lambda *names: file)
    with pytest.raises(ConfigError, match="not that of its release"):
        packaged.watch()
