"""Recordings: what is read, what is filled, what is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tgan_tf.config import ConfigError
from tgan_tf.data.recordings import filled, read_recordings
from tgan_tf.data.windows import cut

TABLE = """time,series,a,b,label
2020-01-01,x,1,10,up
2020-01-02,x,,20,up
2020-01-03,x,3,,up
2020-01-01,y,7,70,down
2020-01-02,y,8,80,down
"""


def test_a_table_becomes_recordings_with_missing_values_interpolated(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    recordings = read_recordings(str(path))
    assert recordings.channel_names == ("a", "b")  # dates are no channel
    assert recordings.labels == ["up", "down"]
    np.testing.assert_array_equal(recordings.values[0], [[1, 10], [2, 20], [3, 20]])
    np.testing.assert_array_equal(recordings.values[1], [[7, 70], [8, 80]])


def test_parquet_reads_as_csv_does(tmp_path):
    from pyarrow import csv

    source = tmp_path / "table.csv"
    source.write_text(TABLE)
    pq.write_table(csv.read_csv(source), tmp_path / "table.parquet")
    first, second = (
        read_recordings(str(tmp_path / name)) for name in ("table.csv", "table.parquet")
    )
    assert first.labels == second.labels
    for a, b in zip(first.values, second.values, strict=True):
        np.testing.assert_array_equal(a, b)


def test_arrays_with_labels(tmp_path):
    values = np.arange(24.0).reshape(2, 4, 3)
    np.savez(tmp_path / "a.npz", series=values, labels=[3, 5])
    recordings = read_recordings(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(recordings.values, values)
    assert recordings.labels == ["3", "5"]
    np.save(tmp_path / "a.npy", values[..., 0])
    np.testing.assert_array_equal(read_recordings(str(tmp_path / "a.npy")).values, values[..., :1])


def test_ends_are_filled_with_the_nearest():
    nan = np.nan
    values = np.array([[nan], [2], [nan], [nan], [8], [nan]])
    np.testing.assert_allclose(filled(values)[:, 0], [2, 2, 4, 6, 8, 8])


def test_what_lacks_more_than_half_is_left_out_and_counted(tmp_path):
    values = np.ones((3, 4, 1))
    values[1, :3] = np.nan
    values[2, 0] = np.inf
    np.savez(tmp_path / "a.npz", series=values)
    recordings = read_recordings(str(tmp_path / "a.npz"))
    assert len(recordings.values) == 1
    assert recordings.skipped == (
        "series[1]: 75% of channel_0 is missing",
        "series[2]: holds an infinity",
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "1", "csv | .parquet"),
        ("a.csv", "a,b\nx,y\n", "no column holds numbers"),
        ("a.csv", "series,a\nx,1\ny,2\nx,3\n", "sort the table"),
        ("a.npz", "no archive", "cannot be read"),
        ("a.csv", "a\n\n", "no column|no rows|nothing"),
        ("a.csv", "a,b\n1,10\n2,x\n3,12\n", "column b, row 2: 'x' is no number"),
        ("a.csv", "1.5,2\n3,4\n5,6\n", "first row, 1.5,2, is numbers, not names"),
        ("a.csv", "0\n1\n2\n", "first row, 0, is numbers"),
        ("a.csv", "?,2\n3,4\n5,6\n", "first row, .,2, is numbers"),
        ("a.csv", "a,a\n1,2\n", "two columns have one name"),
        (
            "a.csv",
            "series,a,label\nx,1,up\nx,2,up\ny,3,up\ny,4,down\n",
            "row 4 has the label 'down', but its series, y, began with 'up'",
        ),
        ("a.csv", "a,label\n1,up\n2,\n", "row 2 has no label"),
        ("a.csv", "series,a\n1,1\n?,2\n", "row 2 has no series"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(
        ConfigError, match=message.replace("|", r"\|") if "csv |" in message else message
    ) as error:
        read_recordings(str(path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "mark", ["?", "None", "none", "-", ".", "", "NA", "NaN", "null", " ?", " . "]
)
def test_marks_of_missing_values(tmp_path, mark):
    (tmp_path / "a.csv").write_text(f"a,b\n1,10\n{mark},20\n3,30\n4,40\n")
    recordings = read_recordings(str(tmp_path / "a.csv"))
    assert recordings.channel_names == ("a", "b")
    np.testing.assert_array_equal(recordings.values[0][:, 0], [1, 2, 3, 4])
    assert recordings.skipped == ()


def test_truth_values_are_a_channel_and_what_is_none_is_named(tmp_path):
    header = "time,on,spare,note,ok"
    rows = ["2020-01-01,true,,a,1", "2020-01-02,,,b,2", "2020-01-03,false,,3,3"]
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]))
    recordings = read_recordings(str(tmp_path / "a.csv"))
    assert recordings.channel_names == ("on", "ok")
    np.testing.assert_array_equal(recordings.values[0][:, 0], [1, 0.5, 0])
    assert recordings.skipped == (
        "column time: date32[day], not numbers",
        "column spare: empty",
        "column note: text, not numbers",
    )


def test_text_of_numbers_is_numbers(tmp_path):
    table = pa.table({"a": pa.array(["1", "?", "3"]), "b": pa.array(["x", "y", None])})
    pq.write_table(table, tmp_path / "a.parquet")
    recordings = read_recordings(str(tmp_path / "a.parquet"))
    np.testing.assert_array_equal(recordings.values[0], [[1], [2], [3]])
    assert recordings.skipped == ("column b: text, not numbers",)


def test_a_long_recording_is_split_in_time_without_overlap():
    train, val = cut([100], None, length=10, stride=5, val_fraction=0.2, seed=0, flag="--dataset=x")
    assert train == [(0, start) for start in range(0, 71, 5)]
    assert val == [(0, 80), (0, 90)]


def test_recordings_of_one_piece_each_are_split_by_class():
    labels = np.repeat([0, 1], 10).astype(np.int32)
    train, val = cut(
        [8] * 20, labels, length=8, stride=8, val_fraction=0.2, seed=0, flag="--dataset=x"
    )
    assert len(train) == 16
    assert sorted(labels[row] for row, _ in val) == [0, 0, 1, 1]
    assert not {row for row, _ in train} & {row for row, _ in val}


def split(lengths, length, *, stride=None, val_fraction=0.1, labels=None, seed=0):
    return cut(
        lengths,
        labels,
        length=length,
        stride=stride or length,
        val_fraction=val_fraction,
        seed=seed,
        flag="--dataset=x",
    )


def test_one_longer_recording_does_not_hold_out_the_others():
    train, val = split([24] * 8 + [40], 16)
    assert (len(train), len(val)) == (9, 1)
    train, val = split([24] * 200 + [36], 24, stride=12)
    assert (len(train), len(val)) == (182, 20)
    labels = np.repeat([0, 1], 50).astype(np.int32)
    _, val = split([24] * 99 + [30], 24, stride=4, labels=labels)
    assert [labels[row] for row, _ in val] == [0] * 5 + [1] * 5


def test_a_few_short_recordings_give_the_end_of_one():
    train, val = split([100, 100], 24, stride=12)
    ((row, start),) = val
    assert start == 76
    assert max(begin for of, begin in train if of == row) == 48
    assert max(begin for of, begin in train if of != row) == 72
    assert split([40], 16) == ([(0, 0)], [(0, 24)])  # alone


@pytest.mark.parametrize("val_fraction", [0.02, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_mixed_lengths_hold_out_their_share(val_fraction, seed):
    rng = np.random.default_rng(seed)
    longest = int(rng.choice([30, 60, 300, 2000]))
    lengths = rng.integers(10, longest, 100).tolist()
    train, val = split(lengths, 16, stride=5, val_fraction=val_fraction, seed=seed)
    assert split(lengths, 16, stride=5, val_fraction=val_fraction, seed=seed) == (train, val)
    held_out = {(row, step) for row, start in val for step in range(start, start + 16)}
    learned = {(row, step) for row, start in train for step in range(start, start + 16)}
    assert not held_out & learned
    assert all(step < lengths[row] for row, step in held_out | learned)
    share = len(held_out) / sum(steps for steps in lengths if steps >= 16)
    assert 0.6 * val_fraction <= share <= 1.5 * val_fraction
    # Where a recording is in both, its end is held out.
    assert all(
        max(step for of, step in learned if of == row) < start
        for row, start in val
        if row in {of for of, _ in learned}
    )


def test_too_short_or_too_few():
    options = {"stride": 1, "val_fraction": 0.1, "seed": 0, "flag": "--dataset=x"}
    with pytest.raises(ConfigError, match="longest recording has 5 steps"):
        cut([5, 3], None, length=6, **options)
    with pytest.raises(ConfigError, match="there must be some of both"):
        cut([9], None, length=6, **options)


def test_null_is_missing_in_integer_columns(tmp_path):
    table = pa.table({"a": pa.array([1, None, 3], pa.int64())})
    pq.write_table(table, tmp_path / "a.parquet")
    np.testing.assert_array_equal(
        read_recordings(str(tmp_path / "a.parquet")).values[0][:, 0], [1, 2, 3]
    )
