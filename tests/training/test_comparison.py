"""Runs side by side, from their files alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.training.runs import resolved
from tests.training.test_report import Page, evaluation, tick
from tgan_tf.training import comparison
from tgan_tf.training.journal import Journal
from tgan_tf.training.rundir import RunDirectory

ROOT = Path(__file__).parents[2]
DETAILS = {"details": {"frechet_x": {"interval": [4.5, 5.5]}}}


@pytest.fixture
def sides(tmp_path: Path) -> list[comparison.Side]:
    found = {"kind": "diagnosis", "step": 2, "kimg": 0.2, "name": "mode_collapse"}
    remedy = {"kind": "remedy", "step": 2, "kimg": 0.2, "seconds": 1.0}
    rows = {
        0.7: [tick(1), tick(2), evaluation(2) | DETAILS],
        0.9: [tick(1), evaluation(1), tick(4), found, remedy, evaluation(4)],
    }
    paths = []
    for gamma, of_run in rows.items():
        config = resolved(out_dir=os.fspath(tmp_path), name="<b>", r1_gamma=gamma)
        run = RunDirectory.create(config, config, "digits")
        for row in of_run:
            Journal(run.metrics).append(row)
        run.samples.mkdir()
        Image.new("L", (8, 8)).save(run.samples / "fakes000001.png")
        run.unlock()
        paths.append(run.path)
    return [comparison.read(path) for path in paths]


def test_the_table_says_who_is_better_and_why(sides: list[comparison.Side]) -> None:
    table = {line.title: line for line in comparison.lines(sides)}
    assert table["frechet x"].cells == ["5 (4.5 to 5.5)", "2.5"]
    assert table["frechet x"].best == {1}
    assert table["precision x"].best == {0, 1}
    assert table["class accuracy"] == comparison.Line("class accuracy", ["-", "-"])
    assert table["thousand images"].cells == ["0.2", "0.4"]
    assert table["found wrong"].cells == ["nothing", "mode collapse"]
    assert table["remedies"].cells == ["0", "1"]
    assert table["--r1_gamma"].cells == ["0.7", "0.9"]
    assert [title for title in table if title.startswith("--")] == ["--r1_gamma"]
    text = comparison.text(sides)
    assert "2.5 *" in text
    assert len({line.find("mode collapse") for line in text.splitlines()}) == 2


def test_a_run_that_has_nothing_yet(sides: list[comparison.Side], tmp_path: Path) -> None:
    config = resolved(out_dir=os.fspath(tmp_path))
    empty = comparison.read(RunDirectory.create(config, config, "digits").path)
    table = {line.title: line.cells[-1] for line in comparison.lines([*sides, empty])}
    assert table["frechet x"] == table["training"] == "-"


def test_the_page_needs_nothing_else(sides: list[comparison.Side], tmp_path: Path) -> None:
    comparison.write(sides, tmp_path / "new" / "compare.html")
    page = Page()
    page.feed((tmp_path / "new" / "compare.html").read_text(encoding="utf-8"))
    assert not page.open
    assert sum(url.startswith("data:image/png;base64,") for url in page.loads) == 2
    for text in ("Losses: discriminator", "Losses: generator", "Images per second"):
        assert page.text.count(text) == 1
    # In the title, the table, under its samples, and in the legends.
    assert all(page.text.count(side.name) > 5 for side in sides)


def compare(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tgan_tf.compare", *map(os.fspath, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command(sides: list[comparison.Side], tmp_path: Path) -> None:
    result = compare(*(side.run.path for side in sides), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert comparison.text(sides) in result.stdout
    assert (tmp_path / "compare.html").is_file()
    alone = compare(sides[0].run.path, cwd=tmp_path)
    assert (alone.returncode, alone.stderr.count("\n")) == (2, 1)
    assert "two run directories" in alone.stderr
    assert "not a run directory" in compare(tmp_path, tmp_path, cwd=tmp_path).stderr
