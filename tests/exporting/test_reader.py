"""An exported generator, read back, makes the samples of the run that it was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.exporting.samplers import make_sampler
from tgan_tf.exporting import to_saved_model, to_tflite
from tgan_tf.exporting.reader import ExportedSampler


def test_both_formats_make_the_runs_samples(tmp_path: Path) -> None:
    sampler, seeds = make_sampler(), [5, -3, 8]
    expected = sampler.sample(seeds).astype(int)
    to_saved_model(sampler, tmp_path / "model")
    to_tflite(sampler, tmp_path / "model.tflite", batch_size=2)
    for path in (tmp_path / "model", tmp_path / "model.tflite"):
        exported = ExportedSampler(path)
        assert exported.condition == "label"
        images = exported.sample(seeds, num_classes=3)  # of the fixed batch one is not needed
        assert images.dtype == np.uint8
        assert np.abs(images - expected).max() <= 1
        labels = np.array([2, 2, 0])
        same = exported.sample(seeds, labels).astype(int)
        assert np.abs(same - sampler.sample(seeds, labels)).max() <= 1
        with pytest.raises(ValueError, match="needs `label`: give the labels"):
            exported.sample(seeds)
        assert exported.config == sampler.config.to_dict()


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="SavedModel, or a"):
        ExportedSampler(tmp_path / "none.tflite")
    with pytest.raises(FileNotFoundError, match=r"no saved_model\.pb"):
        ExportedSampler(tmp_path)
    (tmp_path / "damaged.tflite").write_bytes(b"abc")
    with pytest.raises(ValueError, match="no TFLite file"):
        ExportedSampler(tmp_path / "damaged.tflite")
