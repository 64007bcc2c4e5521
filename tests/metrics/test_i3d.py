"""FVD with a network that can be worked out by hand, in the format of a user's file."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf import other_metrics
from tgan_tf.config import Config, ConfigError
from tgan_tf.data.types import SampleSet, Source
from tgan_tf.metrics import i3d, video
from tgan_tf.metrics.frechet import Moments, frechet_distance

MATRIX = np.random.default_rng(0).normal(size=(3, 400)).astype(np.float32)


class Colours(tf.Module):
    """Logits that are linear in a clip's mean colour."""

    def __init__(self, shape=(None, None, 224, 224, 3), logits=400):
        super().__init__()
        self.matrix = tf.Variable(MATRIX[:, :logits])
        specs = [tf.TensorSpec(shape, tf.float32, "videos")]
        self.call = tf.function(self._call, input_signature=specs, autograph=False)

    def _call(self, videos):
        axes = list(range(1, len(videos.shape) - 1))
        return {"logits": tf.reduce_mean(videos[..., ::32, ::32, :], axes) @ self.matrix}


def save(folder, name="serving_default", **options):
    module = Colours(**options)
    tf.saved_model.save(module, str(folder), signatures={name: module.call})
    return str(folder)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save(tmp_path_factory.mktemp("i3d") / "i3d", name="default")


@pytest.fixture(scope="module")
def colours():
    """Of the frames of 30 clips of one colour each, [N, C]."""
    return np.random.default_rng(1).integers(0, 256, (30, 3))


def clips_of(colours):
    shape = (len(colours), 2, 4, 6, colours.shape[-1])
    return np.broadcast_to(colours[:, None, None, None], shape).astype(np.uint8)


def logits_of(colours):
    return (colours / 127.5 - 1) @ MATRIX


def unbiased_mmd(a, b):
    """Squared maximum mean discrepancy with the kernel (<x, y> / dim + 1)^3, by its definition."""

    def kernel(x, y):
        return (x.astype(np.float64) @ y.T / x.shape[1] + 1) ** 3

    def others(x):
        return (kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1))

    return others(a) + others(b) - 2 * kernel(a, b).mean()


def test_features(path, colours):
    network = i3d.I3D(path)
    assert network.name == "kinetics400"
    assert network.identity.startswith("i3d-kinetics400/bilinear-224px/sha256-")
    seen = network(clips_of(colours))
    np.testing.assert_allclose(seen, logits_of(colours), atol=2e-4)
    grey = network(clips_of(colours[:3, :1]))
    np.testing.assert_allclose(grey, logits_of(colours[:3, [0, 0, 0]]), atol=2e-4)


def test_fvd_and_kvd_are_distances_of_logits(path, colours):
    source = Source(
        name="moving_digits",
        train=SampleSet(clips_of(colours[:10])),
        val=SampleSet(clips_of(colours[10:20])),
        modality="video",
        shape=(2, 4, 6, 3),
    )
    config = Config().replace(extractors=f"i3d:{path}")
    other_metrics.check(config, source)
    reference = other_metrics.Reals("held-out", source.val.samples, None)
    fakes = clips_of(colours[20:])
    found = video.measure(fakes, None, reference, source, config, lambda done, of: None)
    assert list(found) == ["fvd_kinetics400", "kvd_kinetics400"]
    outcome, kernel = found.values()
    moments = []
    for part in (colours[10:20], colours[20:], colours[:10]):
        moments.append(Moments())
        moments[-1].update(logits_of(part))
    assert outcome.value == pytest.approx(frechet_distance(*moments[:2]), rel=1e-3)
    assert outcome.details["real"] == pytest.approx(
        frechet_distance(moments[0], moments[2]), rel=1e-3
    )
    real, fake = logits_of(colours[10:20]), logits_of(colours[20:])
    assert kernel.value == pytest.approx(unbiased_mmd(real, fake), rel=1e-3)
    other = logits_of(colours[:10])
    assert kernel.details["real"] == pytest.approx(unbiased_mmd(real, other), rel=1e-3, abs=1e-4)
    for name, message in (
        (f"i3d:{path}x", "no saved_model.pb"),
        ("classifier", "not for video, of which there are auto, i3d:PATH"),
    ):
        with pytest.raises(ConfigError, match=message):
            other_metrics.check(config.replace(extractors=name), source)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"must take one tensor of clips.* gives logits \(None, 9\)"
    ):
        i3d.I3D(save(tmp_path / "few", logits=9))
    with pytest.raises(ValueError, match=r"must take one tensor of clips"):
        i3d.I3D(save(tmp_path / "image", shape=(None, 224, 224, 3)))
    fixed = i3d.I3D(save(tmp_path / "fixed", shape=(None, 16, 224, 224, 3)))
    with pytest.raises(ValueError, match="takes clips of 16 frames, these have 2"):
        fixed(np.zeros((1, 2, 4, 4, 1), np.uint8))
