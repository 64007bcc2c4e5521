"""Random numbers that are the same in Python, a SavedModel, TFLite, a browser and C.

A seed inside an exported model needs a generator made of operations that every runtime has: TFLite
has no stateless generator and no bitwise *and*, but it has int32 multiply, exclusive or and
arithmetic right shift. That is enough for a counter hash, from which the Box-Muller transform makes
normal numbers. The definition, in unsigned 32-bit arithmetic (`^` is exclusive or, `>>` logical):

    mix(x):  x ^= x >> 16;  x *= 0x7feb352d;  x ^= x >> 15;  x *= 0x846ca68b;  x ^= x >> 16
    key     = mix(seed + 0x9e3779b9)
    word[j] = mix(key ^ mix(j + 0x85ebca6b))                  j = 0, 1, 2, ...
    u[i]    = ((word[2i] >> 9) + 0.5) / 2**23                 in (0, 1), exact in float32
    a[i]    = ((word[2i+1] >> 9) + 0.5 - 2**22) * (2 pi / 2**23)    in (-pi, pi)
    z[i]    = sqrt(-2 ln u[i]) * cos(a[i])
    v[j]    = as u, of mix(mix(seed + 0x3c6ef372) ^ mix(j + 0x85ebca6b))    uniform, for tokens
    class   = ((word[-1] >> 16) * num_classes) >> 16

`mix` is a bijection, so a seed has no two equal words, and the words of two seeds are not shifted
copies of one another. A vector is a prefix of every longer vector of the same seed.

References:
    lowbias32: Chris Wellons, "Prospecting for Hash Functions", 2018, https://nullprogram.com/blog/2018/07/31/
    Box, Muller, "A Note on the Generation of Random Normal Deviates", 1958.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

_SEED_OFFSET = 0x9E3779B9
_INDEX_OFFSET = 0x85EBCA6B
_STREAM_OFFSET = 0x3C6EF372  # of seeds, for uniform numbers
_MULTIPLIERS = (0x7FEB352D, 0x846CA68B)
_SHIFTS = (16, 15, 16)

# 23 bits and a half fit the 24-bit significand of float32, so u and the integer behind a are exact.
_UNIT = 2.0**-23
_ANGLE = np.float32(2.0 * math.pi * _UNIT)
_ANGLE_OFFSET = 0.5 - 2.0**22

MAX_CLASSES = 2**15


def normal(seeds: tf.Tensor, dim: int) -> tf.Tensor:
    """Standard normal vectors from seeds, by operations that TFLite has built in.

    Args:
        seeds: int32 [B].
        dim: length of each vector; a Python integer, so that the counters are constants.

    Returns:
        float32 [B, dim], equal to `normal_numpy` within 1e-6; absolute values are below 5.8.
    """
    counters = _counters(dim).view(np.int32)
    # Words for u first, then those for a: the halves are contiguous slices, and one hash does both.
    counters = np.concatenate([counters[0::2], counters[1::2]])
    key = _mix_tf(seeds + _as_int32(_SEED_OFFSET))
    words = _mix_tf(tf.bitwise.bitwise_xor(key[:, tf.newaxis], counters[np.newaxis, :]))
    bits = tf.cast(_shift_right(words, 9), tf.float32)  # [B, 2 dim]
    u = (bits[:, :dim] + 0.5) * _UNIT
    a = (bits[:, dim:] + _ANGLE_OFFSET) * _ANGLE
    return tf.sqrt(-2.0 * _log(u)) * tf.cos(a)


def normal_numpy(seeds: npt.ArrayLike, dim: int) -> npt.NDArray[np.float32]:
    """The reference for `normal`: NumPy, unsigned integers, logarithm and cosine in float64.

    Args:
        seeds: integers [B] in the range of int32.
        dim: length of each vector.

    Returns:
        float32 [B, dim].
    """
    words = _mix(_key(seeds)[:, np.newaxis] ^ _counters(dim)[np.newaxis, :])  # [B, 2 dim]
    bits = (words >> np.uint32(9)).astype(np.float64)
    u = (bits[:, 0::2] + 0.5) * _UNIT
    # The one rounding to float32 that every runtime does at the same place.
    a = (bits[:, 1::2] + _ANGLE_OFFSET).astype(np.float32) * _ANGLE
    return (np.sqrt(-2.0 * np.log(u)) * np.cos(a.astype(np.float64))).astype(np.float32)


def uniform(seeds: tf.Tensor, first: tf.Tensor, count: int) -> tf.Tensor:
    """Uniform numbers from seeds, by operations that TFLite has built in: a stream of its own.

    Args:
        seeds: int32 [B].
        first: int32 scalar, number of the first of them in the stream, from 0 on.
        count: how many.

    Returns:
        float32 [B, count] in (0, 1), equal to `uniform_numpy`.
    """
    key = _mix_tf(seeds + _as_int32(_STREAM_OFFSET))
    counters = _mix_tf(first + tf.range(count) + _as_int32(_INDEX_OFFSET))
    words = _mix_tf(tf.bitwise.bitwise_xor(key[:, tf.newaxis], counters[tf.newaxis]))
    return (tf.cast(_shift_right(words, 9), tf.float32) + 0.5) * _UNIT


def uniform_numpy(seeds: npt.ArrayLike, first: int, count: int) -> npt.NDArray[np.float32]:
    """The reference for `uniform`."""
    key = _mix(np.asarray(seeds, np.int32).view(np.uint32) + np.uint32(_STREAM_OFFSET))
    counters = _mix(np.arange(first, first + count, dtype=np.uint32) + np.uint32(_INDEX_OFFSET))
    words = _mix(key[:, np.newaxis] ^ counters[np.newaxis])
    return ((words >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(_UNIT)


def gumbel(uniform: tf.Tensor) -> tf.Tensor:
    """Standard Gumbel numbers, `-ln(-ln u)`, from uniform ones in (0, 1)."""
    return -tf.math.log(-_log(uniform))


def token_noise(seeds: tf.Tensor, vocabulary: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Gumbel noise of the token at each place, for generators that make them one by one.

    Args:
        seeds: int32 [B].
        vocabulary: V.

    Returns:
        Place, an int32 scalar, -> float32 [B, V].
    """
    return lambda place: gumbel(uniform(seeds, place * vocabulary, vocabulary))


