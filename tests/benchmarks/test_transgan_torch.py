"""Both sides of the comparison compute the same."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")


@pytest.mark.parametrize("is_generator", [True, False])
def test_ways_agree(is_generator):
    from benchmarks.transgan_torch import measure, ways

    compared = ways(is_generator, batch=1)
    del compared["tgan_tf, XLA"]  # a minute of compilation
    outputs = {name: call() for name, call in compared.items()}
    reference = outputs["PyTorch"]
    assert reference.shape == ((1, 32, 32, 3) if is_generator else (1,))
    for output in outputs.values():
        np.testing.assert_allclose(output, reference, atol=1e-4 * np.abs(reference).max())
    assert set(measure(compared, 1)) == set(compared)
