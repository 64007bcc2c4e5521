"""Set before TensorFlow starts, for every test and the processes that tests start."""

from __future__ import annotations

import os
import random
import sys

import numpy as np
import pytest

for name, value in {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "KERAS_BACKEND": "tensorflow",
    # One thread an operation: tests stay fast beside each other.
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # A program of XLA runs once here: in half the time it is compiled without optimisation.
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
    # Tolerances are those of a CPU; `CUDA_VISIBLE_DEVICES=0 pytest` tries a GPU.
    "CUDA_VISIBLE_DEVICES": "-1",
}.items():
    os.environ.setdefault(name, value)


@pytest.fixture(autouse=True)
def _seeds():
    """Each test draws the same numbers, alone or in the suite."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        tf.random.set_seed(0)


@pytest.fixture
def torch(monkeypatch):
    """Names as `import torch` would make them, so that pickles can refer to them."""
    from tests.torch_files import pretend_torch

    return pretend_torch(monkeypatch)
