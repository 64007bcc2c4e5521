import threading
import time

import numpy as np
import pytest

from tgan_tf.config import ConfigError
from tgan_tf.data import prepare as module
from tgan_tf.data.prepare import ordered_map, prepare, read
from tgan_tf.data.reader import ArrayReader
from tgan_tf.data.types import SampleSet


class BrokenReader(ArrayReader):
    """Twenty 2x2 images, image i all of value i, the last two held out; some cannot be read."""

    def __init__(self, broken):
        values = np.arange(20, dtype=np.uint8)[:, None, None, None]
        images = np.broadcast_to(values, (20, 2, 2, 1))
        labels = np.arange(20, dtype=np.int32) % 2
        super().__init__(
            "test",
            SampleSet(images[:18], labels[:18]),
            SampleSet(images[18:], labels[18:]),
            identity=0,
            val_fraction=0.1,
            seed=0,
            class_names=("even", "odd"),
        )
        self.broken = broken

    def load(self, key, size):
        image = super().load(key, size)
        if image.getpixel((0, 0)) in self.broken:
            raise SyntaxError("broken PNG file")
        return image


def test_what_is_written_is_read(tmp_path):
    calls = []
    prepare(BrokenReader([]), (0, 0, 0), "crop", tmp_path, lambda *args: calls.append(args))
    train, val, skipped = read(tmp_path)
    assert isinstance(train.samples, np.memmap)
    np.testing.assert_array_equal(train.samples[:, 1, 1, 0], np.arange(18))
    np.testing.assert_array_equal(train.labels, np.arange(18) % 2)
    np.testing.assert_array_equal(val.samples[:, 0, 0, 0], [18, 19])
    assert skipped == ()
    assert calls == [(done, 20) for done in range(1, 21)]
    assert not isinstance(read(tmp_path, in_memory=True).train.samples, np.memmap)


def test_requested_shape(tmp_path):
    prepare(BrokenReader([]), (4, 6, 3), "stretch", tmp_path)
    assert read(tmp_path).train.sample_shape == (4, 6, 3)


def test_unreadable_images_are_named_and_left_out(tmp_path):
    prepare(BrokenReader([3, 18]), (0, 0, 0), "crop", tmp_path)
    train, val, skipped = read(tmp_path)
    np.testing.assert_array_equal(train.samples[:, 0, 0, 0], np.delete(np.arange(18), 3))
    np.testing.assert_array_equal(train.labels, np.delete(np.arange(18) % 2, 3))
    np.testing.assert_array_equal(val.samples[:, 0, 0, 0], [19])
    assert skipped == ("(True, 0): broken PNG file", "(False, 3): broken PNG file")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (range(20), "none of the 20 images of test can be read .*broken PNG"),
        (range(18), "18 images of test cannot be read .*none is left to train on"),
        ((18, 19), "2 images of test cannot be read .*none is left to hold out"),
    ],
)
def test_fatal_only_when_a_split_is_empty(tmp_path, broken, message):
    with pytest.raises(ConfigError, match=message):
        prepare(BrokenReader(broken), (0, 0, 0), "crop", tmp_path)


def test_one_image_is_too_few(tmp_path):
    images = SampleSet(np.zeros((1, 2, 2, 1), np.uint8))
    reader = ArrayReader("one", images, None, identity=0, val_fraction=0.1, seed=0)
    with pytest.raises(ConfigError, match="has 1 images; training needs at least two"):
        prepare(reader, (0, 0, 0), "crop", tmp_path)


def test_a_full_disk_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(ConfigError, match=r"--cache_dir: the prepared images need .* GB"):
        prepare(BrokenReader([]), (0, 0, 0), "crop", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_ordered_map_is_parallel_ordered_and_bounded():
    started, threads = [], set()

    def slow_for_some(value):
        started.append(value)
        threads.add(threading.get_ident())
        time.sleep(0.002 * (value % 3 == 0))
        return value * value

    results = ordered_map(slow_for_some, range(10_000))
    assert [next(results) for _ in range(50)] == [value * value for value in range(50)]
    assert len(threads) > 1
    results.close()
    assert len(started) < 1000


def test_ordered_map_raises_what_the_function_raises():
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(lambda value: 1 / value, [1, 0]))
