"""The Inception graph of 2015-12-05, which published FIDs are made with: its layout and its files.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2015); the
weights are those of ``classify_image_graph_def.pb`` (1008 classes, Apache-2.0). It is not
``keras.applications.InceptionV3``: that has other weights, batch norm without gamma, and averages
where the last block here takes the maximum.

Weights are a mapping from the graph's own names to arrays, ``conv/conv2d_params`` and so on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tgan_tf.torch_file import read_torch_file

FEATURES = 2048
CLASSES = 1008
SIDE = 299  # pixels

_BATCH_NORM = ("beta", "gamma", "moving_mean", "moving_variance")
_TORCH_BATCH_NORM = ("bias", "weight", "running_mean", "running_var")


class Conv(NamedTuple):
    """A convolution, its batch norm and relu."""

    height: int
    width: int
    channels: int
    stride: int = 1
    padding: str = "SAME"


class Fork(NamedTuple):
    """Two convolutions of one input, joined."""

    left: Conv
    right: Conv


class Pool(NamedTuple):
    """Pooling of 3x3."""

    kind: str  # "max" or "avg"
    stride: int = 1
    padding: str = "SAME"


Step = Conv | Fork | Pool
Block = Mapping[str, tuple[Step, ...]]  # branch -> its steps; outputs are joined in this order

STEM: tuple[Step, ...] = (
    Conv(3, 3, 32, 2, "VALID"),  # 299 -> 149
    Conv(3, 3, 32, padding="VALID"),
    Conv(3, 3, 64),
    Pool("max", 2, "VALID"),  # -> 73
    Conv(1, 1, 80, padding="VALID"),
    Conv(3, 3, 192, padding="VALID"),
    Pool("max", 2, "VALID"),  # -> 35
)


def _block_35(pooled: int) -> Block:
    return {
        "": (Conv(1, 1, 64),),
        "tower": (Conv(1, 1, 48), Conv(5, 5, 64)),
        "tower_1": (Conv(1, 1, 64), Conv(3, 3, 96), Conv(3, 3, 96)),
        "tower_2": (Pool("avg"), Conv(1, 1, pooled)),
    }


def _block_17(inner: int) -> Block:
    down, along = Conv(7, 1, inner), Conv(1, 7, inner)
    return {
        "": (Conv(1, 1, 192),),
        "tower": (Conv(1, 1, inner), along, Conv(7, 1, 192)),
        "tower_1": (Conv(1, 1, inner), down, along, down, Conv(1, 7, 192)),
        "tower_2": (Pool("avg"), Conv(1, 1, 192)),
    }


def _block_8(pool: str) -> Block:
    fork = Fork(Conv(1, 3, 384), Conv(3, 1, 384))
    return {
        "": (Conv(1, 1, 320),),
        "tower": (Conv(1, 1, 384), fork),
        "tower_1": (Conv(1, 1, 448), Conv(3, 3, 384), fork),
        "tower_2": (Pool(pool), Conv(1, 1, 192)),
    }


BLOCKS: dict[str, Block] = {
    "mixed": _block_35(32),
    "mixed_1": _block_35(64),
    "mixed_2": _block_35(64),
    "mixed_3": {  # 35 -> 17
        "": (Conv(3, 3, 384, 2, "VALID"),),
        "tower": (Conv(1, 1, 64), Conv(3, 3, 96), Conv(3, 3, 96, 2, "VALID")),
        "pool": (Pool("max", 2, "VALID"),),
    },
    "mixed_4": _block_17(128),
    "mixed_5": _block_17(160),
    "mixed_6": _block_17(160),
    "mixed_7": _block_17(192),
    "mixed_8": {  # 17 -> 8
        "tower": (Conv(1, 1, 192), Conv(3, 3, 320, 2, "VALID")),
        "tower_1": (
            Conv(1, 1, 192),
            Conv(1, 7, 192),
            Conv(7, 1, 192),
            Conv(3, 3, 192, 2, "VALID"),
        ),
        "pool": (Pool("max", 2, "VALID"),),
    },
    "mixed_9": _block_8("avg"),
    "mixed_10": _block_8("max"),
}

# What the PyTorch conversions call the convolutions of a block, in the order of `BLOCKS`.
_TORCH_35 = "1x1 5x5_1 5x5_2 3x3dbl_1 3x3dbl_2 3x3dbl_3 _pool"
_TORCH_17 = "1x1 7x7_1 7x7_2 7x7_3 7x7dbl_1 7x7dbl_2 7x7dbl_3 7x7dbl_4 7x7dbl_5 _pool"
_TORCH_8 = "1x1 3x3_1 3x3_2a 3x3_2b 3x3dbl_1 3x3dbl_2 3x3dbl_3a 3x3dbl_3b _pool"
_TORCH_NAMES = {
    "": "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 Conv2d_3b_1x1 Conv2d_4a_3x3",
    "Mixed_5b": _TORCH_35,
    "Mixed_5c": _TORCH_35,
    "Mixed_5d": _TORCH_35,
    "Mixed_6a": "3x3 3x3dbl_1 3x3dbl_2 3x3dbl_3",
    "Mixed_6b": _TORCH_17,
    "Mixed_6c": _TORCH_17,
    "Mixed_6d": _TORCH_17,
    "Mixed_6e": _TORCH_17,
    "Mixed_7a": "3x3_1 3x3_2 7x7x3_1 7x7x3_2 7x7x3_3 7x7x3_4",
    "Mixed_7b": _TORCH_8,
    "Mixed_7c": _TORCH_8,
}


def numbered(steps: tuple[Step, ...], prefix: str) -> Iterator[tuple[str, Step]]:
    """The steps of a branch with the names that TensorFlow gave them."""
    count = 0
    for step in steps:
        name = f"{prefix}conv_{count}" if count else f"{prefix}conv"
        yield (f"{prefix}mixed/" if isinstance(step, Fork) else name), step
        count += isinstance(step, Conv)


def convolutions() -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Name and kernel shape ``[height, width, in, out]`` of every convolution."""
    channels = 3
    for name, step in numbered(STEM, ""):
        if isinstance(step, Conv):
            yield name, (step.height, step.width, channels, step.channels)
            channels = step.channels
    for block, branches in BLOCKS.items():
        joined = 0
        for branch, steps in branches.items():
            inside = channels
            prefix = f"{block}/{branch}/" if branch else f"{block}/"
            for name, step in numbered(steps, prefix):
                if isinstance(step, Conv):
                    yield name, (step.height, step.width, inside, step.channels)
                    inside = step.channels
                elif isinstance(step, Fork):
                    for half, suffix in ((step.left, "conv"), (step.right, "conv_1")):
                        yield name + suffix, (half.height, half.width, inside, half.channels)
                    inside = step.left.channels + step.right.channels
            joined += inside
        channels = joined


def shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of all weights by the graph's names."""
    found: dict[str, tuple[int, ...]] = {}
    for name, kernel in convolutions():
        found[f"{name}/conv2d_params"] = kernel
        found |= {f"{name}/batchnorm/{part}": kernel[-1:] for part in _BATCH_NORM}
    return found | {"softmax/weights": (FEATURES, CLASSES), "softmax/biases": (CLASSES,)}


def torch_names() -> dict[str, str]:
    """What the PyTorch conversions call the convolutions, by the graph's names."""
    conversions = [
        f"{block}.branch{name}" if block else name
        for block, names in _TORCH_NAMES.items()
        for name in names.split()
    ]
    return dict(zip((name for name, _ in convolutions()), conversions, strict=True))


def read_weights(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Weights and the SHA-256 of their file.

    Args:
        path: ``classify_image_graph_def.pb``; an ``.npz`` with the graph's names; or the ``.pth``
            of a PyTorch conversion (read without PyTorch).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these, or weights of another network.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; the FID needs the Inception graph of 2015: "
            "classify_image_graph_def.pb (of inception-2015-12-05.tgz), a converted .npz or .pth, "
            "or the folder of a SavedModel"
        )
    readers = {".pb": _read_graph, ".npz": _read_npz, ".pth": _read_torch, ".pt": _read_torch}
    if path.suffix not in readers:
        raise ValueError(f"{path}: Inception weights are a .pb, .npz or .pth file, or a SavedModel")
    try:
        weights = readers[path.suffix](path)
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise ValueError(f"{path} cannot be read as Inception weights ({error})") from error
    return _checked(weights, path), hashlib.sha256(path.read_bytes()).hexdigest()


def _checked(weights: Mapping[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    wanted = shapes()
    for name, shape in wanted.items():
        found = weights[name].shape if name in weights else None
        if found != shape:
            raise ValueError(
                f"{path} is not the Inception graph of 2015: {name} must have the shape "
                f"{list(shape)}, " + ("and is missing" if found is None else f"not {list(found)}")
            )
    return {name: np.asarray(weights[name], np.float32) for name in wanted}


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_graph(path: Path) -> dict[str, np.ndarray]:
    """The constants of the frozen graph.

    The graph itself is not run: its batch norm is an operation that TensorFlow has dropped.
    """
    from tensorflow.core.framework import graph_pb2
    from tensorflow.python.framework import tensor_util

    graph = graph_pb2.GraphDef()
    graph.ParseFromString(path.read_bytes())
    wanted = shapes()
    return {
        node.name: tensor_util.MakeNdarray(node.attr["value"].tensor)
        for node in graph.node
        if node.op == "Const" and node.name in wanted
    }


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    state = read_torch_file(path)
    weights = {}
    for name, other in torch_names().items():
        # [out, in, height, width] -> [height, width, in, out]
        weights[f"{name}/conv2d_params"] = state[f"{other}.conv.weight"].transpose(2, 3, 1, 0)
        for ours, theirs in zip(_BATCH_NORM, _TORCH_BATCH_NORM, strict=True):
            weights[f"{name}/batchnorm/{ours}"] = state[f"{other}.bn.{theirs}"]
    return weights | {"softmax/weights": state["fc.weight"].T, "softmax/biases": state["fc.bias"]}
