"""TransGAN for CIFAR-10 here and in PyTorch: the same weights, side by side, on a CPU.

    pip install 'tgan_tf[bench]'
    python -m benchmarks.transgan_torch

prints medians of forward passes of the generator and of the discriminator, in which the ways take
turns so that a busy moment of the machine hits them all, and how far their results are apart. On a
machine that is busy all the time, compare the processor's milliseconds of ``--threads=1``.

The PyTorch networks are written below from the paper and the names in its published checkpoints,
with PyTorch's own layers and in inference mode. Beside the products and the softmax of attention,
``scaled_dot_product_attention`` is tried, which stands for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from absl import flags
from torch import nn
from torch.nn import functional

from tgan_tf import command
from tgan_tf.quiet import start_tensorflow

PRESET = "transgan_cifar10"
HEADS = 4
Call = Callable[[], np.ndarray]


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_integer("batch", 8, "samples in a call", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("calls", 20, "timed calls of each way", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "threads", 0, "of each; 0: as they choose", lower_bound=0, flag_values=values
    )
    flags.DEFINE_bool("traceback", False, "show where an error comes from", flag_values=values)


class Attention(nn.Module):
    """Multi-head self-attention with Swin's relative position bias (``window`` 0: without)."""

    def __init__(self, width: int, window: int, noise: bool, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self.relative_position_bias_table = None
        if window:
            table = torch.zeros((2 * window - 1) ** 2, HEADS)
            self.relative_position_bias_table = nn.Parameter(table)
            rows, columns = (n.ravel() for n in np.indices((window, window)))
            down = rows[:, None] - rows + window - 1
            right = columns[:, None] - columns + window - 1
            index = torch.from_numpy(down * (2 * window - 1) + right)
            self.register_buffer("relative_position_index", index)
        self.noise_strength_1 = nn.Parameter(torch.zeros(())) if noise else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, count, width = x.shape
        if self.noise_strength_1 is not None:
            x = x + torch.randn(batch, count, 1) * self.noise_strength_1
        qkv = self.qkv(x).reshape(batch, count, 3, HEADS, width // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, N, d] each
        bias = None
        if self.relative_position_bias_table is not None:
            bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if self.fused:
            mask = None if bias is None else bias.contiguous()
            x = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            scores = q @ k.transpose(-2, -1) * (width // HEADS) ** -0.5
            x = (scores if bias is None else scores + bias).softmax(dim=-1) @ v
        return self.proj(x.transpose(1, 2).reshape(batch, count, width))


class Norm(nn.Module):
    """Layer normalisation under the name that the checkpoints have for it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


class Mlp(nn.Module):
    """Four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, window: int, noise: bool, fused: bool) -> None:
        super().__init__()
        self.norm1, self.attn = Norm(width), Attention(width, window, noise, fused)
        self.norm2, self.mlp = Norm(width), Mlp(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Stage(nn.Module):
    """Blocks under the name that the checkpoints have for them."""

    def __init__(self, depth: int, width: int, window: int, fused: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(*(Block(width, window, False, fused) for _ in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(x)


class Generator(nn.Module):
    """Noise ``[B, 256]`` -> images ``[B, 3, 32, 32]``."""

    def __init__(self, fused: bool = False) -> None:
        super().__init__()
        self.l1 = nn.Linear(256, 64 * 1024)
        self.pos_embed_1 = nn.Parameter(torch.zeros(1, 64, 1024))
        self.pos_embed_2 = nn.Parameter(torch.zeros(1, 256, 256))
        self.pos_embed_3 = nn.Parameter(torch.zeros(1, 1024, 64))
        self.blocks = Stage(5, 1024, 8, fused)
        self.upsample_blocks = nn.ModuleList([Stage(4, 256, 16, fused), Stage(2, 64, 32, fused)])
        self.deconv = nn.Sequential(nn.Conv2d(64, 3, 1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.l1(z).reshape(-1, 64, 1024)
        x = self.blocks(x + self.pos_embed_1)
        positions = (self.pos_embed_2, self.pos_embed_3)
        for side, stage, position in zip((8, 16), self.upsample_blocks, positions, strict=True):
            x = x.transpose(1, 2).unflatten(2, (side, side))  # [B, C, H, W]
            x = functional.pixel_shuffle(x, 2).flatten(2).transpose(1, 2)  # [B, 4HW, C / 4]
            x = stage(x + position)
        return self.deconv(x.transpose(1, 2).unflatten(2, (32, 32)))


class Discriminator(nn.Module):
    """Images ``[B, 3, 32, 32]`` -> logits ``[B, 1]``."""

    def __init__(self, fused: bool = False) -> None:
        super().__init__()
        self.fRGB_1, self.fRGB_2 = nn.Conv2d(3, 288, 2, 2), nn.Conv2d(3, 96, 4, 4)
        self.pos_embed_1 = nn.Parameter(torch.zeros(1, 256, 288))
        self.pos_embed_2 = nn.Parameter(torch.zeros(1, 64, 384))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 384))
        self.blocks_1 = nn.ModuleList(Block(288, 16, True, fused) for _ in range(3))
        self.blocks_2 = nn.ModuleList(Block(384, 8, True, fused) for _ in range(3))
        self.last_block = nn.Sequential(Block(384, 0, True, fused))
        self.norm, self.head = Norm(384), nn.Linear(384, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.fRGB_1(image).flatten(2).transpose(1, 2) + self.pos_embed_1  # [B, 256, 288]
        for block in self.blocks_1:
            x = block(x)
        x = functional.avg_pool2d(x.transpose(1, 2).unflatten(2, (16, 16)), 2)
        x = torch.cat([x, self.fRGB_2(image)], dim=1)  # [B, 384, 8, 8]
        x = x.flatten(2).transpose(1, 2) + self.pos_embed_2
        for block in self.blocks_2:
            x = block(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)  # [B, 65, 384]
        return self.head(self.norm(self.last_block(x))[:, 0])


def make_torch(kind: type[nn.Module], fused: bool) -> nn.Module:
    """With weights that do not depend on ``fused``; biases and tables are no zeros."""
    torch.manual_seed(0)
    network = kind(fused=fused).eval()
    for name, weight in network.named_parameters():
        if weight.ndim != 2 and "norm" not in name and "noise" not in name:
            nn.init.normal_(weight, std=0.02)
        elif name.endswith("bias_table"):
            nn.init.normal_(weight, std=0.5)
    return network


def make_ours(reference: nn.Module, is_generator: bool) -> Any:
    """A Keras network with the weights of a PyTorch network."""
    from tgan_tf.config import Config
    from tgan_tf.networks import build_discriminator, build_generator
    from tgan_tf.networks.transgan_checkpoint import find_states, load_state

    config = Config.from_preset(PRESET)
    network = build_generator(config) if is_generator else build_discriminator(config)
    state = {name: tensor.detach().numpy() for name, tensor in reference.state_dict().items()}
    (found,) = find_states(state).values()
    problems = load_state(network, found)
    if problems:
        raise ValueError("\n".join(problems))
    return network


def ways(is_generator: bool, batch: int) -> dict[str, Call]:
    """What is compared: calls that give images ``[B, H, W, C]`` or logits ``[B]``."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    if is_generator:
        kind: type[nn.Module] = Generator
        x = random.standard_normal((batch, 256), np.float32)
        theirs, ours = torch.from_numpy(x), tf.constant(x)
    else:
        kind = Discriminator
        x = random.uniform(-1, 1, (batch, 32, 32, 3)).astype(np.float32)
        theirs, ours = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), tf.constant(x)

    def in_torch(network: nn.Module) -> Call:
        @torch.inference_mode()
        def call() -> np.ndarray:
            y = network(theirs).numpy()
            return y.transpose(0, 2, 3, 1) if is_generator else y[:, 0]

        return call

    plain = make_torch(kind, fused=False)
    network = make_ours(plain, is_generator)
    graph = tf.function(network, autograph=False)
    compiled = tf.function(network, autograph=False, jit_compile=True)
    return {
        "PyTorch": in_torch(plain),
        "PyTorch, fused attention": in_torch(make_torch(kind, fused=True)),
        "tgan_tf": lambda: graph(ours).numpy(),
        "tgan_tf, XLA": lambda: compiled(ours).numpy(),
    }


def measure(ways: dict[str, Call], calls: int) -> dict[str, np.ndarray]:
    """Of each way in turn, milliseconds of each call, by the clock and of the processor."""
    for call in ways.values():
        for _ in range(2):
            call()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(calls):
        for name, call in ways.items():
            start = time.perf_counter(), time.process_time()
            call()
            times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return {name: 1e3 * np.array(pairs) for name, pairs in times.items()}  # [calls, 2]


def run(values: flags.FlagValues) -> None:
    """Times and prints."""
    start_tensorflow()
    import tensorflow as tf

    if values.threads:
        torch.set_num_threads(values.threads)
        tf.config.threading.set_intra_op_parallelism_threads(values.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    print(
        f"{PRESET}, batch {values.batch}, {torch.get_num_threads()} threads;"
        f" PyTorch {torch.__version__}, TensorFlow {tf.__version__}"
    )
    for title, is_generator in (("Generator", True), ("Discriminator", False)):
        compared = ways(is_generator, values.batch)
        reference = compared["PyTorch"]()
        times = measure(compared, values.calls)
        slow = np.median(times["PyTorch"], axis=0)
        print(f"{title:<26}{'median ms':>10}{'quartiles':>20}{'PyTorch / this':>16}", end="")
        print(f"{'processor ms':>14}{'PyTorch / this':>16}{'error':>10}")
        for name, pairs in times.items():
            low, high = np.percentile(pairs[:, 0], [25, 75])
            clock, processor = np.median(pairs, axis=0)
            error = np.abs(compared[name]() - reference).max() / np.abs(reference).max()
            print(
                f"  {name:<24}{clock:10.1f}{low:10.1f} -{high:8.1f}{slow[0] / clock:15.2f}x"
                f"{processor:14.1f}{slow[1] / processor:15.2f}x{error:10.1e}"
            )


if __name__ == "__main__":
    command.start(define_flags, run)
