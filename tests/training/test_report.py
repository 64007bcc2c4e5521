from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.training.runs import resolved
from tgan_tf.data.types import SampleSet
from tgan_tf.gan import TransformerGAN
from tgan_tf.training import curves, pages, report
from tgan_tf.training.journal import Journal
from tgan_tf.training.preview import Preview, _number
from tgan_tf.training.rundir import RunDirectory


def tick(step: int) -> dict:
    return {
        "kind": "tick",
        "step": step,
        "kimg": step / 10,
        "loss_d": 1 / step,
        "loss_g": 2.0,
        "real_sign": 0.5,
        "images_per_second": 100.0 + step if step > 1 else None,
        "memory_gib": 1.0,
        "seconds": 60.0 * step,
    }


def evaluation(step: int) -> dict:
    return {
        "kind": "evaluation",
        "step": step,
        "kimg": step / 10,
        "metrics": {"frechet_x": 10 / step, "precision_x": 0.5, "class_accuracy": None},
        "reference": "training images <all>",
        "seconds": 3.0,
    }


ROWS = [tick(1), tick(2), evaluation(2), tick(3), evaluation(3)]


class Page(HTMLParser):
    """Checks that tags are closed, and gathers what the page would load."""

    void = ("meta", "img", "path", "use", "br", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list) -> None:
        if tag not in self.void:
            self.open.append(tag)
        self.loads += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.loads += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    config = resolved(out_dir=os.fspath(tmp_path), name="a&b", r1_gamma=0.7)
    run = RunDirectory.create(config, config, "digits")
    for row in ROWS:
        Journal(run.metrics).append(row)
    run.samples.mkdir()
    for name in ("reals", "classes", *(f"fakes{kimg:06d}" for kimg in range(0, 90, 10))):
        Image.new("L", (8, 8)).save(run.samples / f"{name}.png")
    return run


def read(run: RunDirectory) -> Page:
    page = Page()
    page.feed(run.report.read_text(encoding="utf-8"))
    assert not page.open
    return page


def test_the_report_needs_nothing_else(run: RunDirectory) -> None:
    report.write(run, {"generator": [("block <0>", "2x2", 4)], "discriminator": []})
    page = read(run)
    images = [url for url in page.loads if url.startswith("data:image/png;base64,")]
    # Fakes, reals, classes and six earlier moments.
    assert len(images) == 9
    assert all(url.startswith("#") for url in page.loads if url not in images)
    assert "url(http" not in run.report.read_text()
    assert (run.samples / "curves.png").stat().st_size > 1000
    assert not list(run.path.rglob("*.tmp"))


def test_the_report_says_what_there_is(run: RunDirectory) -> None:
    report.write(run, {"generator": [("block <0>", "2x2", 4)], "discriminator": []})
    text = read(run).text
    for part in (
        run.path.name,
        "frechet x",
        "training images <all>",
        "block <0>",
        "3.33",  # the last Frechet distance
        "102",  # the median of images per second
        "3:00",
        "--r1_gamma=0.7",
        "python train.py --flagfile=",
    ):
        assert part in text


def test_the_headline_is_of_the_samples(run: RunDirectory) -> None:
    metrics = {
        "bleu2": 0.4321,
        "trigram_matched_bleu2": 0.1234,
        "trigram_matched_temperature": 0.86,
    }
    row = {"kind": "evaluation", "step": 4, "kimg": 0.4, "metrics": metrics}
    Journal(run.metrics).append(row)
    report.write(run, {})
    page = run.report.read_text(encoding="utf-8")
    assert "<b>0.432</b>" in page
    assert "<b>0.123</b>" not in page
    assert "trigram matched temperature" in page


def test_the_report_says_what_was_wrong_and_what_was_done(run: RunDirectory) -> None:
    report.write(run, {})
    assert "Nothing was found wrong" in read(run).text
    facts = {"kind": "diagnosis", "since_step": 1, "cause": "c <b>", "advice": "a"}
    for name, step in (("mode_collapse", 2), ("oscillation", 3)):
        found = facts | {"name": name, "step": step, "kimg": 0.2, "evidence": f"saw {name}"}
        Journal(run.metrics).append(found)
    Journal(run.metrics).append(
        {
            "kind": "remedy",
            "step": 3,
            "kimg": 0.3,
            "seconds": 1.0,
            "number": 1,
            "of": 3,
            "since_step": 1,
            "found_at_step": 3,
            "diagnosis": "oscillation",
            "evidence": "it swung",
            "what": "r1_gamma 0.7 -> 1.4",
        }
    )
    Journal(run.metrics).append(tick(4) | {"diagnoses": ["mode_collapse"]})
    report.write(run, {})
    text = read(run).text
    for part in (
        "Mode collapsesteps 1 to 2, and at the end",
        "Oscillationsteps 1 to 3; not at the end",
        "Seen: saw mode_collapse.",
        "Usually: c <b>.",
        "Remedy 1 of 3steps 1 to 3",
        "Done: r1_gamma 0.7 -> 1.4.",
        "Against oscillation: it swung.",
    ):
        assert part in text
    assert "Nothing was found wrong" not in text


def test_headline_numbers_have_their_intervals(run: RunDirectory) -> None:
    details = {"precision_x": {"interval": [0.4321, 0.6], "fake": 300, "real": 100}}
    Journal(run.metrics).append(evaluation(5) | {"details": details})
    report.write(run, {})
    text = read(run).text
    assert text.count("0.432 to 0.6") == 2  # in the headline and in the table
    assert "95 % interval" in text


