"""Attention against its definition in NumPy, and against Keras' own layer."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.derivatives import assert_gradients
from tgan_tf.layers import Attention, attend, attend_additive, relative_bias

RANDOM = np.random.default_rng(0)
WIDTH, HEADS = 8, 2


def softmax(x: np.ndarray) -> np.ndarray:
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def randomize(layer: keras.layers.Layer) -> None:
    layer.set_weights([RANDOM.normal(0, 0.5, w.shape) for w in layer.weights])


class TestAttend:
    Q, K, V = (RANDOM.normal(size=(2, HEADS, n, d)) for n, d in ((5, 4), (7, 4), (7, 3)))
    BIAS = RANDOM.normal(size=(HEADS, 5, 7))

    def scores(self, kind: str) -> np.ndarray:
        q, k = self.Q[..., :, None, :], self.K[..., None, :, :]
        values = (q * k).sum(-1) if kind == "softmax" else -((q - k) ** 2).sum(-1)
        return values / 2  # sqrt(4)

    @pytest.mark.parametrize("with_bias", [False, True])
    @pytest.mark.parametrize("kind", ["softmax", "l2"])
    def test_definition(self, kind, with_bias):
        scores = self.scores(kind) + (self.BIAS if with_bias else 0)
        bias = tf.constant(self.BIAS) if with_bias else None
        given = attend(*map(tf.constant, (self.Q, self.K, self.V)), kind=kind, bias=bias)
        np.testing.assert_allclose(given, softmax(scores) @ self.V, rtol=1e-12)

    def test_l2_depends_on_distances_alone(self):
        q, k, v = map(tf.constant, (self.Q, self.K, self.V))
        moved = attend(q + 3.0, k + 3.0, v, kind="l2")
        np.testing.assert_allclose(moved, attend(q, k, v, kind="l2"), rtol=1e-10)


def test_additive():
    q, k, v, scores = (RANDOM.normal(size=(2, HEADS, n, d)) for n, d in ((5, 4),) * 3 + ((1, 5),))
    summary = (softmax(scores / 2)[..., 0, :, None] * q).sum(-2, keepdims=True)
    np.testing.assert_allclose(attend_additive(q, k, v, scores), summary * k * v, rtol=1e-12)


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (4, 4), (5, 2)])
def test_relative_bias(grid):
    height, width = grid
    cells = list(itertools.product(range(height), range(width)))
    table = RANDOM.normal(size=((2 * height - 1) * (2 * width - 1), HEADS))
    bias = relative_bias(tf.constant(table), grid).numpy()
    used = set()
    for (q, (i, j)), (k, (m, n)) in itertools.product(enumerate(cells), repeat=2):
        row = (i - m + height - 1) * (2 * width - 1) + j - n + width - 1
        np.testing.assert_array_equal(bias[:, q, k], table[row])
        used.add(row)
    assert used == set(range(len(table)))


def reference(layer: Attention, x: np.ndarray, context: np.ndarray | None = None) -> np.ndarray:
    """All options, without windows of their own: other windows' keys are masked out."""
    source = x if context is None else context
    d = layer.width // layer.heads

    def heads_of(y: np.ndarray) -> np.ndarray:
        return y.reshape(*y.shape[:2], layer.heads, d).transpose(0, 2, 1, 3)

    if layer.cross:
        kernels = [layer.to_q.kernel.numpy(), *np.split(layer.to_kv.kernel.numpy(), 2, axis=1)]
    elif layer.kind == "l2":
        tied, value = np.split(layer.to_qkv.kernel.numpy(), 2, axis=1)
        kernels = [tied, tied, value]
    else:
        kernels = np.split(layer.to_qkv.kernel.numpy(), 3, axis=1)
    q, k, v = (heads_of(y @ w) for y, w in zip((x, source, source), kernels, strict=True))
    if layer.kind == "additive":
        scores = (x @ kernels[0] @ layer.to_scores.kernel.numpy()).transpose(0, 2, 1)[:, :, None]
        y = attend_additive(q, k, v, scores).numpy().transpose(0, 2, 1, 3).reshape(x.shape)
        return y @ layer.project.kernel.numpy() + layer.project.bias.numpy()
    if layer.qk_norm:
        q, k = (
            y / np.sqrt((y**2).mean(-1, keepdims=True) + 1e-6) * gain.numpy()
            for y, gain in ((q, layer.q_gain), (k, getattr(layer, "k_gain", layer.q_gain)))
        )
    if layer.kind == "l2":
        scores = -((q[..., :, None, :] - k[..., None, :, :]) ** 2).sum(-1)
    else:
        scores = q @ k.transpose(0, 1, 3, 2)
    scores /= d**0.5  # [B, heads, N, M]
    if layer.grid is not None:
        height, width = layer.grid
        side = (layer.window, layer.window) if layer.window else layer.grid
        cells = list(itertools.product(range(height), range(width)))
        half = slice(None, layer.heads // 2)
        for (a, (i, j)), (b, (m, n)) in itertools.product(enumerate(cells), repeat=2):
            if layer.relative_bias and abs(i - m) < side[0] and abs(j - n) < side[1]:
                row = (i - m + side[0] - 1) * (2 * side[1] - 1) + j - n + side[1] - 1
                scores[:, :, a, b] += layer.bias_table.numpy()[row]
            near = (i // side[0], j // side[1]) == (m // side[0], n // side[1])
            far = near
            if side == layer.grid:
                pass  # one window
            elif layer.pattern == "double":
                shift = side[0] // 2
                shifted = [(place + side[0] - shift) // side[0] for place in (i, j, m, n)]
                far = shifted[:2] == shifted[2:]
            elif layer.pattern == "multi_axis":
                far = (i % side[0], j % side[1]) == (m % side[0], n % side[1])
            if not near:
                scores[:, half, a, b] = -np.inf
            if not far:
                scores[:, layer.heads // 2 :, a, b] = -np.inf
    y = (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
    return y @ layer.project.kernel.numpy() + layer.project.bias.numpy()


OPTIONS = [
    {},
    {"kind": "l2"},
    {"qk_norm": True},
    {"grid": (4, 6), "window": 2},
    {"grid": (4, 6), "relative_bias": True},
    {"grid": (4, 6), "window": 2, "relative_bias": True},
    {"grid": (4, 6), "window": 1},
    {"grid": (5, 5), "window": 5, "relative_bias": True},
    {"grid": (4, 6), "window": 2, "relative_bias": True, "kind": "l2", "qk_norm": True},
    {"cross": True},
    {"cross": True, "qk_norm": True},
    {"kind": "additive"},
    {"grid": (4, 6), "window": 2, "pattern": "double"},
    {"grid": (6, 9), "window": 3, "pattern": "double", "relative_bias": True, "qk_norm": True},
    {"grid": (4, 6), "window": 2, "pattern": "multi_axis", "qk_norm": True},
    {"grid": (2, 2), "window": 2, "pattern": "multi_axis"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_layer(options):
    layer = Attention(WIDTH, HEADS, dtype="float64", **options)
    grid = options.get("grid", (3, 4))
    x = RANDOM.normal(size=(3, grid[0] * grid[1], WIDTH))
    inputs = (x, RANDOM.normal(size=(3, 5, 6))) if layer.cross else (x,)
    layer.build(*(y.shape for y in inputs))
    randomize(layer)
    np.testing.assert_allclose(layer(*inputs), reference(layer, *inputs), rtol=1e-9, atol=1e-11)
    assert layer.compute_output_shape(x.shape) == x.shape


@pytest.mark.parametrize("cross", [False, True])
def test_as_keras_multi_head_attention(cross):
    ours = Attention(WIDTH, HEADS, cross=cross, dtype="float64")
    theirs = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dtype="float64")
    x = RANDOM.normal(size=(2, 5, WIDTH))
    context = RANDOM.normal(size=(2, 3, 6)) if cross else x
    ours.build(x.shape, context.shape)
    theirs.build(x.shape, context.shape)
    randomize(ours)
    fused = [ours.to_q.kernel, ours.to_kv.kernel] if cross else [ours.to_qkv.kernel]
    parts = [p for k in fused for p in np.split(k.numpy(), k.shape[1] // WIDTH, axis=1)]
    weights = []
    for kernel in parts:
        split = (HEADS, WIDTH // HEADS)
        weights += [kernel.reshape(-1, *split), np.zeros(split)]
    out = ours.project.kernel.numpy().reshape(HEADS, WIDTH // HEADS, WIDTH)
    names = ["query", "query", "key", "key", "value", "value", "attention_output"]
    assert [w.path.split("/")[-2] for w in theirs.weights][:7] == names
    theirs.set_weights([*weights, out, ours.project.bias.numpy()])
    given = ours(x, context) if cross else ours(x)
    np.testing.assert_allclose(given, theirs(x, context, context), rtol=1e-10)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kind": "l2"},
        {"grid": (2, 4), "window": 2, "relative_bias": True, "qk_norm": True},
        {"grid": (2, 4), "window": 2, "pattern": "double"},
        {"kind": "additive"},
    ],
    ids=str,
)
def test_second_derivative(options):
    """Of the squared length of the input's gradient, with respect to every weight and the input."""
    layer = Attention(WIDTH, HEADS, dtype="float64", **options)
    layer.build((2, 8, WIDTH))
    randomize(layer)
    x = tf.Variable(RANDOM.normal(size=(2, 8, WIDTH)))
    weights = RANDOM.normal(size=x.shape)

    def penalty() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(layer(x) * weights)
        return tf.reduce_sum(tf.square(tape.gradient(total, x)))

    # The output's bias is constant in x: its second derivative is none at all.
    variables = [w.value for w in layer.weights if w is not layer.project.bias]
    assert_gradients(penalty, [x, *variables])


def test_l2_ties_queries_and_keys():
    layer = Attention(WIDTH, HEADS, kind="l2")
    layer.build((None, 4, WIDTH))
    assert layer.to_qkv.kernel.shape == (WIDTH, 2 * WIDTH)
    normalized = Attention(WIDTH, HEADS, kind="l2", qk_norm=True)
    normalized.build((None, 4, WIDTH))
    assert len(normalized.weights) == len(layer.weights) + 1


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_round_trip(options):
    layer = Attention(WIDTH, HEADS, name="a", **options)
    again = Attention.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    stored = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(stored).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": 3}, "heads=3 does not divide width=8"),
        ({"kind": "linear"}, "'linear' is not one of softmax, l2"),
        ({"pattern": "axes"}, "'axes' is not one of plain, double"),
        ({"kind": "additive", "qk_norm": True}, "additive.*no qk_norm"),
        ({"pattern": "double", "window": 2, "grid": (4, 4), "heads": 1}, "even heads=1"),
        (
            {"pattern": "multi_axis", "window": 2, "grid": (4, 4), "relative_bias": True},
            "multi_axis' has no relative_bias",
        ),
        ({"window": 2}, "need the grid"),
        ({"relative_bias": True}, "need the grid"),
        ({"window": 2, "grid": (4, 5)}, "window=2 does not divide"),
        ({"cross": True, "kind": "l2"}, "context"),
        ({"cross": True, "window": 2, "grid": (4, 4)}, "context"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        Attention(**{"width": 8, "heads": 2} | arguments)


class TestCausal:
    TOKENS = 5

    def make(self, **options) -> tuple[Attention, tf.Tensor]:
        layer = Attention(WIDTH, HEADS, causal=True, dtype="float64", **options)
        layer.build((None, self.TOKENS, WIDTH))
        randomize(layer)
        return layer, tf.constant(RANDOM.normal(size=(3, self.TOKENS, WIDTH)))

    def test_later_tokens_are_not_seen(self):
        layer, x = self.make()
        other = tf.concat([x[:, :3], x[:, 3:] + 1.0], axis=1)
        here, there = layer(x).numpy(), layer(other).numpy()
        np.testing.assert_array_equal(here[:, :3], there[:, :3])
        assert (np.abs(here[:, 3:] - there[:, 3:]) > 1e-6).all()

    @pytest.mark.parametrize("qk_norm", [False, True])
    def test_token_by_token_is_all_at_once(self, qk_norm):
        layer, x = self.make(qk_norm=qk_norm)
        cache = layer.empty_cache(3, self.TOKENS)
        parts = []
        for place in range(self.TOKENS):
            part, cache = layer.step(x[:, place : place + 1], cache, place)
            parts.append(part)
        np.testing.assert_allclose(tf.concat(parts, axis=1), layer(x), rtol=1e-9)

    @pytest.mark.parametrize("options", [{"cross": True}, {"kind": "l2"}, {"rotary": True}])
    def test_not_with(self, options):
        with pytest.raises(ValueError, match="causal"):
            Attention(WIDTH, HEADS, causal=True, grid=(5, 1), **options)
