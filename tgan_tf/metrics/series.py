"""How far generated time series are from real ones.

- Marginal, autocorrelation and correlation distance: closed forms; 0 for equal distributions of
  what they look at (Ni et al. 2020, sec. 5, has the latter two).
- Discriminative and predictive score (Yoon et al. 2019, "TimeGAN", sec. 5): can a recurrent network
  tell generated series from real ones; does one that has only seen generated series predict real
  ones. As there, series are scaled to [0, 1] by the real ones' range.

All take float arrays ``[N, T, C]``, real ones first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.data.types import Source
from tgan_tf.metrics.suite import Outcome

_MOST = 5000  # series that are compared
_FEWEST = 10  # other real series that are set beside
_HIDDEN = 16  # units of a recurrent network
_BATCH = 128
_LEARNING_RATE = 5e-3


def measure(
    fakes: np.ndarray,
    labels: np.ndarray | None,
    reference: Any,
    source: Source,
    config: Config,
    progress: Callable[[int, int], None],
) -> dict[str, Outcome]:
    """All five, see `tgan_tf.other_metrics`; more than 5,000 series are not compared.

    What other real series have, those of the split that is not the reference, is beside each
    number (``details["real"]``): a perfect generator would have that. Fewer than 10 say nothing.
    """
    del labels, config  # series are measured whatever their class
    other = source.train if reference.name == "held-out" else source.val
    rng = np.random.default_rng(0)
    real, others = (
        np.asarray(x[np.sort(rng.permutation(len(x))[:_MOST])])
        for x in (reference.samples, other.samples)
    )
    fakes = fakes[:_MOST]
    outcomes = {}
    for done, (name, metric) in enumerate(METRICS.items(), 1):
        details = {"real": metric(real, others)} if len(others) >= _FEWEST else {}
        outcomes[name] = Outcome(metric(real, fakes), len(real), len(fakes), details=details)
        progress(done, len(METRICS))
    return outcomes


def marginal_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Wasserstein-1 distance of a channel's values, all steps together, in the real ones' standard
    deviations; mean over channels."""
    _check(real, fake)
    levels = (np.arange(1000) + 0.5) / 1000
    scale = np.maximum(real.std(axis=(0, 1)), np.finfo(np.float32).tiny)  # [C]
    a, b = (np.quantile(x.reshape(-1, x.shape[-1]), levels, axis=0) for x in (real, fake))
    return float(np.mean(np.abs(a - b) / scale))


def autocorrelation(series: np.ndarray, lags: int) -> np.ndarray:
    """Of each channel about its mean over all series and steps: ``[lags, C]``, from lag 1 on."""
    x = series - series.mean(axis=(0, 1))
    variance = np.maximum(np.mean(x**2, axis=(0, 1)), np.finfo(np.float32).tiny)
    products = [np.mean(x[:, lag:] * x[:, :-lag], axis=(0, 1)) for lag in range(1, lags + 1)]
    return np.stack(products) / variance


def autocorrelation_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Mean absolute difference of the autocorrelations at lags up to half of the length."""
    _check(real, fake)
    lags = max(1, real.shape[1] // 2)
    return float(np.mean(np.abs(autocorrelation(real, lags) - autocorrelation(fake, lags))))


def correlation_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Mean absolute difference of the correlations between channels; 0 where there is only one."""
    _check(real, fake)
    if real.shape[-1] == 1:
        return 0.0
    a, b = (np.corrcoef(x.reshape(-1, x.shape[-1]), rowvar=False) for x in (real, fake))
    pairs = np.triu_indices(len(a), 1)
    return float(np.mean(np.abs(np.nan_to_num(a) - np.nan_to_num(b))[pairs]))


