"""The numbers of torch-fidelity, clean-fid and prdc for what `seeded` makes, as JSON.

    python -m tests.oracles.metrics tests/metrics/golden.json

It runs in the environment that `make test-parity` builds (their versions are in
requirements.txt), without TensorFlow.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

# It must come before those that want it.
# isort: off
from tests.oracles import no_torchvision  # noqa: F401

# isort: on
from cleanfid import fid as clean_fid
from prdc import compute_prdc
from torch_fidelity import GenerativeModelModuleWrapper, metric_fid, metric_isc, metric_kid
from torch_fidelity import metric_prc as prc
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_ppl import calculate_ppl
from torch_fidelity.registry import register_sample_similarity
from torch_fidelity.sample_similarity_base import SampleSimilarityBase

from tests.oracles import seeded
from tgan_tf.metrics import inception_weights

PACKAGES = ("torch-fidelity", "clean-fid", "prdc", "torch")


def main(path: str) -> None:
    torch.set_num_threads(1)
    real, fake = seeded.features()
    numbers = {
        "made_with": {name: version(name) for name in PACKAGES},
        "torch_fidelity": _torch_fidelity(torch.from_numpy(real), torch.from_numpy(fake)),
        "clean_fid": _clean_fid(real.astype(np.float64), fake.astype(np.float64)),
        "prdc": {k: float(v) for k, v in compute_prdc(real, fake, nearest_k=5).items()},
        "path_length": _path_length(),
        "inception": _inception(),
    }
    Path(path).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def _torch_fidelity(real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
    statistics = [metric_fid.fid_features_to_statistics(x) for x in (fake, real)]
    numbers = dict(metric_fid.fid_statistics_to_metric(*statistics, verbose=False))
    numbers |= metric_kid.kid_features_to_metric(fake, real, verbose=False)
    numbers |= metric_isc.isc_features_to_metric(torch.from_numpy(seeded.logits()))
    precision, recall = prc.calculate_precision_recall_part(fake, real, neighborhood=3)
    return numbers | {"precision": precision, "recall": recall}


def _clean_fid(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    distance = clean_fid.frechet_distance(
        fake.mean(0), np.cov(fake, rowvar=False), real.mean(0), np.cov(real, rowvar=False)
    )
    # A subset of the whole set is the whole set: nothing is left to chance.
    kernel = clean_fid.kernel_distance(fake[:500], real[:500], num_subsets=1, max_subset_size=500)
    return {"frechet_distance": float(distance), "kernel_distance_of_500": kernel}


class _SquaredDistance(SampleSimilarityBase):
    """In place of LPIPS, whose weights are a download."""

    def __init__(self, name: str, **kwargs: object) -> None:
        super().__init__(name)

    def forward(self, in1: torch.Tensor, in2: torch.Tensor) -> torch.Tensor:
        return (in1 - in2).square().sum(dim=(1, 2, 3))


class _Generator(torch.nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        first, second = map(torch.from_numpy, seeded.generator_matrices())
        return (torch.tanh(z @ first) @ second).reshape(-1, 3, 4, 4)


def _path_length() -> dict[str, float]:
    register_sample_similarity("squared", _SquaredDistance)
    return calculate_ppl(
        1,
        input1=GenerativeModelModuleWrapper(_Generator(), seeded.LATENT, "normal", 0),
        input1_model_num_samples=seeded.PATH_PAIRS,
        ppl_sample_similarity="squared",
        ppl_epsilon=seeded.EPSILON,
        cuda=False,
        verbose=False,
    )


def _inception() -> dict[str, list[float]]:
    weights, state = seeded.inception_parameters(), {}
    for name, other in inception_weights.torch_names().items():
        state[f"{other}.conv.weight"] = weights[f"{name}/conv2d_params"].transpose(3, 2, 0, 1)
        for ours, theirs in (
            ("beta", "bias"),
            ("gamma", "weight"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ):
            state[f"{other}.bn.{theirs}"] = weights[f"{name}/batchnorm/{ours}"]
        state[f"{other}.bn.num_batches_tracked"] = np.array(0)
    state |= {"fc.weight": weights["softmax/weights"].T, "fc.bias": weights["softmax/biases"]}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in state.items()}
    with tempfile.TemporaryDirectory() as folder:
        torch.save(tensors, f"{folder}/weights.pth")
        network = FeatureExtractorInceptionV3(
            "inception",
            ["2048", "logits_unbiased", "logits"],
            feature_extractor_weights_path=f"{folder}/weights.pth",
        )
    images = torch.from_numpy(seeded.inception_images().transpose(0, 3, 1, 2).copy())
    names = ("pool_3", "logits_without_bias", "logits")
    return {
        name: [round(float(x), 6) for x in values[:, ::97].flatten()]
        for name, values in zip(names, network(images), strict=True)
    }


if __name__ == "__main__":
    main(sys.argv[1])
