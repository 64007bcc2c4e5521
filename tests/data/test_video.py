"""Clips by name: moving objects, and files of video."""

import re
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tests.data.test_tfds import build
from tgan_tf.config import Config, ConfigError
from tgan_tf.data import video
from tgan_tf.data.sources import load_source
from tgan_tf.metrics import motion


def source(**options):
    return load_source(Config().replace(**options).data)


@pytest.fixture
def moving(tmp_path, monkeypatch):
    """A few clips of moving objects."""
    monkeypatch.setattr(video, "_TRAIN_CLIPS", 60)
    monkeypatch.setattr(video, "_VAL_CLIPS", 20)

    def load(dataset, **options):
        return source(dataset=dataset, cache_dir=str(tmp_path / "cache"), **options)

    return load


def test_moving_digits(moving):
    clips = moving("moving_digits", frames=6, image_size=24)
    assert clips.shape == clips.train.sample_shape == (6, 24, 24, 1)
    assert (len(clips.train), len(clips.val)) == (60, 20)
    assert clips.class_names == tuple("0123456789")
    digits = source(dataset="digits")
    for part, objects in ((clips.train, digits.train), (clips.val, digits.val)):
        np.testing.assert_array_equal(part.labels, objects.labels[part.known["objects"]])
    same = moving("moving:digits", frames=6, image_size=24)
    np.testing.assert_array_equal(same.train.samples, clips.train.samples)
    assert (clips.name, same.name) == ("moving_digits", "moving_digits")
    assert moving("moving_digits", conditional=False).train.labels is None
    with pytest.raises(ConfigError, match="clips are square"):
        moving("moving_digits", image_size=(16, 24))


@pytest.mark.parametrize(("channels", "light"), [(0, [255, 0, 0]), (3, [255, 0, 0]), (1, [76])])
def test_any_images_move(moving, tmp_path, channels, light):
    """Red pictures of any size with a transparent margin; where the light is is known exactly."""
    for name, side in (("a/1", 40), ("a/2", 20), ("b/3", 40), ("b/4", 80)):
        picture = np.zeros((side, side, 4), np.uint8)
        quarter = side // 4
        picture[quarter:-quarter, quarter:-quarter] = 255, 0, 0, 255
        path = tmp_path / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    clips = moving(f"moving:folder:{tmp_path / 'pictures'}", frames=8, channels=channels)
    assert clips.shape == (8, 32, 32, len(light))
    assert clips.class_names == ("a", "b")
    for part in (clips.train, clips.val):
        assert part.known["centres"].shape == (len(part), 8, 2)
        found = motion.centres(part.samples)
        np.testing.assert_allclose(found, part.known["centres"], atol=0.05)
        assert (part.samples.max(axis=(1, 2, 3)) <= light).all()
    np.testing.assert_allclose(part.samples.max(axis=(0, 1, 2, 3)), light, atol=2)


@pytest.mark.parametrize(
    "name", ["moving:", "moving:sines", "moving:moving_digits", "moving_digits:a"]
)
def test_only_images_move(name):
    with pytest.raises(ConfigError, match="moving:SOURCE, of a data set of images"):
        source(dataset=name)


def test_of_moving_images_only_classes_are_known(moving, tmp_path):
    pictures = np.full((6, 8, 8, 1), 200, np.uint8)
    np.savez(tmp_path / "a.npz", images=pictures, attributes=np.eye(6, 2, dtype=np.uint8))
    with pytest.raises(ConfigError, match="pass --noconditional"):
        moving(f"moving:npz:{tmp_path / 'a.npz'}")
    assert moving(f"moving:npz:{tmp_path / 'a.npz'}", conditional=False).train.labels is None


@pytest.fixture
def films(tmp_path):
    """Films of 40 frames that grow lighter, one of another class and size, one too short, one
    broken."""
    pytest.importorskip("imageio_ffmpeg")
    import imageio.v3 as iio

    levels = np.linspace(0, 240, 40).astype(np.uint8)
    for name, size in (("day/a", (32, 48)), ("day/b", (32, 48)), ("night/c", (48, 32))):
        frames = np.broadcast_to(levels[:, None, None, None], (40, *size, 3))
        path = tmp_path / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        iio.imwrite(path, frames, plugin="FFMPEG", fps=10, macro_block_size=2)
    iio.imwrite(tmp_path / "day" / "short.mp4", frames[:4], plugin="FFMPEG", fps=10)
    (tmp_path / "day" / "broken.mp4").write_bytes(b"no film")
    return tmp_path


