"""Programs outside of Python make Python's picture: C, a browser, and Python without this package.

They need a C compiler, npm and Chromium; `make test` installs what is missing where it may.
"""

from __future__ import annotations

import contextlib
import functools
import html
import http.server
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from export.web.__main__ import build
from tests.exporting.samplers import ATTRIBUTES, make_clip_sampler, make_sampler
from tgan_tf.exporting import to_tflite
from tgan_tf.exporting.portable_random import normal_numpy
from tgan_tf.exporting.tflite import convert

EXPORT = Path(__file__).parents[2] / "export"
# Seed, class, truncation.
GOLDEN = [(7, 2, 0.7), (-2147483648, 0, 1.0)]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("kits") / "pets.tflite"
    to_tflite(make_sampler(), path)
    return path


def expected(seed: int, label: int, truncation: float) -> np.ndarray:
    return make_sampler().sample([seed], label, truncation)[0].astype(int)


def test_python_without_this_package(model, tmp_path):
    """The example of docs/deploy.md, as it stands there."""
    text = (EXPORT.parent / "docs" / "deploy.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(# generate\.py.*?)```", text, re.DOTALL)
    assert len(example.splitlines()) <= 20
    (tmp_path / "generate.py").write_text(example)
    arguments = [str(model), "7", "2", "0.7", "out.png"]
    script = [sys.executable, "generate.py", *arguments]
    subprocess.run(script, cwd=tmp_path, check=True, capture_output=True)
    from PIL import Image

    made = np.asarray(Image.open(tmp_path / "out.png")).astype(int)
    assert np.abs(made - expected(7, 2, 0.7)).max() <= 1


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    if not shutil.which("cc") or not shutil.which("make"):
        pytest.skip("no C compiler or make (Debian, Ubuntu: apt-get install gcc make)")
    path = tmp_path_factory.mktemp("c") / "generate"
    command = ["make", "-C", str(EXPORT / "c"), f"PYTHON={sys.executable}", f"OUT={path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return path


class TestC:
    @pytest.mark.parametrize("case", GOLDEN)
    def test_picture(self, program, model, tmp_path, case):
        out = tmp_path / "out.ppm"
        command = [str(program), str(model), *map(str, case), str(out)]
        subprocess.run(command, check=True, capture_output=True)
        header, pixels = out.read_bytes()[:12], out.read_bytes()[12:]
        assert header == b"P6\n12 8\n255\n"
        made = np.frombuffer(pixels, np.uint8).reshape(8, 12, 3).astype(int)
        assert np.abs(made - expected(*case)).max() <= 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["x.tflite"], "usage:"),
            (["{model}", "seven", "0", "1", "o"], "SEED: 'seven' is no number"),
            (["missing.tflite", "7", "0", "1", "o"], "the model cannot be read"),
            (["{model}", "7", "0", "1", "/no/such/folder"], "/no/such/folder"),
        ],
    )
    def test_mistakes(self, program, model, arguments, message):
        command = [str(program), *(a.format(model=model) for a in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (1, 2)
        assert message in done.stderr


@pytest.fixture(scope="module")
def site(model):
    """The static page, served."""
    with served(model, "Pets") as address:
        yield address


@contextlib.contextmanager
def served(model, title):
    if not shutil.which("npm"):
        pytest.skip("no npm (Debian, Ubuntu: apt-get install npm)")
    folder = build(model, model.parent / "site", title)
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(
        ("localhost", 0), functools.partial(quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()


class TestBrowser:
    @pytest.mark.parametrize("case", GOLDEN)
    def test_picture(self, site, browser, case):
        with browser.page(f"{site}/?check={','.join(map(str, case))}") as page:
            found = dict(re.findall(r'data-(\w+)="([^"]*)"', page.html))
        made = np.array(found["pixels"].split(","), int).reshape(8, 12, 3)
        assert np.abs(made - expected(*case)).max() <= 1
        z = np.array(found["z"].split(","), float)
        np.testing.assert_allclose(z, normal_numpy([case[0]], 8)[0], atol=1e-6)

    def test_clips_move(self, browser, tmp_path):
        sampler = make_clip_sampler()
        (tmp_path / "clips.tflite").write_bytes(convert(sampler, 1))
        with served(tmp_path / "clips.tflite", "") as address, browser.page(address) as page:
            assert "24 clips" in page.html
            shown = page.frames("#grid figure:nth-child(2) canvas", 4, (8, 16))
            page.evaluate("document.getElementById('film').click()")
            page.wait("document.getElementById('film-canvas').width === 16")
        clip = sampler.sample([1])[0].astype(int)  # [4, 8, 16, 1]
        errors = np.abs(shown[:, np.newaxis] - clip).max(axis=(2, 3, 4))  # [4, 4]
        assert (errors.min(axis=0) <= 1).all()

    def test_page(self, site, browser):
        with browser.page(site) as page:
            text = html.unescape(page.html)
        assert "<title>Pets</title>" in text
        assert "24 pictures" in text
        assert text.count("<canvas") == 25  # the grid and the film
        for name in ("cat", "dog", "T-shirt/top"):
            assert f">{name}</option>" in text


class TestSite:
    def test_other_folders_are_left_alone(self, model, tmp_path):
        (tmp_path / "home").mkdir()
        with pytest.raises(FileExistsError, match="is there and no site"):
            build(model, tmp_path / "home")

    def test_missing_model(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no such file"):
            build(tmp_path / "m.tflite", tmp_path / "site")

    def test_missing_runtime(self, model, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"core/package.json is missing; give the"):
            build(model, tmp_path / "site", litert=str(tmp_path))
        assert not list(tmp_path.iterdir())

    def test_batch(self, tmp_path):
        (tmp_path / "two.tflite").write_bytes(convert(make_sampler(), batch_size=2))
        with pytest.raises(ValueError, match="has a batch of 2; export it with --batch_size=1"):
            build(tmp_path / "two.tflite", tmp_path / "site")

    def test_other_inputs(self, tmp_path):
        content = convert(make_sampler(0, **ATTRIBUTES), batch_size=1)
        (tmp_path / "attributes.tflite").write_bytes(content)
        with pytest.raises(
            ValueError, match="pictures and clips, of classes at most; the model takes"
        ):
            build(tmp_path / "attributes.tflite", tmp_path / "site")

    def test_other_files(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(b"no model")
        with pytest.raises(ValueError, match="no TFLite file"):
            build(tmp_path / "m.tflite", tmp_path / "site")
