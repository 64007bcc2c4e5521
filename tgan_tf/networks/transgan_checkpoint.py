"""The published PyTorch checkpoints of TransGAN, as weights of the networks here.

Differences of layout, all undone here: matrices are (out, in), convolutions (O, I, kh, kw), and
pixels are shuffled channel by channel where ``tf.nn.depth_to_space`` goes pixel by pixel. The last
is undone in the weights, so it costs nothing in use: a stage whose channels become pixels has its
channels in another order, and so have the stages before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tgan_tf.config import Config
from tgan_tf.layers import Dense, TransformerBlock

State = Mapping[str, np.ndarray]

_GENERATORS = ("avg_gen_state_dict", "gen_state_dict")  # the moving average is the better one
_DISCRIMINATOR = "dis_state_dict"
_BUFFER = "relative_position_index"


@dataclass(frozen=True)
class _Source:
    """Where a weight comes from: the arrays of these names, all of one shape, and what to do."""

    variable: keras.Variable
    names: tuple[str, ...]
    shape: tuple[int, ...]
    read: Callable[..., np.ndarray]


def is_transgan(config: Config) -> bool:
    """Whether networks of this configuration are laid out as the published ones."""
    g, d = config.generator, config.discriminator
    unlike_g = g.g_modulation or g.mapping_layers >= 0 or g.g_final_norm or g.g_input != "dense"
    unlike_d = d.d_kind != "transformer" or d.d_head != "linear" or d.d_pool != "class_token"
    return not (
        g.g_kind != "transformer"
        or unlike_g
        or unlike_d
        or "dense_shuffle" in g.upsampling[: len(g.g_widths) - 1]
        or (g.g_output, g.g_patch, g.g_output_activation) != ("patch", 1, "linear")
        or d.d_stem == "conv"
        or "l2" in (g.g_attention, d.d_attention)
        or g.g_qk_norm
        or d.d_qk_norm
        or config.data.condition
    )


def find_states(checkpoint: Mapping[str, Any]) -> dict[str, State]:
    """The arrays of ``generator`` and ``discriminator``, as far as the file has them.

    Args:
        checkpoint: what was saved: a dictionary that holds state dictionaries, or one of them.

    Returns:
        By network; of several generators, the moving average. Without the prefix that
        data-parallel training adds, and without buffers.
    """
    found: dict[str, Any] = {}
    for key in (*_GENERATORS, _DISCRIMINATOR):
        if isinstance(checkpoint.get(key), Mapping):
            network = "discriminator" if key == _DISCRIMINATOR else "generator"
            found.setdefault(network, checkpoint[key])
    if not found:
        names = {_bare(name) for name in checkpoint if isinstance(name, str)}
        if "l1.weight" in names:
            found = {"generator": checkpoint}
        elif "head.weight" in names:
            found = {"discriminator": checkpoint}
    return {
        network: {
            _bare(name): np.asarray(value)
            for name, value in state.items()
            if isinstance(value, np.ndarray | np.generic) and not name.endswith(_BUFFER)
        }
        for network, state in found.items()
    }


def load_state(network: keras.Model, state: State) -> list[str]:
    """Puts a state dictionary into a network, if all of it fits.

    Args:
        network: a generator or discriminator for which ``is_transgan`` holds, with its weights.
        state: of ``find_states``.

    Returns:
        What is missing, misshapen or left over, one line each; the network is then as it was.
    """
    is_generator = hasattr(network, "synthesis")
    sources = list((_generator if is_generator else _discriminator)(network, state))
    assert {id(s.variable) for s in sources} == {id(weight) for weight in network.weights}
    problems, expected = [], set()
    for source in sources:
        for name in source.names:
            expected.add(name)
            if name not in state:
                problems.append(f"missing    {name} {source.shape}")
            elif state[name].shape != source.shape:
                problems.append(f"misshapen  {name} {state[name].shape}, not {source.shape}")
    problems += [f"surplus    {n} {state[n].shape}" for n in sorted(state.keys() - expected)]
    if not problems:
        for source in sources:
            arrays = [np.asarray(state[name], np.float32) for name in source.names]
            source.variable.assign(source.read(*arrays))
    return problems


def _bare(name: str) -> str:
    return name.removeprefix("module.")


def _generator(network: Any, state: State) -> Iterable[_Source]:
    g = network.config.generator
    orders = _channel_orders(network)
    count, width = network.positions[0].shape

    def first_tokens(array: np.ndarray) -> np.ndarray:  # (N * C, latent) or (N * C,)
        array = array.reshape(count, width, -1)[:, orders[0]]
        return array.reshape(count * width, -1).T.reshape(-1, count * width)

    yield _Source(
        network.first.kernel, ("l1.weight",), network.first.kernel.shape[::-1], first_tokens
    )
    yield _Source(
        network.first.bias, ("l1.bias",), network.first.bias.shape, lambda a: first_tokens(a)[0]
    )
    if g.g_latent_tokens:
        yield from _linear(network.latent_tokens, "embedding_transform")
        if g.g_latent_position:
            shape = (1, *network.latent_position.shape)
            yield _Source(network.latent_position, ("embed_pos",), shape, lambda a: a[0])
    stages = zip(
        network.stages, network.positions, orders, _stage_names(network, state), strict=True
    )
    for stage, (blocks, position, order, name) in enumerate(stages):
        yield _Source(
            position,
            (f"pos_embed_{stage + 1}",),
            (1, *position.shape),
            lambda a, order=order: a[0][:, order],
        )
        for index, block in enumerate(blocks):
            yield from _block(block, f"{name}.{index}", order)
    linear = network.outputs_of_levels[0].linear
    shape = (*linear.kernel.shape[::-1], 1, 1)
    yield _Source(linear.kernel, ("deconv.0.weight",), shape, lambda a: a[:, :, 0, 0].T)
    yield _Source(linear.bias, ("deconv.0.bias",), linear.bias.shape, _same)


def _discriminator(network: Any, state: State) -> Iterable[_Source]:
    yield _Source(
        network.class_token, ("cls_token",), (1, *network.class_token.shape), lambda a: a[0]
    )
    scale, part, everything = 0, 0, slice(None)
    for stage, blocks in enumerate(network.stages):
        if stem := network.stems.get(str(stage)):
            scale, part = scale + 1, 0
            (convolution,), position = stem.convolutions, network.positions[str(stage)]
            kh, kw, inputs, outputs = convolution.kernel.shape
            name, shape = f"fRGB_{scale}", (outputs, inputs, kh, kw)
            yield _Source(
                convolution.kernel, (f"{name}.weight",), shape, lambda a: a.transpose(2, 3, 1, 0)
            )
            yield _Source(convolution.bias, (f"{name}.bias",), (outputs,), _same)
            shape = (1, *position.shape)
            yield _Source(position, (f"pos_embed_{scale}",), shape, lambda a: a[0])
        else:
            part += 1
        # Blocks that go on at the same grid: blocks_1, then blocks_11.
        name = f"blocks_{scale}{part or ''}"
        for index, block in enumerate(blocks):
            is_last = block is network.stages[-1][-1]
            yield from _block(block, "last_block.0" if is_last else f"{name}.{index}", everything)
    yield from _norm(network.norm, "norm", everything)
    yield from _linear(network.head, "head")


def _stage_names(network: Any, state: State) -> list[str]:
    """What stands before the number of a block, for each stage.

    The networks of up to 48x48 have names of their own. The larger ones number their stages; it is
    not known whether they count one without blocks, so either is taken.
    """
    stages = len(network.stages)
    found = {int(m[1]) for name in state if (m := re.match(r"blocks_(\d+)\.", name))}
    if not found:
        return ["blocks.block", *(f"upsample_blocks.{i}.block" for i in range(stages - 1))]
    with_blocks = [stage for stage, blocks in enumerate(network.stages) if blocks]
    numbers = list(range(1, stages + 1))
    if found == set(range(1, len(with_blocks) + 1)):
        for number, stage in enumerate(with_blocks, start=1):
            numbers[stage] = number
    return [f"blocks_{number}.block" for number in numbers]


def _channel_orders(network: Any) -> list[np.ndarray]:
    """For each stage, which of the file's channels is at each place here.

    The file's channel ``4 c + 2 i + j`` becomes channel c at row i and column j; here that is
    ``(2 i + j) * C + c``.
    """
    g = network.config.generator
    order = np.arange(g.g_widths[-1])
    orders = [order]
    for kind in reversed(g.upsampling):
        if kind != "bicubic":
            order = (4 * order + np.arange(4)[:, None]).ravel()
        orders.insert(0, order)
    return orders


def _block(block: TransformerBlock, name: str, order: Any) -> Iterable[_Source]:
    """Of a block whose channels are to be put in order."""
    attention = block.attend
    yield from _norm(block.norm1, f"{name}.norm1", order)
    yield from _norm(block.norm2, f"{name}.norm2", order)
    yield from _linear(attention.to_qkv, f"{name}.attn.qkv", inputs=order)
    yield from _linear(attention.project, f"{name}.attn.proj", outputs=order)
    yield from _linear(block.mlp_in, f"{name}.mlp.fc1", inputs=order)
    yield from _linear(block.mlp_out, f"{name}.mlp.fc2", outputs=order)
    if attention.relative_bias:
        table = attention.bias_table
        yield _Source(table, (f"{name}.attn.relative_position_bias_table",), table.shape, _same)
    layers = [(attention, f"{name}.attn")]
    if block.cross:
        cross, prefix = block.attend_cross, f"{name}.cross_attention"
        layers.append((cross, prefix))
        yield from _linear(cross.to_q, f"{prefix}.q_transform", inputs=order)
        yield from _linear(cross.project, f"{prefix}.proj", outputs=order)
        kernel = cross.to_kv.kernel
        yield _Source(
            kernel,
            (f"{prefix}.k_transform.weight", f"{prefix}.v_transform.weight"),
            (kernel.shape[1] // 2, kernel.shape[0]),
            lambda k, v: np.concatenate([k, v]).T,
        )
    for layer, prefix in layers:
        if layer.noise:
            yield _Source(layer.noise_strength, (f"{prefix}.noise_strength_1",), (), _same)


def _norm(norm: Any, name: str, order: Any) -> Iterable[_Source]:
    if norm.affine:
        for variable, kind in ((norm.gain, "weight"), (norm.offset, "bias")):
            yield _Source(variable, (f"{name}.norm.{kind}",), variable.shape, lambda a: a[order])


def _linear(
    layer: Dense,
    name: str,
    inputs: Any = slice(None),
    outputs: Any = slice(None),
) -> Iterable[_Source]:
    yield _Source(
        layer.kernel,
        (f"{name}.weight",),
        layer.kernel.shape[::-1],
        lambda a: a.T[inputs][:, outputs],
    )
    if layer.use_bias:
        yield _Source(layer.bias, (f"{name}.bias",), layer.bias.shape, lambda a: a[outputs])


def _same(array: np.ndarray) -> np.ndarray:
    return array
