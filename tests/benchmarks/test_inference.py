"""The table of the comparison of engines."""

from __future__ import annotations

import numpy as np

from benchmarks.inference import Measured, table


def test_table():
    """Medians, ratios to the fastest float engine (not to int8), differences, absent engines."""
    ones = np.ones((8, 2, 2, 1), np.float32)
    found = {}
    for threads in (1, 2):
        for name, ms, images in (
            ("Keras", 4.0, 2 * ones),
            ("TFLite float32", 2.0, 2 * ones + 0.5),
            ("TFLite dynamic_int8", 1.0, ones),
        ):
            seconds = {1: [ms / 1e3, ms / 1e3, 9.0], 8: [8 * ms / 1e3]}
            found[name, threads] = Measured(0.25 * ms, images, seconds, 100 * ms)
    lines = table(found, {"OpenVINO": "pip install it"}).splitlines()
    assert lines[2] == "| Keras | " + "4.00 (2.00) | 32.00 (2.00) | " * 2 + "1.0 | 400 | 0.0e+00 |"
    assert lines[3].endswith(" | 0.5 | 200 | 2.5e-01 |")
    assert lines[4].startswith("| TFLite dynamic_int8 | 1.00 (0.50) | 8.00 (0.50) |")
    assert lines[5].startswith("| OpenVINO | pip install it |")
    assert len({line.count("|") for line in lines}) == 1
