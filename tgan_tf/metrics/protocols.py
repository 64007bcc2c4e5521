"""Whose numbers ours are comparable with: the choices of each reference implementation.

Sources: the code and papers of torch-fidelity 0.4 (Obukhov et al.), clean-fid (Parmar et al.,
2022), StyleGAN3 (Karras et al., 2021) and StudioGAN (Kang et al., 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tgan_tf.metrics.suite import Definitions

_INCEPTION = "inception"
_VGG = "VGG16, which is not among our networks"


@dataclass(frozen=True)
class Protocol:
    """The choices of one implementation.

    Attributes:
        name: of the implementation.
        definitions: of the numbers.
        resize: 'legacy' or 'clean', see `inception.Inception2015`.
        logits_bias: whether the classes of the inception score are those of the biased logits.
        networks: metric -> the network that its numbers are published with.
    """

    name: str
    definitions: Definitions
    resize: str
    logits_bias: bool = False
    networks: Mapping[str, str] = field(default_factory=dict)

    def comparable(self, metric: str, extractor: str) -> str | None:
        """None if a number can stand beside the implementation's; else the reason why not.

        Args:
            metric: its name, as in 'frechet'.
            extractor: name of the network that saw the samples.
        """
        wanted = self.networks.get(metric)
        if wanted is None:
            return f"{self.name} does not define {metric}"
        if wanted == _INCEPTION and extractor == f"inception_{self.resize}":
            return None
        what = "the Inception graph of 2015" if wanted == _INCEPTION else wanted
        return f"{self.name} uses {what}, this is {extractor}"


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "torch_fidelity",
            Definitions(neighbour=3, closed_balls=True),
            resize="legacy",
            networks={
                **dict.fromkeys(("frechet", "kernel", "inception_score"), _INCEPTION),
                **dict.fromkeys(("precision", "recall"), _VGG),
            },
        ),
        Protocol(
            "clean_fid",
            Definitions(kernel_subset_size=0),
            resize="clean",
            networks=dict.fromkeys(("frechet", "kernel"), _INCEPTION),
        ),
        Protocol(
            "stylegan",
            Definitions(
                covariance_ddof=0,
                kernel_subset_size=0,
                neighbour=3,
                closed_balls=True,
                score_shuffle=False,
            ),
            resize="legacy",
            networks={
                **dict.fromkeys(("frechet", "kernel", "inception_score"), _INCEPTION),
                **dict.fromkeys(("precision", "recall"), _VGG),
            },
        ),
        Protocol(
            "studiogan",
            Definitions(neighbour=5, closed_balls=False, score_splits=1, score_shuffle=False),
            resize="clean",
            logits_bias=True,
            networks=dict.fromkeys(
                ("frechet", "inception_score", "precision", "recall", "density", "coverage"),
                _INCEPTION,
            ),
        ),
    )
}
