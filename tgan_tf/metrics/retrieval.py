"""Whether an image is nearer to its own caption than to others, as a matching network sees it.

R-precision (Xu et al., "AttnGAN", 2018, sec. 4.1): the caption among 99 others; here as the share
of images whose own is among the first five, and with a matching network of this data, trained like
CLIP's (Radford et al. 2021, sec. 2.3) on pairs that the generator has not seen.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tgan_tf.data.types import Progress
from tgan_tf.metrics.features import check_images

AMONG, FIRST = 100, 5
_DIM = 64
_WIDTHS = (32, 64, 128)
_MAX_SIDE = 32
_BATCH = 128
_LEARNING_RATE = 2e-3
_EPOCHS, _MOST_STEPS = 60, 3000
_PREDICT_BATCH = 256


class Matcher:
    """Images and captions as unit vectors of one space.

    Args:
        image_shape: ``(H, W, C)``.
        width: numbers of a caption's vector.
        seed: of the weights.
    """

    def __init__(self, image_shape: tuple[int, int, int], width: int, seed: int = 0) -> None:
        layers, dtype = keras.layers, keras.DTypePolicy("float32")

        def dense(index: int) -> keras.layers.Dense:
            start = keras.initializers.GlorotUniform(seed=1000 * seed + index)
            return layers.Dense(_DIM, kernel_initializer=start, dtype=dtype)

        image = keras.Input(image_shape, dtype="float32")
        x = layers.Rescaling(1 / 127.5, -1, dtype=dtype)(image)
        pool = -(-max(image_shape[:2]) // _MAX_SIDE)
        if pool > 1:
            x = layers.AveragePooling2D(pool, padding="same", dtype=dtype)(x)
        for index, channels in enumerate(_WIDTHS):
            start = keras.initializers.HeNormal(seed=1000 * seed + index)
            x = layers.Conv2D(
                channels, 3, 2, "same", use_bias=False, kernel_initializer=start, dtype=dtype
            )(x)
            x = layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)
            x = layers.ReLU(dtype=dtype)(x)
        x = layers.GlobalAveragePooling2D(dtype=dtype)(x)
        x = layers.UnitNormalization(dtype=dtype)(dense(100)(x))
        caption = keras.Input((width,), dtype="float32")
        y = layers.Dropout(0.2, seed=seed, dtype=dtype)(caption)
        y = layers.UnitNormalization(dtype=dtype)(dense(101)(y))
        self._network = keras.Model([image, caption], [x, y], name="matcher")
        self._of_image, self._of_caption = keras.Model(image, x), keras.Model(caption, y)

    def images(self, images: np.ndarray) -> np.ndarray:
        """uint8 ``[N, H, W, C]`` -> float32 ``[N, 64]``."""
        return self._apply(self._of_image, check_images(images))

    def captions(self, vectors: np.ndarray) -> np.ndarray:
        """float32 ``[N, K]`` -> float32 ``[N, 64]``."""
        return self._apply(self._of_caption, vectors)

    @staticmethod
    def _apply(network: keras.Model, rows: np.ndarray) -> np.ndarray:
        parts = [
            network(tf.constant(rows[start : start + _PREDICT_BATCH], tf.float32), training=False)
            for start in range(0, len(rows), _PREDICT_BATCH)
        ]
        return np.concatenate(parts)


def train_matcher(
    images: np.ndarray,
    vectors: np.ndarray,
    *,
    seed: int = 0,
    steps: int | None = None,
    progress: Progress | None = None,
) -> Matcher:
    """Trains a matcher on real pairs.

    Args:
        images: uint8 ``[N, H, W, C]``.
        vectors: float32 ``[N, K]``, of their captions.
        seed: of the weights and the order.
        steps: of training; None: 60 times through the pairs, at most 3,000.
        progress: called with steps done and all.

    Raises:
        ValueError: fewer than two pairs, or images and vectors do not match.
    """
    check_images(images[:1])
    if len(images) != len(vectors) or len(images) < 2:
        raise ValueError(f"{len(images)} images and {len(vectors)} captions are no pairs to learn")
    height, width, channels = images.shape[1:]
    matcher = Matcher((height, width, channels), vectors.shape[1], seed)
    batch = min(_BATCH, len(images))
    steps = steps or min(_MOST_STEPS, _EPOCHS * -(-len(images) // batch))
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.05)
    network = matcher._network
    scale = tf.Variable(np.log(10.0), dtype=tf.float32)  # of the cosines, learned
    variables = [v.value for v in network.trainable_variables] + [scale]
    optimizer.build([*network.trainable_variables])
    rng = np.random.default_rng(seed)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            tape.watch(variables)
            a, b = network([x, y], training=True)
            logits = tf.exp(scale) * tf.matmul(a, b, transpose_b=True)  # [B, B]
            own = tf.range(batch)
            both = (logits, tf.transpose(logits))
            losses = [tf.nn.sparse_softmax_cross_entropy_with_logits(own, z) for z in both]
            loss = tf.reduce_mean(tf.add_n(losses)) / 2
        *gradients, of_scale = tape.gradient(loss, variables)
        optimizer.apply(gradients, network.trainable_variables)
        scale.assign(tf.clip_by_value(scale - 0.01 * of_scale, 0.0, 4.6))

    order = np.zeros(0, np.int64)
    for done in range(steps):
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(len(images))])
        chosen, order = order[:batch], order[batch:]
        step(tf.constant(_moved(images[chosen], rng), tf.float32), tf.constant(vectors[chosen]))
        if progress is not None:
            progress(done + 1, steps)
    return matcher


def _moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same images, each shifted by up to an eighth; edges come in again on the other side."""
    most = max(1, images.shape[1] // 8)
    return np.stack([np.roll(image, rng.integers(-most, most + 1, 2), (0, 1)) for image in images])


def among_the_first(
    images: np.ndarray,
    vectors: np.ndarray,
    matcher: Matcher,
    *,
    among: int = AMONG,
    first: int = FIRST,
    seed: int = 0,
) -> np.ndarray:
    """Whether each image's own caption is among the ``first`` of ``among``, by cosine.

    Args:
        images: uint8 ``[N, H, W, C]``.
        vectors: float32 ``[N, K]``: the i-th is the caption of the i-th image. Equal ones count as
            one caption.
        matcher: of images and captions.
        among: captions that are compared: the own one and others, drawn at random.
        first: places that count.
        seed: of the draw.

    Returns:
        bool ``[N]``; by chance, ``first / among`` of them.

    Raises:
        ValueError: there are fewer different captions than ``among``.
    """
    different, own = np.unique(vectors, axis=0, return_inverse=True)
    own = own.reshape(-1)
    if len(different) < among:
        raise ValueError(f"{among} different captions are compared; there are {len(different)}")
    similar = matcher.images(images) @ matcher.captions(different).T  # [N, M]
    rng = np.random.default_rng(seed)
    hits = np.empty(len(images), bool)
    for row, (cosines, mine) in enumerate(zip(similar, own, strict=True)):
        others = rng.choice(len(different) - 1, among - 1, replace=False)
        others += others >= mine  # all but the own one
        hits[row] = (cosines[others] >= cosines[mine]).sum() < first
    return hits