def test_files_become_clips(films, tmp_path):
    options = {
        "dataset": f"video:{films}",
        "frames": 4,
        "frame_stride": 2,
        "image_size": (8, 8),
        "channels": 1,
        "cache_dir": str(tmp_path / "cache"),
    }
    clips = source(**options)
    # Of 20 frames of each, 4 are held out, and what is left makes four clips.
    assert clips.train.samples.shape == (12, 4, 8, 8, 1)
    assert len(clips.val) == 3
    assert clips.class_names == ("day", "night")
    assert clips.train.labels.tolist() == [0] * 8 + [1] * 4
    assert sorted(name.split("/")[-1].split(":")[0] for name in clips.skipped) == [
        "broken.mp4",
        "short.mp4",
    ]
    light = clips.train.samples[:4].reshape(16, -1).mean(axis=1)
    expected = np.linspace(0, 240, 40)[:32:2]
    assert np.abs(light - expected).max() < 6
    again = source(**options)  # from the cache
    np.testing.assert_array_equal(again.val.samples, clips.val.samples)
    assert again.skipped == clips.skipped
    for found in (clips, again):
        assert found.frame_rate == 5  # every second of ten
        assert found.resolve(Config()).data.frame_rate == 5
        assert found.resolve(Config().replace(frame_rate=12)).data.frame_rate == 12


@pytest.mark.parametrize("ending", ["avi", "mkv"])
def test_half_a_film_is_used_and_named(tmp_path, ending):
    pytest.importorskip("imageio_ffmpeg")
    import imageio.v3 as iio

    frames = np.random.default_rng(0).integers(0, 255, (60, 16, 16, 3)).astype(np.uint8)
    for name in ("whole", "half"):
        iio.imwrite(tmp_path / f"{name}.{ending}", frames, plugin="FFMPEG", fps=10)
    half = tmp_path / f"half.{ending}"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    for stride, taken in ((1, 60), (3, 20)):
        clips = source(
            dataset=f"video:{tmp_path}",
            frames=4,
            frame_stride=stride,
            image_size=8,
            cache_dir=str(tmp_path / "cache"),
        )
        assert taken / 4 < len(clips.train) + len(clips.val) < taken / 4 * 2
        (named,) = clips.skipped
        assert re.fullmatch(rf"{half}: only \d+ of about {taken} frames could be decoded", named), (
            named
        )


