import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import sources
from tgan_tf.data.sources import SampleSet, Source, load_source


def test_digits():
    source = load_source(DataConfig())
    assert source.class_names == tuple("0123456789")
    assert (source.image_size, source.channels) == ((8, 8), 1)
    assert (len(source.train), len(source.val)) == (1617, 180)
    assert source.train.samples.max() == 255
    np.testing.assert_allclose(np.bincount(source.val.labels), 18, atol=1)
    # The very digits of scikit-learn, 0..16 to 0..255, with their labels.
    expected = {
        np.round(image * 255 / 16).astype(np.uint8).tobytes(): label
        for image, label in zip(*load_digits(return_X_y=True), strict=True)
    }
    for images in (source.train, source.val):
        for image, label in zip(images.samples, images.labels, strict=True):
            assert expected[image.tobytes()] == label


def test_split_is_a_function_of_the_seed():
    held_out = [load_source(DataConfig(), seed=seed).val.samples for seed in (0, 0, 1)]
    np.testing.assert_array_equal(held_out[0], held_out[1])
    assert (held_out[0] != held_out[2]).any()


def test_conversion_of_a_small_set_needs_no_cache(tmp_path):
    data = DataConfig(image_size=(16, 12), channels=3, fit="stretch", cache_dir=str(tmp_path / "c"))
    source = load_source(data)
    assert source.train.sample_shape == (16, 12, 3)
    assert len(source.train) == 1617
    assert not (tmp_path / "c").exists()


def test_conversion_of_a_large_set_is_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_IN_MEMORY_BYTES", 1000)
    data = DataConfig(image_size=(4, 4), cache_dir=str(tmp_path))
    assert isinstance(load_source(data).train.samples, np.memmap)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "digit"}, "'digit': not one of digits | fashion_mnist"),
        ({"dataset": "digits:8"}, "not one of"),
        ({"dataset": "folder:"}, "give a name or path after folder:"),
        ({"dataset": "tfds:"}, "give a name or path after tfds:"),
        ({"dataset": "video:"}, "give a name or path after video:"),
        ({"dataset": "video"}, "give a name or path after video:"),
        ({"dataset": "series:"}, "give a name or path after series:"),
        ({"dataset": "tfds_video:"}, "give a name or path after tfds_video:"),
        ({"dataset": "moving:npz:"}, "give a name or path after npz:"),
        ({"data_dir": "/tmp"}, "--data_dir means nothing with --dataset=digits"),
        ({"dataset": "npz:a", "data_dir": "/tmp"}, "the whole path after npz:"),
        ({"mirror": True}, "--mirror: .*digits.*--nomirror"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        load_source(DataConfig(**options))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4, 1), np.float64), None),
        (np.zeros(2, np.uint8), None),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3, np.int32)),
    ],
)
def test_a_set_is_checked(images, labels):
    with pytest.raises(ValueError, match="not"):
        SampleSet(images, labels)


@pytest.mark.parametrize("shape", [(2, 4, 4, 1), (2, 4, 4)])
def test_images_are_checked(shape):
    samples = SampleSet(np.zeros(shape, np.uint8 if len(shape) == 3 else np.float32))
    with pytest.raises(ValueError, match=r"not uint8 \[N, H, W, C\]"):
        Source("wrong", samples, samples)


def test_loading_does_not_start_tensorflow():
    script = (
        "import sys; from tgan_tf.config import DataConfig; from tgan_tf.data.sources import *;"
        "load_source(DataConfig()); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
