"""Clips: values, strips, and files that hold the frames."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities import make_modality
from tgan_tf.modalities.video import read_gif

SMALL = {"g_widths": 8, "g_depths": 1, "g_windows": 0, "d_frames": 2, "given_frames": 2}


def modality(channels=1):
    return make_modality(
        Config().replace(**SMALL).resolve(modality="video", shape=(4, 8, 16, channels))
    )


@pytest.fixture
def clips():
    return np.random.default_rng(0).integers(0, 256, (3, 4, 8, 16, 1), np.uint8)


def test_values_are_those_of_images(clips):
    video = modality()
    assert video.describe() == "4 frames of 8 x 16 grey"
    encoded = video.encode(clips)
    assert encoded.numpy().min() >= -1
    np.testing.assert_array_equal(video.decode(encoded), clips)
    np.testing.assert_allclose(video.activate(tf.constant([0.5])), np.tanh([0.5]), rtol=1e-6)
    longer = tf.zeros((1, 9, 8, 16, 1))
    assert video.decode(longer).shape == longer.shape


def test_what_is_given_is_what_training_gives(clips):
    video = modality()
    given = video.give(video.withheld(clips))
    np.testing.assert_array_equal(given, video.part_given(video.encode(clips)))
    np.testing.assert_array_equal(video.decode(given[..., :1]), clips[:, :2])
    assert given.shape == (3, 2, 8, 16, 2)
    assert (given[..., 1].numpy() == 1).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_strip_holds_all_frames(channels):
    video = modality(channels)
    clips = np.random.default_rng(0).integers(0, 256, (2, *video.sample_shape), np.uint8)
    files = video.files()["sample_png"](tf.constant(clips))["image_bytes"].numpy()
    for clip, file in zip(clips, files, strict=True):
        np.testing.assert_array_equal(video.unfiled("sample_png", file), clip)


def test_files(clips, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    import imageio.v3 as iio

    paths = modality().write(clips, tmp_path, ["a", "b", "c"])
    assert [path.name for path in paths] == ["a.gif", "b.gif", "c.gif"]
    frames = read_gif(paths[1])  # each pixel 3 x 3 times
    np.testing.assert_array_equal(frames[:, 1::3, 1::3][..., :1], clips[1])
    film = iio.imread(tmp_path / "b.mp4", plugin="FFMPEG")
    assert film.shape == frames.shape
    assert np.abs(film.mean(axis=(1, 2)) - frames.mean(axis=(1, 2))).max() < 8
    with Image.open(tmp_path / "b.png") as strip:
        assert strip.width > 4 * strip.height


def test_pictures(clips):
    video = modality()
    picture = video.grid(clips)
    assert picture.shape[0] > picture.shape[1] / 4
    rows = video.class_rows(clips, np.array([0, 1, 1]), ["still", "moving"])
    assert rows.shape[1] > picture.shape[1]


def test_shapes_that_networks_cannot_make():
    config = Config().replace(**SMALL)
    with pytest.raises(ConfigError, match="--frames=5 must be even"):
        config.resolve(modality="video", shape=(5, 8, 8, 1))
    with pytest.raises(ConfigError, match="--image_size=12,8: not multiples of 8"):
        config.resolve(modality="video", shape=(4, 12, 8, 1))
    with pytest.raises(ConfigError, match=r"--g_qk_norm.*networks of video do not have it"):
        config.replace(g_qk_norm=True).resolve(modality="video", shape=(4, 8, 8, 1))
    with pytest.raises(ConfigError, match="--given_frames=4 leaves nothing"):
        config.replace(given_frames=4).resolve(modality="video", shape=(4, 8, 8, 1))
    with pytest.raises(ConfigError, match="--g_motion_dim"):
        config.replace(latent_dim=32).resolve(modality="video", shape=(4, 8, 8, 1))
