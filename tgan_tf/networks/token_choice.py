"""How the next token is chosen from its logits, by operations that TFLite has built in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_NEVER = -1e9
_COLDEST = 1e-3  # of the temperature, where probabilities are needed


class Choice(NamedTuple):
    """Controls of sampling, one of each for every example.

    Attributes:
        temperature: float ``[B]``; logits are divided by it; 0: the likeliest token always.
        top_k: int ``[B]``; only so many of the likeliest tokens; 0: all. None: all of every
            example, and nothing is sorted.
        top_p: float ``[B]`` in (0, 1]; only the likeliest tokens, as many as together have this
            probability (nucleus sampling, Holtzman et al. 2020, sec. 3.1); 1: all; None as
            top_k.
    """

    temperature: tf.Tensor
    top_k: tf.Tensor | None = None
    top_p: tf.Tensor | None = None


def never(
    logits: tf.Tensor, forbidden: np.ndarray | None, place: tf.Tensor | None = None
) -> tf.Tensor:
    """Logits with which some tokens are never chosen.

    Args:
        logits: ``[B, T, V]``, or of the tokens at one place ``[B, V]``.
        forbidden: bool ``[T, V]``, or ``[1, V]`` for all places; None: nothing is.
        place: int scalar.
    """
    if forbidden is None:
        return logits
    mask = tf.constant(np.where(forbidden, _NEVER, 0), logits.dtype)
    if place is not None:
        mask = mask[0] if len(forbidden) == 1 else tf.gather(mask, place)
    return logits + mask


def choose(logits: tf.Tensor, noise: tf.Tensor, choice: Choice | None = None) -> tf.Tensor:
    """Samples a token: the greatest of logits and noise (Gumbel-max).

    Args:
        logits: ``[B, V]``.
        noise: standard Gumbel, ``[B, V]``.
        choice: None: all tokens, temperature 1.

    Returns:
        int32 ``[B]``.
    """
    if choice is None:
        return tf.argmax(logits + noise, axis=-1, output_type=tf.int32)
    if choice.top_k is not None and choice.top_p is not None:
        size = logits.shape[-1]
        warmth = tf.maximum(choice.temperature, _COLDEST)[:, None]  # [B, 1]
        ordered = tf.math.top_k(logits, size).values  # [B, V]
        probabilities = tf.nn.softmax(ordered / warmth)
        # What the likelier ones leave; the likeliest token always stays.
        before = tf.cumsum(probabilities, axis=-1, exclusive=True)
        places = tf.range(size)[None]
        most = tf.where(choice.top_k > 0, choice.top_k, size)[:, None]
        top_p = choice.top_p[:, None]
        # Sums of probabilities may reach 1 too early.
        likely = tf.logical_or(before < top_p, top_p >= 1)
        kept = tf.logical_and(likely, places < most)  # [B, V]
        least = tf.reduce_min(tf.where(kept, ordered, ordered[:, :1]), axis=-1, keepdims=True)
        logits = tf.where(logits >= least, logits, _NEVER)
    noise = choice.temperature[:, None] * noise
    return tf.argmax(logits + noise, axis=-1, output_type=tf.int32)