def test_animations_are_films(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    frames = [Image.new("RGB", (8, 8), (8 * i, 0, 0)) for i in range(20)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    clips = source(
        dataset=f"video:{tmp_path}", frames=4, image_size=8, cache_dir=str(tmp_path / "cache")
    )
    assert clips.skipped == ()
    np.testing.assert_allclose(
        clips.train.samples[:, :, 0, 0, 0].ravel(), np.arange(16) * 8, atol=4
    )


def test_one_longer_film_does_not_hold_out_the_others(tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    frame = np.zeros((8, 8, 3), np.uint8)
    counts = {f"{i}.mp4": 24 for i in range(8)} | {"long.mp4": 40}
    for name in counts:
        (tmp_path / name).touch()
    monkeypatch.setattr(video, "decode", lambda file, *_: [frame] * counts[file.name])
    clips = source(
        dataset=f"video:{tmp_path}", frames=16, image_size=8, cache_dir=str(tmp_path / "cache")
    )
    assert (len(clips.train), len(clips.val)) == (9, 1)


def test_films_are_not_held_in_memory(tmp_path, monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    frame = np.zeros((64, 64, 3), np.uint8)
    monkeypatch.setattr(video, "decode", lambda *_: (frame.copy() for _ in range(400)))
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    tracemalloc.start()
    try:
        clips = source(dataset=f"video:{tmp_path}", cache_dir=str(tmp_path / "cache"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(clips.train) + len(clips.val) == 2 * (22 + 2)
    assert peak < 40 * frame.nbytes  # of 800
    (entry,) = (tmp_path / "cache").iterdir()
    names = {"train.npy", "train_labels.npy", "val.npy", "val_labels.npy", "about.json"}
    assert {path.name for path in entry.iterdir()} == names


def test_tensorflow_datasets(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr("tgan_tf.data.tfds._online", lambda: False)
    features = {
        "clip": tfds.features.Video(shape=(None, 8, 8, 1)),
        "kind": tfds.features.ClassLabel(names=["up", "down"]),
    }
    lengths = [9, 8, 3, 4, 12]
    examples = [{"clip": np.full((n, 8, 8, 1), n, np.uint8), "kind": n % 2} for n in lengths]
    build(str(tmp_path / "tfds"), "films", features, {"train": examples})
    options = {"data_dir": str(tmp_path / "tfds"), "cache_dir": str(tmp_path / "cache")}
    clips = source(dataset="tfds_video:films", frames=4, val_fraction=0.2, **options)
    assert clips.shape == (4, 8, 8, 1)
    assert clips.class_names == ("up", "down")
    everything = [*clips.train.samples[:, 0, 0, 0, 0], *clips.val.samples[:, 0, 0, 0, 0]]
    assert sorted(everything) == [4, 8, 8, 9, 9, 12, 12, 12]
    np.testing.assert_array_equal(clips.train.labels, clips.train.samples[:, 0, 0, 0, 0] % 2)
    assert len(clips.skipped) == 1
    with pytest.raises(ConfigError, match="fewer --frames"):
        source(dataset="tfds_video:films", frames=16, **options)


def test_frames_of_tensorflow_datasets_that_are_images(tmp_path, monkeypatch):
    """A sequence of steps, as bair_robot_pushing_small is, and a sequence beside a label."""
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr("tgan_tf.data.tfds._online", lambda: False)
    picture = tfds.features.Image(shape=(8, 8, 3))
    step = {"action": np.float32, "depth": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint16)}
    robot = tfds.features.Sequence({**step, "camera": picture}, length=4)
    steps = [
        {
            "action": np.zeros(4, np.float32),
            "depth": np.zeros((4, 8, 8, 1), np.uint16),
            "camera": np.full((4, 8, 8, 3), n, np.uint8),
        }
        for n in range(3)
    ]
    labelled = {
        "camera": tfds.features.Sequence(picture),
        "kind": tfds.features.ClassLabel(names=["up", "down"]),
    }
    frames = [{"camera": x["camera"], "kind": n % 2} for n, x in enumerate(steps)]
    still = {"camera": picture, "times": tfds.features.Sequence(np.float32)}
    stills = [{"camera": x["camera"][0], "times": x["action"]} for x in steps]
    options = {"data_dir": str(tmp_path / "tfds"), "cache_dir": str(tmp_path / "cache")}
    for name, features, examples in (
        ("robot", robot, steps),
        ("labelled", labelled, frames),
        ("stills", still, stills),
    ):
        build(options["data_dir"], name, features, {"train": examples[1:], "test": examples[:1]})
    for name, classes in (("robot", ()), ("labelled", ("up", "down"))):
        clips = source(dataset=f"tfds_video:{name}", frames=2, **options)
        assert clips.shape == (2, 8, 8, 3)
        assert clips.class_names == classes
        assert sorted(clips.train.samples[:, 0, 0, 0, 0]) == [1, 1, 2, 2]
        assert (clips.val.samples == 0).all()
    with pytest.raises(ConfigError, match="no sequence of images"):
        source(dataset="tfds_video:stills", frames=2, **options)


def test_damaged_files_of_tensorflow_datasets(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr("tgan_tf.data.tfds._online", lambda: False)
    features = {"clip": tfds.features.Video(shape=(None, 8, 8, 1))}
    examples = [{"clip": np.zeros((8, 8, 8, 1), np.uint8)}] * 4
    build(str(tmp_path / "tfds"), "films", features, {"train": examples})
    (record,) = (tmp_path / "tfds").rglob("*tfrecord*")
    record.write_bytes(record.read_bytes()[:-30])
    options = {"data_dir": str(tmp_path / "tfds"), "cache_dir": str(tmp_path / "cache")}
    with pytest.raises(ConfigError, match=r"tfds_video:films: the files in .* are damaged"):
        source(dataset="tfds_video:films", frames=4, **options)


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere", "no such file or directory"), ("", "no file with an ending")]
)
def test_nothing_to_read(tmp_path, name, message):
    pytest.importorskip("imageio_ffmpeg")
    with pytest.raises(ConfigError, match=message):
        source(dataset=f"video:{tmp_path / name}")
