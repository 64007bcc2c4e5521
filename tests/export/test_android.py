"""The Android project, by static means: what its files name is there, and agrees with the model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ai_edge_litert.interpreter import Interpreter

from export.android.__main__ import PROJECT, build
from tests.exporting.samplers import make_sampler
from tgan_tf.exporting import to_tflite

MAIN = PROJECT / "app" / "src" / "main"
ANDROID = "{http://schemas.android.com/apk/res/android}"
KOTLIN = {path.stem: path.read_text("utf-8") for path in MAIN.rglob("*.kt")}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("android") / "pets.tflite"
    to_tflite(make_sampler(3, condition_dropout=0.1), path)
    return path


def test_project(model, tmp_path):
    """Twice: one that is there is replaced."""
    for title in ("Pets", "Other"):
        out = build(model, tmp_path / "app", title)
        assets = out / "app" / "src" / "main" / "assets"
        assert (assets / "model.tflite").read_bytes() == model.read_bytes()
        info = json.loads((assets / "model.json").read_text())
        assert info["title"] == title
        assert info["sample_shape"] == [8, 12, 3]
        assert info["class_names"] == ["cat", "dog", "T-shirt/top"]
        assert info["guided"] is True
    files = {path.relative_to(PROJECT) for path in PROJECT.rglob("*") if path.is_file()}
    assert files <= {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert not list(tmp_path.glob(".*"))


def test_what_the_program_reads_is_written(model, tmp_path):
    out = build(model, tmp_path / "app")
    info = json.loads((out / "app/src/main/assets/model.json").read_text())
    asked = set(re.findall(r'json\.get\w+\("(\w+)"\)', KOTLIN["Generator"]))
    assert asked
    assert asked <= info.keys()
    opened = re.findall(r'assets(?:\.open\(|, )"([\w.]+)"', KOTLIN["Generator"])
    assert set(opened) == {"model.json", "model.tflite"}


def test_inputs_and_output_have_the_names_of_the_signature(model):
    runner = Interpreter(str(model)).get_signature_runner("sample")
    inputs = set(re.findall(r'inputs(?:\.getValue\(|\[)"(\w+)"', KOTLIN["Generator"]))
    assert inputs == set(runner.get_input_details())
    assert 'const val SIGNATURE = "sample"' in KOTLIN["Generator"]
    assert set(runner.get_output_details()) == {"image"}
    for name, write in (("seed", "Int"), ("label", "Int"), ("truncation", "Float")):
        assert re.search(rf'"{name}"[)\]]\??\.write{write}\(', KOTLIN["Generator"])


def test_resources_that_are_named_are_there():
    files = sorted((MAIN / "res").rglob("*.xml"))
    text = "".join(path.read_text("utf-8") for path in files) + "".join(KOTLIN.values())
    text += (MAIN / "AndroidManifest.xml").read_text("utf-8")
    trees = {path.stem: ElementTree.parse(path).getroot() for path in files}
    ids = {
        element.get(f"{ANDROID}id", "").removeprefix("@+id/")
        for element in trees["activity_main"].iter()
    } - {""}
    strings = {element.get("name") for element in trees["strings"]}
    assert set(re.findall(r"R\.id\.(\w+)|@id/(\w+)", text)) <= {(i, "") for i in ids} | {
        ("", i) for i in ids
    }
    used = {a or b for a, b in re.findall(r"(?<!android\.)R\.string\.(\w+)|@string/(\w+)", text)}
    assert used == strings  # none is missing, none is left over
    assert set(re.findall(r"(?<!android\.)R\.layout\.(\w+)", text)) == {"activity_main"}
    # What has a number in it is given one.
    for name, count in (("truncation_label", 1), ("done", 2), ("failed", 1)):
        (call,) = re.findall(rf"R\.string\.{name}((?:, [^,()]+(?:\([^()]*\))?)+)\)", text)
        assert call.count(", ") == count


def test_manifest():
    manifest = ElementTree.parse(MAIN / "AndroidManifest.xml").getroot()
    (activity,) = manifest.iter("activity")
    name = activity.get(f"{ANDROID}name").removeprefix(".")
    build_file = (PROJECT / "app" / "build.gradle.kts").read_text()
    (package,) = re.findall(r'namespace = "([\w.]+)"', build_file)
    assert f"class {name} : Activity()" in KOTLIN[name]
    assert all(f"package {package}\n" in text for text in KOTLIN.values())
    assert (MAIN / "java" / Path(*package.split(".")) / f"{name}.kt").is_file()
    assert activity.get(f"{ANDROID}exported") == "true"  # Android 12 asks for it
    assert not list(manifest.iter("uses-permission"))  # nothing leaves the phone


def test_versions_are_pinned():
    text = "".join(path.read_text() for path in PROJECT.rglob("*.kts"))
    versions = re.findall(r'version "([^"]+)"|implementation\("[^"]+:([^":]+)"\)', text)
    assert len(versions) == 3
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", a or b) for a, b in versions)
    assert "minSdk = 24" in text


def test_mistakes(model, tmp_path):
    (tmp_path / "home").mkdir()
    with pytest.raises(FileExistsError, match="is there and no Android project"):
        build(model, tmp_path / "home")
    with pytest.raises(FileNotFoundError, match="no such file; python -m export"):
        build(tmp_path / "m.tflite", tmp_path / "app")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
