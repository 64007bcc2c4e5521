"""Images from text: a folder with captions, a tiny encoder, training, drawing, the encoder's file.

What an exported model makes of text is in tests/export/test_serve.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import tgan_tf
from tests.language import bert, saved
from tgan_tf import generate
from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data.sources import load_source
from tgan_tf.exporting.text_encoder import to_text_encoder
from tgan_tf.modalities.pictures import rows_of_classes

CAPTIONS = ["a cat", "a cat sat.", "unknowns", "sat!"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """24 images, a shade for each of four captions, and an encoder beside them."""
    root = tmp_path_factory.mktemp("captions")
    bert.write(root / "bert")
    (root / "images").mkdir()
    lines = []
    for index in range(24):
        shade = np.full((8, 8), 60 * (index % 4) + index, np.uint8)
        Image.fromarray(shade).save(root / "images" / f"{index}.png")
        lines.append({"file_name": f"{index}.png", "text": CAPTIONS[index % 4]})
    table = root / "images" / "captions.jsonl"
    table.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return root


def options(folder: Path, **changes: object) -> dict[str, object]:
    return {
        "dataset": f"folder:{folder / 'images'}",
        "cache_dir": str(folder / "cache"),
        "captions": True,
        "text_encoder": str(folder / "bert"),
        "caption_length": 8,
        **changes,
    }


def test_captions_are_vectors(folder):
    source = load_source(DataConfig(**options(folder)))
    again = load_source(DataConfig(**options(folder)))  # from the cache
    assert source.train.captions == again.train.captions
    vectors = {}
    for samples in (source.train, source.val):
        assert samples.labels.shape == (len(samples), bert.WIDTH)
        for image, vector, caption in zip(
            samples.samples, samples.labels, samples.captions, strict=True
        ):
            assert caption == CAPTIONS[image[0, 0, 0] % 60 % 24 % 4]
            np.testing.assert_array_equal(vectors.setdefault(caption, vector), vector)
    assert len(vectors) == 4
    assert source.class_names == ()


def test_an_encoder_that_is_a_saved_model(folder):
    matrix = saved.write(folder / "saved")
    samples = load_source(DataConfig(**options(folder, text_encoder=str(folder / "saved")))).train
    expected = [saved.forward(matrix, caption) for caption in samples.captions]
    np.testing.assert_allclose(samples.labels, expected, atol=1e-6)


def test_what_has_no_captions_is_said(folder, tmp_path):
    with pytest.raises(ConfigError, match="--captions: digits has none"):
        load_source(DataConfig(**options(folder, dataset="digits")))
    for index in range(3):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / f"{index}.png")
    (tmp_path / "captions.csv").write_text("file_name,text\n0.png,a\n1.png,b\n")
    with pytest.raises(ConfigError, match=r"2\.png of .* has none"):
        load_source(DataConfig(**options(folder, dataset=f"folder:{tmp_path}")))
    (tmp_path / "captions.csv").write_text("file_name,text\n0.png,\n")
    with pytest.raises(ConfigError, match="row 1 lacks file_name or text"):
        load_source(DataConfig(**options(folder, dataset=f"folder:{tmp_path}")))


@pytest.fixture(scope="module")
def run(folder) -> Path:
    config = tgan_tf.Config().replace(
        **options(folder, condition_dropout=0.25),
        **{"latent_dim": 6, "w_dim": 8, "g_widths": (8,), "g_depths": (1,), "g_windows": (0,)},
        **{"g_heads": (2,), "d_width": (8,), "d_depth": (1,), "d_heads": 2},
        **{"batch_size": 8, "total_kimg": 0.032, "tick_kimg": 0.016, "snapshot_kimg": 0.032},
        **{"health_kimg": 0.016, "health_samples": 32, "metrics": (), "export": ()},
        penalty_every=1,  # one kind of step to trace
        out_dir=str(folder / "runs"),
    )
    return tgan_tf.train(config)


def test_a_run_draws_text(run):
    sampler = tgan_tf.load(run)
    images = sampler.sample(range(3), text="a cat sat.")
    assert images.shape == (3, 8, 8, 1)
    vector = sampler.condition.encoder.encode(["a cat sat."])
    np.testing.assert_array_equal(images, sampler.sample(range(3), np.repeat(vector, 3, axis=0)))
    each = sampler.sample(range(2), text=["a cat sat.", "sat!"])
    np.testing.assert_array_equal(each[0], images[0])
    assert (sampler.sample([0], text="", guidance=2.0) != images[0]).any()
    _, labels = generate.plan([5], "a cat sat.", sampler)
    np.testing.assert_array_equal(labels, vector)
    with pytest.raises(ValueError, match="text and label"):
        sampler.sample([0], vector[0], text="a")
    names, _ = sampler.condition.rows(3)
    assert len(names) == 3
    assert set(names) <= set(CAPTIONS)
    assert (run / "samples" / "classes.png").is_file()


def draw(*arguments: object) -> np.ndarray:
    """What the command that draws pictures writes."""
    values = flags.FlagValues()
    generate.define_flags(values)
    values(["generate", *map(str, arguments)])
    generate.run(values)
    with Image.open(values.out) as picture:
        return np.asarray(picture)


def test_rows_of_captions(run, folder, tmp_path):
    out = f"--out={tmp_path / 'rows.png'}"
    sampler, seeds = tgan_tf.load(run), range(3)

    def expected(captions: list[str]) -> np.ndarray:
        made = np.concatenate([sampler.sample(seeds, text=text) for text in captions])
        return rows_of_classes(made, np.repeat(np.arange(len(captions)), 3), captions, 3)[..., 0]

    held_out = load_source(DataConfig(**options(folder))).val.captions
    picture = draw(f"--run={run}", "--seeds=0-2", "--captions=held-out:9", out)
    np.testing.assert_array_equal(picture, expected(sorted(set(held_out))))
    asked = tmp_path / "asked.txt"
    asked.write_text("sat!\n\na cat sat. a cat sat. a cat sat. a cat sat.\n", encoding="utf-8")
    picture = draw(f"--run={run}", "--seeds=0-2", f"--captions={asked}", out)
    np.testing.assert_array_equal(picture, expected(asked.read_text().split("\n")[::2][:2]))
    for given, message in {
        "none.txt": "--captions=none.txt: no such file",
        "held-out --label=a": "leave --label and --single out",
        "held-out --columns=3": "--columns is for a plain grid",
    }.items():
        with pytest.raises(ValueError, match=message):
            draw(f"--run={run}", *f"--captions={given}".split())


def test_the_encoder_as_a_tflite_file(run, tmp_path):
    encoder = tgan_tf.load(run).condition.encoder
    kept = to_text_encoder(encoder, tmp_path / "encoder.tflite")
    words = (tmp_path / "encoder.vocab.txt").read_text(encoding="utf-8").split()
    assert words == bert.WORDS
    tokens = [words.index(word) for word in ("[CLS]", "a", "cat", "[SEP]", *["[PAD]"] * 4)]
    encode = Interpreter(str(kept.path)).get_signature_runner("encode")
    vector = encode(tokens=np.int32([tokens]))["condition"]
    assert (vector @ encoder.encode(["a cat"])[0]).item() > 0.97
