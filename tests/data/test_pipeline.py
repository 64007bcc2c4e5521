import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.config import ConfigError
from tgan_tf.data import pipeline
from tgan_tf.data.pipeline import make_dataset, mirrored, shuffled_rows
from tgan_tf.data.types import SampleSet

NUM_IMAGES = 50


@pytest.fixture(scope="module")
def images():
    """Image i has its number in the top left corner, and left differs from right."""
    pixels = np.zeros((NUM_IMAGES, 2, 3, 1), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(NUM_IMAGES)
    pixels[:, 0, 2, 0] = 100 + np.arange(NUM_IMAGES)
    return SampleSet(pixels, np.arange(NUM_IMAGES, dtype=np.int32) % 7)


def take(images, count, **options):
    """The first ``count`` elements, stacked: {key: [count, b, ...]}."""
    options = {"batch_size": 8, "seed": 3, **options}
    elements = list(make_dataset(images, **options).take(count).as_numpy_iterator())
    return {key: np.stack([element[key] for element in elements]) for key in elements[0]}


def numbers(batches):
    """The images' numbers, mirrored or not."""
    corner, other = batches["image"][..., 0, 0, 0], batches["image"][..., 0, 2, 0]
    return np.minimum(corner, other).ravel()


def test_elements(images):
    dataset = make_dataset(images, batch_size=8, seed=0)
    assert dataset.element_spec == {
        "image": tf.TensorSpec((8, 2, 3, 1), tf.uint8),
        "label": tf.TensorSpec((8,), tf.int32),
    }
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    assert set(take(SampleSet(images.samples), 1)) == {"image"}


def test_labels_belong_to_the_images(images):
    batches = take(images, 20, mirror=True)
    np.testing.assert_array_equal(numbers(batches) % 7, batches["label"].ravel())


def test_every_epoch_is_another_permutation(images):
    stream = numbers(take(images, 25))[: 4 * NUM_IMAGES].reshape(4, NUM_IMAGES)
    np.testing.assert_array_equal(np.sort(stream, axis=1), [np.arange(NUM_IMAGES)] * 4)
    assert len(np.unique(stream, axis=0)) == 4


def test_the_stream_is_what_the_documentation_says(images):
    expected = shuffled_rows(np.arange(160), NUM_IMAGES, seed=3)
    np.testing.assert_array_equal(numbers(take(images, 20)), expected)


def test_the_order_stays_the_same_over_versions():
    # Saved runs are resumed with later versions of this package and of TensorFlow.
    rows = shuffled_rows(np.array([0, 1, 2, 59_999, 60_000, 10**12]), 60_000, seed=7)
    np.testing.assert_array_equal(rows, [51729, 36982, 7113, 38643, 20748, 53293])
    flips = mirrored(tf.range(16, dtype=tf.int64), 7).numpy()
    assert "".join(map(str, flips.astype(int))) == "1010010000001101"


def test_hash_is_splitmix64():
    # The first outputs of the published generator from the state 0.
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    outputs = pipeline._splitmix(tf.constant([1, 2, 3], tf.uint64))
    np.testing.assert_array_equal(outputs, np.array(expected, np.uint64))


@pytest.mark.parametrize("num_images", [1, 2, 3, 7, 64, 65, 1797, 70_000])
def test_permutations_of_any_size(num_images):
    for epoch in (0, 1, 1000):
        rows = shuffled_rows(np.arange(num_images) + epoch * num_images, num_images, seed=0)
        np.testing.assert_array_equal(np.sort(rows), np.arange(num_images))


def test_orders_do_not_repeat_over_epochs_and_seeds():
    starts = np.arange(3000)[:, None] * 1797 + np.arange(4)
    orders = [shuffled_rows(starts.ravel(), 1797, seed).reshape(-1, 4) for seed in (0, 1, 256)]
    # There are 2^24 orders of a set of this size, so two or three of 9,000 meet by chance.
    assert len(np.unique(np.concatenate(orders), axis=0)) > 8980


def test_orders_look_random():
    rows = shuffled_rows(np.arange(1797 * 200), 1797, seed=0).reshape(200, 1797)
    position = np.arange(1797)
    for first, second in (
        (rows, np.broadcast_to(position, rows.shape)),  # a row and its place
        (rows[:, 1:], rows[:, :-1]),  # neighbours
        (rows[1:], rows[:-1]),  # epochs
    ):
        correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)]
        assert abs(np.mean(correlations)) < 4 / np.sqrt(200 * 1797)
        assert np.std(correlations) < 1.3 / np.sqrt(1797)
    differences = np.diff(rows, axis=1) % 1797
    assert max(np.bincount(row).max() for row in differences) < 15  # a true shuffle: 9


def test_seeds_give_other_orders(images):
    assert (numbers(take(images, 5)) != numbers(take(images, 5, seed=4))).any()


