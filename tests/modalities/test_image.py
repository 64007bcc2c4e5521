import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities.image import ImageModality


def modality(size=(4, 6), channels=1):
    options = {"g_patch": 1, "g_widths": (8,), "g_depths": (1,), "g_windows": (0,), "d_patch": 1}
    return ImageModality(Config().replace(image_size=size, channels=channels, **options))


def test_needs_a_resolved_config():
    with pytest.raises(ConfigError, match="--image_size and --channels"):
        ImageModality(Config())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_says_what_a_sample_is(channels):
    image = modality((4, 6), channels)
    assert (image.name, image.sample_shape, image.sample_dtype) == ("image", (4, 6, channels), "u1")
    assert ("color" in image.augmentations) == (channels == 3)


def test_encode_is_affine_to_minus_one_and_one():
    values = tf.constant([[[[0], [51], [255]]]], tf.uint8)
    encoded = modality().encode(values)
    assert encoded.dtype == tf.float32
    np.testing.assert_allclose(np.ravel(encoded), [-1, -0.6, 1], atol=1e-7)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_decode_inverts_encode_for_all_values(dtype):
    values = np.arange(256, dtype=np.uint8)
    encoded = tf.cast(modality().encode(values), dtype)
    np.testing.assert_array_equal(modality().decode(encoded), values)


def test_decode_clips_and_rounds_half_to_even():
    values = np.array([-7, -1, -0.996, 0, 1, 1.003, 50, -np.inf, np.inf], np.float32)
    np.testing.assert_array_equal(modality().decode(values), [0, 0, 1, 128, 255, 255, 255, 0, 255])
    # All halves that float32 can hit exactly.
    halves = np.arange(255, dtype=np.float32) + np.float32(0.5)
    values = halves / np.float32(127.5) - 1
    exact = (values + 1) * np.float32(127.5) == halves
    assert exact.sum() > 100
    np.testing.assert_array_equal(modality().decode(values)[exact], np.rint(halves[exact]))


def test_decode_takes_bfloat16():
    assert modality().decode(tf.constant([1.0], tf.bfloat16)).numpy() == [255]


def test_decode_is_built_into_tflite():
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    image = modality()
    function = tf.function(
        lambda values: image.decode(values), [tf.TensorSpec((1, 4, 6, 1), tf.float32)]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    interpreter = litert.Interpreter(model_content=converter.convert())  # builtin operations only
    interpreter.allocate_tensors()
    values = np.linspace(-1.2, 1.2, 24, dtype=np.float32).reshape(1, 4, 6, 1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(result, image.decode(values))


def test_class_rows():
    samples = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 48, 48, 1), np.uint8)
    labels = np.array([2, 0, 2, 0, 2, 2])
    picture = modality().class_rows(samples, labels, ["zero", "one", "two"], columns=3)
    images = picture[:, -(3 * 50 + 2) :, 0]
    centres = images[np.ix_([26, 76, 126], [26, 76, 126])]
    np.testing.assert_array_equal(centres, [[1, 3, 255], [255, 255, 255], [0, 2, 4]])
    gutter = picture[:, : -(3 * 50 + 2), 0]
    assert all((gutter[50 * row : 50 * row + 50] < 128).any() for row in range(3))  # the names


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_write(tmp_path, channels):
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 256, (3, 4, 6, channels), dtype=np.uint8)
    paths = modality(channels=channels).write(samples, tmp_path / "new" / "samples")
    assert [path.name for path in paths] == ["00000.png", "00001.png", "00002.png"]
    assert sorted((tmp_path / "new" / "samples").iterdir()) == paths
    for path, sample in zip(paths, samples, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)).reshape(sample.shape), sample)


def test_names_of_files(tmp_path):
    samples = np.zeros((2, 4, 6, 1), np.uint8)
    paths = modality().write(samples, tmp_path, ["T-shirt/top 1", "seed+2"])
    assert [path.name for path in paths] == ["T-shirt_top_1.png", "seed+2.png"]
    for names in (["a"], ["a", "a"], ["a/b", "a b"]):
        with pytest.raises(ValueError, match="different names for 2 samples"):
            modality().write(samples, tmp_path, names)


def test_activate_reaches_the_ends_unless_linear():
    values = tf.constant([[[[-3.0], [0.5]]]])
    options = {"g_patch": 1, "g_widths": (8,), "g_depths": (1,), "g_windows": (0,), "d_patch": 1}
    config = Config().replace(image_size=(1, 2), channels=1, **options)
    np.testing.assert_allclose(ImageModality(config).activate(values), np.tanh(values), rtol=1e-6)
    linear = ImageModality(config.replace(g_output_activation="linear"))
    np.testing.assert_array_equal(linear.activate(values), values)
