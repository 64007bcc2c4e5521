"""Programs outside of Python make Python's picture: C, a browser, and Python without this package.

They need a C compiler, npm and Chromium; `make test` installs what is missing where it may.
"""

from __future__ import annotations

import contextlib
import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export.android import __main__ as android
from export.web.__main__ import build
from tests.export.browser import Page
from tests.export.rolls import assert_shows
from tests.exporting.samplers import ATTRIBUTES, make_clip_sampler, make_sampler, make_told
from tests.language import bert
from tests.tokens import WORDS, music_config, text_config, token_generator
from tgan_tf.exporting import flatbuffer, to_tflite
from tgan_tf.exporting.portable_random import normal_numpy
from tgan_tf.exporting.text_encoder import to_text_encoder
from tgan_tf.exporting.tflite import convert
from tgan_tf.inference import Sampler
from tgan_tf.language import WordPiece
from tgan_tf.modalities.midi import read_back
from tgan_tf.modalities.music import MusicModality
from tgan_tf.modalities.text import TextModality

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


def change(page: Page, script: str) -> np.ndarray:
    """What a person does on a page, and the first picture when it is drawn anew."""
    page.evaluate("delete document.body.dataset.ready; " + script)
    page.wait("document.body.dataset.ready === 'true'")
    context = "document.querySelector('#grid canvas').getContext('2d')"
    values = page.evaluate(f"Array.from({context}.getImageData(0, 0, 12, 8).data)")
    return np.array(values).reshape(8, 12, 4)[..., :3]