@pytest.mark.parametrize("start_step", [1, 6, 7])
@pytest.mark.parametrize("replicas", [1, 2])
def test_resumes_exactly(images, start_step, replicas):
    options = {"mirror": True, "replicas_per_shard": replicas}
    whole = take(images, replicas * (start_step + 3), **options)
    resumed = take(images, replicas * 3, start_step=start_step, **options)
    for key, value in whole.items():
        np.testing.assert_array_equal(resumed[key], value[replicas * start_step :])


def test_resumes_late(images):
    resumed = take(images, 3, start_step=123_456_789_012)
    samples = 123_456_789_012 * 8 + np.arange(24)
    np.testing.assert_array_equal(numbers(resumed), shuffled_rows(samples, NUM_IMAGES, seed=3))


@pytest.mark.parametrize(("num_shards", "replicas"), [(1, 2), (2, 1), (2, 2), (1, 8), (4, 1)])
def test_what_the_replicas_get_is_the_global_batch(images, num_shards, replicas):
    whole = take(images, 10, mirror=True)
    for key, batches in whole.items():
        shards = [
            take(
                images,
                10 * replicas,
                mirror=True,
                num_shards=num_shards,
                shard=shard,
                replicas_per_shard=replicas,
            )[key].reshape(10, -1, *batches.shape[2:])
            for shard in range(num_shards)
        ]
        np.testing.assert_array_equal(np.concatenate(shards, axis=1), batches)


def test_mirrored_only_when_asked(images):
    def flipped(batches):
        return (batches["image"][..., 0, 0, 0] >= 100).ravel()

    assert not flipped(take(images, 50)).any()
    flips = flipped(take(images, 50, mirror=True))
    np.testing.assert_array_equal(flips, mirrored(tf.range(400, dtype=tf.int64), 3))
    # Half of the samples, and not always the same images.
    many = mirrored(tf.range(10_000, dtype=tf.int64), 3).numpy()
    assert abs(many.mean() - 0.5) < 0.02
    assert abs(np.mean(many[1:] == many[:-1]) - 0.5) < 0.02
    assert (many != mirrored(tf.range(10_000, dtype=tf.int64), 4).numpy()).any()
    np.testing.assert_array_equal(take(images, 5, mirror=True)["label"], take(images, 5)["label"])


def test_memory_maps_are_read_as_arrays_are(images, tmp_path):
    np.save(tmp_path / "images.npy", images.samples)
    mapped = SampleSet(np.load(tmp_path / "images.npy", mmap_mode="r"), images.labels)
    for key, value in take(images, 10, mirror=True).items():
        np.testing.assert_array_equal(take(mapped, 10, mirror=True)[key], value)


def test_the_data_are_not_changed(images):
    before = images.samples.copy()
    take(images, 20, mirror=True)
    np.testing.assert_array_equal(images.samples, before)


def test_batches_larger_than_the_data(images):
    few = SampleSet(images.samples[:3])
    stream = numbers(take(few, 2, batch_size=12)).reshape(8, 3)
    np.testing.assert_array_equal(np.sort(stream, axis=1), [[0, 1, 2]] * 8)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"replicas_per_shard": 3}, ConfigError, "--batch_size=8 .* 3 replicas; use 6"),
        ({"num_shards": 8, "replicas_per_shard": 2}, ConfigError, "use 16"),
        ({"num_shards": 2, "shard": 2}, ValueError, "shard 2 is not one of 2"),
    ],
)
def test_impossible_batches_are_refused(images, options, error, message):
    with pytest.raises(error, match=message):
        take(images, 1, **options)


def test_no_images():
    with pytest.raises(ConfigError, match="no images to train on"):
        make_dataset(SampleSet(np.zeros((0, 2, 2, 1), np.uint8)), batch_size=2, seed=0)


_TWO_REPLICAS = """
import numpy as np
import tensorflow as tf
from tgan_tf.data.pipeline import make_dataset, shuffled_rows
from tgan_tf.data.types import SampleSet

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(
    ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
)
images = SampleSet(np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1))

def local(context):
    return make_dataset(
        images, batch_size=8, seed=3, start_step=5,
        num_shards=context.num_input_pipelines, shard=context.input_pipeline_id,
        replicas_per_shard=context.num_replicas_in_sync // context.num_input_pipelines,
    )

def main():
    # TensorFlow may wait for ever when Python exits with this iterator alive.
    batches = iter(strategy.distribute_datasets_from_function(local))
    for step in range(5, 9):
        parts = strategy.experimental_local_results(next(batches)["image"])
        assert len(parts) == 2
        np.testing.assert_array_equal(
            np.concatenate(parts).ravel(), shuffled_rows(step * 8 + np.arange(8), 50, seed=3)
        )

main()
"""


def test_two_replicas_of_a_strategy_get_the_global_batch():
    # In a process of its own: logical devices are made before TensorFlow's first operation.
    result = subprocess.run(
        [sys.executable, "-c", _TWO_REPLICAS], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
