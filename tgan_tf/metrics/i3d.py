"""Features of clips by I3D: with these, and only these, a Frechet distance is FVD.

The weights come from a local folder: the module that Unterthiner et al. 2018 ("Towards accurate
generative models of video") measure with, I3D of Carreira and Zisserman 2017 for Kinetics, as a
SavedModel.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.inception import folder_sha256
from tgan_tf.metrics.kernel import kernel_distance
from tgan_tf.metrics.network import load_signature, shapes_of
from tgan_tf.metrics.suite import Outcome

_SIDE = 224
_CLASSES = (400, 600)  # of Kinetics
_AT_ONCE = 16  # clips


class I3D:
    """The logits, averaged over time, of uint8 clips.

    Frames are stretched to 224 pixels, bilinear without antialiasing, and lie in [-1, 1].

    Args:
        path: folder of a SavedModel. Its signature ``serving_default`` (or ``default``) takes one
            float32 tensor ``[B, F, 224, 224, 3]`` and gives one output ``[B, 400 or 600]``.

    Attributes:
        name: says which Kinetics.
        identity: all that changes the numbers.

    Raises:
        ValueError: no SavedModel, or one with another signature.
    """

    def __init__(self, path: str) -> None:
        folder = Path(path).expanduser()
        module, signature = load_signature(folder, ("serving_default", "default"))
        inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
        taken, made = [list(x.values()) for x in (inputs, outputs)]
        if (
            (len(taken), len(made)) != (1, 1)
            or taken[0].shape.rank != 5
            or made[0].shape.rank != 2
            or made[0].shape[1] not in _CLASSES
        ):
            raise ValueError(
                f"{folder}: the signature must take one tensor of clips [B, F, 224, 224, 3] and"
                f" give one of logits [B, 400 or 600]; it takes {shapes_of(inputs)} and gives"
                f" {shapes_of(outputs)}"
            )
        (argument,), (output,) = inputs, outputs
        self.name = f"kinetics{made[0].shape[1]}"
        self.identity = f"i3d-{self.name}/bilinear-{_SIDE}px/sha256-{folder_sha256(folder)}"
        self._frames = taken[0].shape[1]

        def forward(clips: tf.Tensor, _alive: object = module) -> tf.Tensor:
            shape = tf.shape(clips)
            x = tf.reshape(clips, tf.concat([[-1], shape[2:]], axis=0))  # [B F, H, W, 3]
            x = tf.cast(x, tf.float32)
            # tf.image.resize puts pixel centres at halves, which is another picture.
            x = tf.raw_ops.ResizeBilinear(images=x, size=(_SIDE, _SIDE))
            x = tf.reshape(x / 127.5 - 1, (-1, shape[1], _SIDE, _SIDE, 3))
            return signature(**{argument: x})[output]

        spec = tf.TensorSpec([None, None, None, None, 3], tf.uint8)
        self._forward = tf.function(forward, input_signature=[spec], autograph=False)

    def __call__(
        self, clips: np.ndarray, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> np.ndarray:
        """Features, float32 ``[N, 400 or 600]``, of uint8 clips ``[N, F, H, W, 1 or 3]``.

        Raises:
            ValueError: the network takes clips of another length.
        """
        if self._frames not in (None, clips.shape[1]):
            raise ValueError(
                f"I3D takes clips of {self._frames} frames, these have {clips.shape[1]}"
            )
        parts = []
        for start in range(0, len(clips), _AT_ONCE):
            part = clips[start : start + _AT_ONCE]
            part = part.repeat(3, axis=-1) if part.shape[-1] == 1 else part
            parts.append(self._forward(tf.constant(part)).numpy())
            progress(start + len(part), len(clips))
        return np.concatenate(parts)


def check_folder(path: str) -> None:
    """Whether there can be an I3D, without reading it.

    Raises:
        ValueError: there is none.
    """
    if not (Path(path).expanduser() / "saved_model.pb").is_file():
        raise ValueError("no saved_model.pb is in there; give the folder of a SavedModel of I3D")


def measure(
    real: np.ndarray,
    others: np.ndarray,
    fakes: np.ndarray,
    network: I3D,
    progress: Callable[[int, int], None],
) -> dict[str, Outcome]:
    """FVD and KVD of generated clips, and of other real ones (``details["real"]``).

    FVD is the Frechet distance of the logits and KVD their kernel distance, without bias, over all
    clips at once (Unterthiner et al. 2018).

    Args:
        real, others, fakes: uint8 ``[N, F, H, W, C]``.
        network: that looks at them.
        progress: takes (done, all).
    """
    seen = [network(clips, progress) for clips in (real, others, fakes)]
    found = {}
    for name, distance in (("fvd", _frechet), ("kvd", _kernel)):
        details: dict[str, Any] = {
            "real": distance(seen[0], seen[1]),
            "extractor": network.identity,
        }
        value = distance(seen[0], seen[2])
        found[f"{name}_{network.name}"] = Outcome(value, len(real), len(fakes), details=details)
    return found


def _frechet(real: np.ndarray, fake: np.ndarray) -> float:
    moments = Moments(), Moments()
    for one, logits in zip(moments, (real, fake), strict=True):
        one.update(logits)
    return frechet_distance(*moments)


def _kernel(real: np.ndarray, fake: np.ndarray) -> float:
    return kernel_distance(real, fake, subsets=1, subset_size=min(len(real), len(fake))).mean