def set_value(selector: str, value: object) -> str:
    control = f"document.querySelector('{selector}')"
    return f"{control}.value = '{value}'; {control}.dispatchEvent(new Event('input')); "


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """A model of attributes."""
    path = tmp_path_factory.mktemp("kits") / "faces.tflite"
    path.write_bytes(convert(make_sampler(0, **ATTRIBUTES), batch_size=1))
    return path


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Sampler, Path]:
    """A generator of captions and its file, with that of the encoder beside."""
    folder = tmp_path_factory.mktemp("kits")
    sampler, path = make_told(folder / "bert"), folder / "emoji.tflite"
    path.write_bytes(convert(sampler, batch_size=1))
    to_text_encoder(sampler.condition.encoder, folder / "emoji.encoder.tflite")
    return sampler, path


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

    def test_attributes(self, browser, faces):
        with served(faces, "") as address, browser.page(address) as page:
            made = change(page, "document.querySelectorAll('#attributes input')[1].click()")
            assert "smile" in page.evaluate("document.getElementById('attributes').textContent")
        wanted = make_sampler(0, **ATTRIBUTES).sample([0], ["smile"])[0].astype(int)
        assert np.abs(made - wanted).max() <= 1

    def test_vector(self, browser, told, tmp_path):
        """The same file, as if nobody knew of the captions."""
        sampler, file = told
        content, path = file.read_bytes(), tmp_path / "vectors.tflite"
        values = flatbuffer.read_metadata(content)
        values["config"]["data"]["captions"] = False
        path.write_bytes(flatbuffer.with_metadata(content, values))
        vector = np.full(bert.WIDTH, 0.35, np.float32)
        vector[2] = -1.1
        with served(path, "") as address, browser.page(address) as page:
            made = change(page, set_value("#vector label:nth-child(3) input", -1.1))
        assert np.abs(made - sampler.sample([0], vector)[0].astype(int)).max() <= 1

    def test_caption(self, browser, told):
        """Of eight bits, as the encoder's file is; its words are those of Python."""
        sampler, path = told
        encoder = sampler.condition.encoder
        half = path.with_name("emoji.float16.tflite")
        half.write_bytes(path.read_bytes())  # a variant finds the same encoder
        texts = [
            "a cat sat.",
            "",
            "Un-KNOWNS É\tcaté, a's",
            "x cat 猫a\u0301!",
            "a " * 20,
            "ŉ" * 101,
            "a CÁT cÁt Ía İ",
        ]
        special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
        ways = [
            {"lowercase": lowercase, "strip_accents": strip, "special": special}
            for lowercase in (True, False)
            for strip in (True, False)
        ]
        with served(half, "") as address, browser.page(address) as page:
            made = change(page, set_value("#guidance", 2) + set_value("#caption", texts[0]))
            words = page.evaluate(
                "(async () => { const { wordPiece } = await import('./wordpiece.js');"
                " const vocabulary = (await (await fetch('vocab.txt')).text()).trim().split('\\n');"
                f" const [ways, texts] = {json.dumps([ways, texts])};"
                " return ways.map((way) => wordPiece(vocabulary, 8, way))"
                ".map((tokens) => texts.map((text) => Array.from(tokens(text)))); })()"
            )
        for made_so, way in zip(words, ways, strict=True):
            numbers = WordPiece(bert.WORDS, 8, **way)(tf.constant(texts)).numpy()
            np.testing.assert_array_equal(made_so, numbers)
        expected_words = encoder.tokens(tf.constant(texts)).numpy()
        np.testing.assert_array_equal(words[0], expected_words)
        run = Interpreter(str(path.with_name("emoji.encoder.tflite"))).get_signature_runner(
            "encode"
        )
        vector = run(tokens=expected_words[:1])["condition"]
        wanted = sampler.sample([0], vector, 1.0, 2.0)[0].astype(int)
        assert np.abs(made - wanted).max() <= 2
        assert np.abs(sampler.sample([0], text="sat!", guidance=2.0)[0] - wanted).max() > 10

    def test_texts(self, browser, tmp_path):
        config = text_config()
        sampler = Sampler(config, token_generator(config), TextModality(config), step=70)
        (tmp_path / "poems.tflite").write_bytes(convert(sampler, 1))
        words = "document.querySelector('#grid figure:nth-child(2) .words').textContent"
        with served(tmp_path / "poems.tflite", "") as address, browser.page(address) as page:
            assert page.evaluate(words) == sampler.modality.texts(sampler.sample([1], 0))[0]
            change(page, set_value("#temperature", 0.5) + set_value("#prefix", "春風"))
            made = sampler.sample([1], 0, temperature=0.5, prefix="春風")
            assert page.evaluate(words) == sampler.modality.texts(made)[0]
            page.evaluate(set_value("#prefix", "x"))
            page.wait("document.body.textContent.includes('not in the vocabulary')")

    def test_texts_end(self, site, browser):
        """As ``TextModality.texts`` has it, where they end at different places."""
        samples = np.array([[2, 3, 0, 4, 0], [0, 2, 3, 4, 5], [2, 2, 3, 4, 5]], np.int32)
        texts = TextModality(text_config(WORDS, 5)).texts(samples)
        info = {"vocabulary": WORDS, "text_ends": True, "text_lines": 0}
        script = (
            "(async () => { const { words } = await import('./text.js'); return"
            f" {samples.tolist()}.map((row) => words(row, {json.dumps(info)})); }})()"
        )
        with browser.page(site) as page:
            assert page.evaluate(script) == texts

    def test_music(self, browser, tmp_path):
        """Seen as a piano roll, kept as a MIDI file, and played."""
        config = music_config(given_voices=())
        sampler = Sampler(config, token_generator(config), MusicModality(config), step=70)
        (tmp_path / "tunes.tflite").write_bytes(convert(sampler, 1))
        caption = "document.querySelector('#grid figure:nth-child(2) figcaption')"
        with served(tmp_path / "tunes.tflite", "") as address, browser.page(address) as page:
            (roll,) = page.frames("#grid figure:nth-child(2) canvas", 1, (12, 80))
            file = page.evaluate(
                f"fetch({caption}.querySelector('a').href).then((file) => file.arrayBuffer())"
                ".then((bytes) => Array.from(new Uint8Array(bytes)))"
            )
            button = f"{caption}.querySelector('button')"
            for word in ("Stop", "Play"):
                page.evaluate(f"{button}.click()")
                assert page.evaluate(f"{button}.textContent") == word
            # What is heard ends when another takes its place.
            page.evaluate("AudioContext.prototype.close = () => { window.isClosed = true; }")
            page.evaluate(f"{button}.click()")
            assert not page.evaluate("window.isClosed")
            change(page, set_value("#seed", 5))
            assert page.evaluate("window.isClosed")
        window = sampler.sample([1], 0)[0]  # [16, 2]
        np.testing.assert_array_equal(read_back(bytes(file), (16, 2)), window)
        assert_shows(roll, window, 63)

    def test_series(self, site, browser):
        """A value lies where its deviation from the mean says."""
        script = (
            "(async () => { const { draw } = await import('./samples.js');"
            " const canvas = document.createElement('canvas');"
            " draw(canvas, [10, 13, 10], { modality: 'series', sample_shape: [3, 1],"
            " channel_mean: [10], channel_std: [2] });"
            " const context = canvas.getContext('2d');"
            " return Array.from(context.getImageData(144, 0, 1, 192).data); })()"
        )
        with browser.page(site) as page:
            column = np.array(page.evaluate(script)).reshape(192, 4)
        (blue,) = np.nonzero((column[:, 2] - column[:, 0]) > 100)
        assert abs(blue.mean() - 192 * (1 - 0.5) / 2) < 2  # half-way to the edge


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

    def test_other_inputs(self, faces, model, tmp_path):
        with pytest.raises(ValueError, match=r"takes attributes, .* export\.web shows"):
            android.build(faces, tmp_path / "app")
        with pytest.raises(ValueError, match=r"--encoder=e\.tflite: --model=.* no captions"):
            build(model, tmp_path / "site", encoder="e.tflite")

    def test_missing_encoder(self, told, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"writes emoji\.encoder\.tflite and \.vocab"):
            build(Path(shutil.copy(told[1], tmp_path)), tmp_path / "site")

    def test_other_files(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(b"no model")
        with pytest.raises(ValueError, match="no TFLite file"):
            build(tmp_path / "m.tflite", tmp_path / "site")
