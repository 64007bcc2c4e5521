import os
import shutil
import socket
import subprocess
import sys

import pytest

from tgan_tf.config import ConfigError
from tgan_tf.data.cache import cache_root, cached


def write_a(directory):
    (directory / "value").write_text("a")


def read_value(directory):
    return (directory / "value").read_text()


def never(directory):
    raise AssertionError("built again")


def test_an_entry_is_built_once_for_each_key(tmp_path):
    assert cached(tmp_path, "x", {"k": 1}, write_a, read_value) == "a"
    assert cached(tmp_path, "x", {"k": 1}, never, read_value) == "a"
    with pytest.raises(AssertionError):
        cached(tmp_path, "x", {"k": 2}, never, read_value)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing(tmp_path, interruption):
    def interrupted(directory):
        write_a(directory)
        raise interruption

    with pytest.raises(interruption):
        cached(tmp_path, "x", 1, interrupted, read_value)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_build_is_cleared_away_and_made_again(tmp_path):
    script = (
        "import os, signal, pathlib\n"
        "from tgan_tf.data.cache import cached\n"
        "def build(directory):\n"
        "    (directory / 'value').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"cached(pathlib.Path({str(tmp_path)!r}), 'x', 1, build, lambda directory: None)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
    assert cached(tmp_path, "x", 1, write_a, read_value) == "a"
    assert [path.suffix for path in tmp_path.iterdir()] == [""]


def test_a_build_in_progress_is_left_alone(tmp_path):
    cached(tmp_path, "x", 1, write_a, read_value)
    (entry,) = tmp_path.iterdir()
    shutil.rmtree(entry)
    alive = tmp_path / f"{entry.name}.{socket.gethostname()}.{os.getppid()}.partial"
    alive.mkdir()
    assert cached(tmp_path, "x", 1, write_a, read_value) == "a"
    assert alive.exists()


def test_the_first_of_two_builders_wins(tmp_path):
    def overtaken(directory):
        entry = directory.with_name(directory.name.split(".")[0])
        entry.mkdir()
        (entry / "value").write_text("first")
        write_a(directory)

    assert cached(tmp_path, "x", 1, overtaken, read_value) == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_entry_is_built_again(tmp_path):
    cached(tmp_path, "x", 1, write_a, read_value)
    (entry,) = tmp_path.iterdir()
    (entry / "value").unlink()
    assert cached(tmp_path, "x", 1, write_a, read_value) == "a"


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--cache_dir=.*file.*can be written"):
        cached(tmp_path / "file" / "below", "x", 1, write_a, read_value)


def test_names_are_fit_for_files(tmp_path):
    cached(tmp_path, "a/b c", 1, write_a, read_value)
    (entry,) = tmp_path.iterdir()
    assert entry.name.startswith("a_b_c-")


def test_root(monkeypatch, tmp_path):
    assert cache_root(str(tmp_path)) == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root("") == tmp_path / "tgan_tf"