def discriminative_score(
    real: np.ndarray, fake: np.ndarray, *, steps: int = 600, seed: int = 0
) -> float:
    """``|accuracy - 1/2|`` of a network that tells generated from real, on a held-out fifth.

    0: no better than chance; 0.5: always right.

    Args:
        steps: batches of 128 that it learns from.
        seed: of the network, the split and the order.
    """
    _check(real, fake)
    count = min(len(real), len(fake))
    rng = np.random.default_rng(seed)
    x = _scaled(np.concatenate([real[:count], fake[:count]]), real)
    y = np.repeat([1.0, 0.0], count).astype(np.float32)[:, None, None]
    order = rng.permutation(2 * count)
    test, train = np.split(order, [max(1, 2 * count // 5)])
    network = _network(x.shape[1:], whole=True, seed=seed)
    _fit(network, x[train], y[train], _wrong_side, steps, rng)
    right = (_outputs(network, x[test]) > 0) == (y[test] > 0.5)
    return float(abs(right.mean() - 0.5))


def predictive_score(
    real: np.ndarray, fake: np.ndarray, *, steps: int = 600, seed: int = 0
) -> float:
    """Mean absolute error, on real series, of a network that learned from generated ones.

    It predicts the last channel's next value from the other channels up to now (from itself, where
    there is only one), all scaled to [0, 1]. To be read beside the score of real series.

    Args:
        steps: batches of 128 that it learns from.
        seed: of the network and the order.
    """
    _check(real, fake)

    def task(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = _scaled(series, real)
        return x[:, :-1, : max(1, x.shape[-1] - 1)], x[:, 1:, -1:]

    x, y = task(fake)
    network = _network(x.shape[1:], whole=False, seed=seed)
    _fit(network, x, y, _far_off, steps, np.random.default_rng(seed))
    x, y = task(real)
    return float(_far_off(_outputs(network, x), y).numpy().mean())


def _check(real: np.ndarray, fake: np.ndarray) -> None:
    """Raises ValueError for what cannot be compared."""
    if real.ndim != 3 or real.shape[1:] != fake.shape[1:] or not len(real) or not len(fake):
        raise ValueError(f"series [N, T, C] of one shape, not {real.shape} and {fake.shape}")
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        raise ValueError("series hold NaN or infinity: the generator has diverged")


def _scaled(x: np.ndarray, real: np.ndarray) -> np.ndarray:
    low, high = real.min(axis=(0, 1)), real.max(axis=(0, 1))
    return ((x - low) / np.maximum(high - low, np.finfo(np.float32).tiny)).astype(np.float32)


def _network(shape: tuple[int, ...], whole: bool, seed: int) -> keras.Model:
    """Series ``[B, T, C]`` -> logits ``[B, 1, 1]`` of the whole, or ``[B, T, 1]`` of each step."""

    def start(number: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=10 * seed + number)

    series = keras.Input(shape)
    x = keras.layers.GRU(
        _HIDDEN,
        return_sequences=not whole,
        kernel_initializer=start(0),
        recurrent_initializer=keras.initializers.Orthogonal(seed=10 * seed + 1),
        # A loop of so few steps costs more than the steps.
        unroll=shape[0] <= 64,
    )(series)
    x = keras.layers.Dense(1, kernel_initializer=start(2))(x)
    return keras.Model(series, keras.layers.Reshape((-1, 1))(x) if whole else x)


def _fit(
    network: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    steps: int,
    rng: np.random.Generator,
) -> None:
    optimizer = keras.optimizers.Adam(_LEARNING_RATE)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss(network(inputs, training=True), targets))
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)

    for _ in range(steps):
        rows = rng.integers(0, len(x), _BATCH)
        step(tf.constant(x[rows]), tf.constant(y[rows]))


def _wrong_side(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)


def _far_off(outputs: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Values are in [0, 1], and so is a sigmoid."""
    return tf.abs(tf.sigmoid(outputs) - values)


def _outputs(network: keras.Model, x: np.ndarray) -> np.ndarray:
    parts = [network(tf.constant(x[i : i + 1000]), training=False) for i in range(0, len(x), 1000)]
    return np.concatenate([part.numpy() for part in parts])


METRICS = {
    f.__name__: f
    for f in (
        marginal_distance,
        autocorrelation_distance,
        correlation_distance,
        discriminative_score,
        predictive_score,
    )
}