def classes_numpy(seeds: npt.ArrayLike, num_classes: int) -> npt.NDArray[np.int32]:
    """A class for each seed, uniform and independent of the seed's normal vector.

    Args:
        seeds: integers [B] in the range of int32.
        num_classes: at most `MAX_CLASSES`.

    Returns:
        int32 [B] in [0, num_classes).

    Raises:
        ValueError: `num_classes` is out of range.
    """
    if not 1 <= num_classes <= MAX_CLASSES:
        raise ValueError(f"num_classes must be in [1, {MAX_CLASSES}], got {num_classes}.")
    counter = _mix(np.array(_INDEX_OFFSET - 1, np.uint32))
    words = _mix(_key(seeds) ^ counter)
    return (((words >> np.uint32(16)) * np.uint32(num_classes)) >> np.uint32(16)).astype(np.int32)


def _key(seeds: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    return _mix(np.asarray(seeds, np.int32).view(np.uint32) + np.uint32(_SEED_OFFSET))


def _counters(dim: int) -> npt.NDArray[np.uint32]:
    """mix(j + offset) for j < 2 dim: known before the seed is, so a constant of every graph."""
    return _mix(np.arange(2 * dim, dtype=np.uint32) + np.uint32(_INDEX_OFFSET))


def _mix(x: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    for shift, multiplier in zip(_SHIFTS, (*_MULTIPLIERS, None), strict=True):
        x = x ^ (x >> np.uint32(shift))
        if multiplier is not None:
            x = np.multiply(x, np.uint32(multiplier), dtype=np.uint32)
    return x


def _mix_tf(x: tf.Tensor) -> tf.Tensor:
    for shift, multiplier in zip(_SHIFTS, (*_MULTIPLIERS, None), strict=True):
        x = tf.bitwise.bitwise_xor(x, _shift_right(x, shift))
        if multiplier is not None:
            x = x * _as_int32(multiplier)
    return x


def _shift_right(x: tf.Tensor, bits: int) -> tf.Tensor:
    """Logical right shift of int32, 1 <= bits <= 31.

    The arithmetic shift copies the sign into the upper `bits` bits; x >> 31 is -1 exactly when they
    are ones, and -2**(32 - bits) has exactly these bits, so an exclusive or clears them.
    """
    copies = tf.bitwise.right_shift(x, 31) * _as_int32(1 << (32 - bits))
    return tf.bitwise.bitwise_xor(tf.bitwise.right_shift(x, bits), copies)


def _log(u: tf.Tensor) -> tf.Tensor:
    """ln u with a small *relative* error for all u in (0, 1).

    XNNPACK's logarithm, which TFLite runs, is off by 1e-7 near u = 1, and the square root of the
    Box-Muller radius would make 1e-4 of it. There ln u = -2 artanh(t), t = (1 - u) / (1 + u), by
    its series: 1 - u is exact, and at u = 0.9 the first term left out is 1e-11.
    """
    t = (1.0 - u) / (1.0 + u)
    square = t * t
    series = 1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0)))
    return tf.where(u > 0.9, -2.0 * t * series, tf.math.log(u))


def _as_int32(value: int) -> int:
    """The int32 with the same bits."""
    return value - (1 << 32) if value >= 1 << 31 else value
