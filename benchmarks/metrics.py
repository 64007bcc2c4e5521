"""Frechet distance, kernel distance, precision and recall of given features: ours and theirs.

    ~/.cache/tgan_tf/parity/bin/python -m benchmarks.metrics --samples=50000

in the environment that `make test-parity` builds (torch-fidelity and prdc; ours needs only NumPy
there). Prints seconds and numbers of either, in one process with as many threads. prdc holds whole
matrices of distances, 40 bytes for each pair and more: it gets --prdc_samples of either set.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.kernel import kernel_distance
from tgan_tf.metrics.manifold import manifold

_BATCH = 1000
Numbers = dict[str, float]


def features(count: int, dim: int, seed: int) -> np.ndarray:
    """float32 ``[count, dim]``: positive and correlated, as pooled activations are."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((dim // 16, dim), np.float32) / (dim / 16) ** 0.5
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, dim // 16), np.float32) @ mixing
    x += 0.3 * rng.standard_normal((count, dim), np.float32)
    return np.maximum(x, 0)


def our_frechet(real: np.ndarray, fake: np.ndarray) -> Numbers:
    sets = []
    for x in (real, fake):
        moments = Moments()
        for start in range(0, len(x), _BATCH):
            moments.update(x[start : start + _BATCH])
        sets.append(moments)
    return {"frechet": frechet_distance(*sets)}


def their_frechet(real: np.ndarray, fake: np.ndarray) -> Numbers:
    import torch
    from torch_fidelity import metric_fid

    sets = [metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (fake, real)]
    numbers = metric_fid.fid_statistics_to_metric(*sets, verbose=False)
    return {"frechet": numbers["frechet_inception_distance"]}


def our_kernel(real: np.ndarray, fake: np.ndarray) -> Numbers:
    return {"kernel": kernel_distance(fake, real).mean}


def their_kernel(real: np.ndarray, fake: np.ndarray) -> Numbers:
    import torch
    from torch_fidelity import metric_kid

    sets = [torch.from_numpy(x) for x in (fake, real)]
    numbers = metric_kid.kid_features_to_metric(*sets, verbose=False)
    return {"kernel": numbers["kernel_inception_distance_mean"]}


def our_manifold(real: np.ndarray, fake: np.ndarray) -> Numbers:
    """All four; torch-fidelity computes the first two."""
    found = manifold(real, fake, k=3, closed=True)
    return {name: getattr(found, name) for name in ("precision", "recall", "density", "coverage")}


def their_manifold(real: np.ndarray, fake: np.ndarray) -> Numbers:
    import torch
    from torch_fidelity import metric_prc

    sets = [torch.from_numpy(x) for x in (fake, real)]
    precision, recall = metric_prc.calculate_precision_recall_part(*sets, neighborhood=3)
    return {"precision": precision, "recall": recall}


def our_prdc(real: np.ndarray, fake: np.ndarray) -> Numbers:
    found = manifold(real, fake, k=5)
    return {name: getattr(found, name) for name in ("precision", "recall", "density", "coverage")}


def their_prdc(real: np.ndarray, fake: np.ndarray) -> Numbers:
    from prdc import compute_prdc

    return compute_prdc(real, fake, nearest_k=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=50_000, help="of either set")
    parser.add_argument("--prdc_samples", type=int, default=10_000, help="of either set")
    parser.add_argument("--dim", type=int, default=2048, help="numbers in a feature vector")
    options = parser.parse_args()
    from tests.oracles import no_torchvision  # noqa: F401

    real, fake = (features(options.samples, options.dim, seed) for seed in (1, 2))
    fake *= 0.97
    few = slice(options.prdc_samples)
    _race("frechet", our_frechet, "torch-fidelity", their_frechet, real, fake)
    _race("kernel", our_kernel, "torch-fidelity", their_kernel, real, fake)
    _race("prdc", our_prdc, "prdc", their_prdc, real[few], fake[few])
    _race("precision, recall", our_manifold, "torch-fidelity", their_manifold, real, fake)


def _race(
    what: str,
    ours: Callable[..., Numbers],
    rival: str,
    theirs: Callable[..., Numbers],
    *sets: np.ndarray,
) -> None:
    seconds: dict[str, float] = {}
    for name, function in (("tgan_tf", ours), (rival, theirs)):
        start = time.perf_counter()
        numbers: dict[str, Any] = function(*sets)
        seconds[name] = time.perf_counter() - start
        shown = ", ".join(f"{k} {v:.6g}" for k, v in numbers.items())
        print(f"{what:18} {len(sets[0]):6,} x {sets[0].shape[1]}  {name:15}", end="  ")
        print(f"{seconds[name]:8.1f} s  {shown}", flush=True)
    print(f"{what:18} {seconds[rival] / seconds['tgan_tf']:.1f} times as fast", flush=True)


if __name__ == "__main__":
    main()
