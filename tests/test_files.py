from __future__ import annotations

from pathlib import Path

import pytest

from tgan_tf.files import replacing


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as beside:
        assert beside.parent == tmp_path
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(folder: bool) -> None:
        with replacing(path) as beside:
            if folder:
                beside.mkdir()
                beside = beside / "part"
            beside.write_text("half")
            raise KeyError

    for folder in (False, True):
        with pytest.raises(KeyError):
            fail(folder)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_directories_too(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as beside:
        beside.mkdir()
        (beside / "part").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "part"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        pass