def test_what_guidance_gains_stands_below(run: RunDirectory) -> None:
    gain = {"share": 0.7215, "gain": 0.044, "interval": [-0.02, 0.0712]}
    details = {"precision_x": {"details": {"with_guidance": {"2": gain}}}}
    Journal(run.metrics).append(evaluation(5) | {"details": details})
    report.write(run, {})
    text = read(run).text
    assert re.search(r"with guidance 2\s*0\.7215\s*\+0\.044 \(-0\.020 to \+0\.071\)", text)


def test_curves_of_health_are_drawn_of_what_is_there() -> None:
    looked = tick(2) | {"d_train": 1.0, "d_val": 0.5, "class_diversity": {"a": 0.7, "b": 0.2}}
    looked |= {"sign_val": 0.25, "logit_scale": 2.0}
    panels = {panel.title: panel for panel in curves.health_panels([tick(1), looked])}
    assert list(panels) == [
        "Logits without augmentation",
        "Mean signs without augmentation",
        "Standard deviation of the logits",
        "Variety, generated / real",
    ]
    assert panels["Mean signs without augmentation"].limits == (-1.05, 1.05)
    assert panels["Variety, generated / real"].series == {"worst class": ([0.2], [0.2])}
    assert set(panels["Logits without augmentation"].series) == {"training", "held out"}


def test_a_report_of_nothing_yet(tmp_path: Path) -> None:
    config = resolved(out_dir=os.fspath(tmp_path))
    run = RunDirectory.create(config, config, "digits")
    run.samples.mkdir()
    report.write(run, {})
    assert "Configuration" in read(run).text
    assert not list(run.samples.iterdir())


def test_numbers_have_the_digits_that_mean_something() -> None:
    values = (0.5, 3.14159, 12345.6, 7, 1.23e-5, 0.0, None)
    assert [pages.number(value) for value in values] == [
        "0.5",
        "3.142",
        "12,346",
        "7",
        "1.2e-05",
        "0",
        "-",
    ]


def test_curves_are_drawn_of_what_is_there() -> None:
    panels = {panel.title: panel for panel in curves.panels(ROWS)}
    assert list(panels) == [
        "Losses",
        "Mean sign of D(real)",
        "Images per second",
        "Memory, GiB",
        "Frechet distance",
        "Precision and recall",
        "Class accuracy",
    ]
    assert panels["Losses"].series["discriminator"] == ([0.1, 0.2, 0.3], [1.0, 0.5, 1 / 3])
    assert panels["Images per second"].series[""] == ([0.2, 0.3], [102.0, 103.0])
    assert panels["Frechet distance"].dots
    assert curves.panels([]) == []


def test_curves_of_what_is_not_an_image() -> None:
    metrics = {"overlap_step_size": 0.5, "variety": 0.6, "trigram_bleu2": 0.3, "bleu2": 0.4}
    rows = [{"kind": "tick", "kimg": 0.1, "likelihood": 2.0, "divergence": 60.0}]
    rows += [{"kind": "evaluation", "kimg": kimg, "metrics": metrics} for kimg in (0.1, 0.2)]
    panels = {panel.title: list(panel.series) for panel in curves.panels(rows)}
    assert panels == {
        "Negative log-likelihood of a token, nats": [""],
        "Divergence of the encoder's z, nats": [""],
        "BLEU, self-BLEU": ["bleu2"],
        "Overlap of windows' features": ["overlap step size"],
        "Variety, novelty": ["variety"],
    }


def test_the_svg_takes_the_pages_colour_and_is_the_same_each_time() -> None:
    svg = curves.svg(curves.panels(ROWS))
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert "currentColor" in svg
    assert curves.svg(curves.panels(ROWS)) == svg
    assert curves.svg([]) == ""


@pytest.fixture(scope="module")
def gan() -> TransformerGAN:
    return TransformerGAN(resolved())


def test_previews_are_of_the_same_latents_each_time(gan: TransformerGAN, tmp_path: Path) -> None:
    preview = Preview(gan, tmp_path)
    one = preview.fakes(12.032)
    np.testing.assert_array_equal(preview.fakes(13), one)
    preview.classes()
    reals = SampleSet(np.zeros((100, 8, 8, 1), np.uint8))
    preview.reals(reals)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["classes.png", "fakes000012_032.png", "fakes000013.png", "reals.png"]
    with Image.open(tmp_path / "fakes000012_032.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), one[..., 0])


def test_pictures_have_names_of_their_own_in_order(tmp_path: Path) -> None:
    names = [f"fakes{_number(step * 64 / 1000)}.png" for step in range(40)]
    assert (names[0], names[1], names[-1]) == (
        "fakes000000.png",
        "fakes000000_064.png",
        "fakes000002_496.png",
    )
    assert _number(12) == "000012"
    assert len(set(names)) == 40
    assert names == sorted(names)
    assert [report._kimg(Path(name)) for name in names[:3]] == [0, 0.064, 0.128]


def test_samples_do_not_depend_on_how_many_are_drawn(gan: TransformerGAN, tmp_path: Path) -> None:
    preview, done = Preview(gan, tmp_path), []
    label = np.arange(100) % 10
    many = preview.sample(range(100), label, progress=lambda *counts: done.append(counts))
    assert many.shape == (100, 8, 8, 1)
    assert done == [(64, 100), (100, 100)]
    np.testing.assert_array_equal(preview.sample(range(90, 93), label[90:93]), many[90:93])
