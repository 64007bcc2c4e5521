"""Recordings that lie inside packages, whose files are read; the packages are not imported.

- ``sunspots``: the yearly numbers of 1700 to 2008, in statsmodels.
- ``watch``: a watch on the wrist of ten people who do twenty repetitions of seven exercises of the
  shoulder, left and right (Burns et al. 2018, "Shoulder physiotherapy exercise recognition"), in
  seglearn: 140 recordings of an accelerometer and a gyroscope, three axes each. Of its 50 steps a
  second each two become their mean.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path

import numpy as np

from tgan_tf.config import ConfigError
from tgan_tf.data.recordings import Recordings

_WATCH_SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
_WATCH_MEAN = 2  # steps
EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}


def sunspots() -> Recordings:
    """One recording of 309 years."""
    file = _inside("statsmodels", "datasets/sunspots/sunspots.csv", "sunspots")
    table = np.genfromtxt(file, delimiter=",", names=True)
    return Recordings([table["SUNACTIVITY"][:, None]], None, ("sunspots",), ())


def watch() -> Recordings:
    """140 recordings of 19 to 52 seconds, 25 steps a second, with the names of exercises."""
    content = _inside("seglearn", "data/watch_dataset.npy", "watch").read_bytes()
    # The file is a pickle, which could run anything; this one is known to hold arrays.
    if hashlib.sha256(content).hexdigest() != _WATCH_SHA256:
        raise ConfigError("--dataset=watch: seglearn's file is not that of its release 1.2.5")
    known = np.load(io.BytesIO(content), allow_pickle=True).item()
    values = [
        x[: len(x) // _WATCH_MEAN * _WATCH_MEAN].reshape(-1, _WATCH_MEAN, x.shape[-1]).mean(axis=1)
        for x in known["X"]
    ]
    labels = [EXERCISES[known["y_labels"][label]] for label in known["y"]]
    return Recordings(values, labels, tuple(known["X_labels"]), ())


def _inside(package: str, path: str, dataset: str) -> Path:
    found = importlib.util.find_spec(package)
    places = [Path(place) for place in (found and found.submodule_search_locations) or ()]
    file = next((place / path for place in places if (place / path).is_file()), None)
    if file is None:
        raise ConfigError(f"--dataset={dataset}: pip install {package}, which holds them")
    return file
