"""Standard MIDI files (format 1), made of tokens by TensorFlow alone, so that a server makes them.

A track for each voice after one with the tempo, a piano on every channel, sixteenths of 120 ticks.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.data.score import HOLD, REST
from tgan_tf.modalities.steps import later, running_maximum

_TICKS = 120  # of a step
_TEMPO = 750_000  # microseconds a quarter: 80 a minute
_VELOCITY = 80
_PERCUSSION = 9  # a channel


def midi_files(tokens: tf.Tensor) -> tf.Tensor:
    """Files of windows.

    Args:
        tokens: uint8 [B, T, voices] of ``tgan_tf.data.score``; T and voices (at most 15) known.

    Returns:
        string [B].
    """
    voices = tokens.shape[-1]
    whole = _chunk(tf.constant(b"\x00\xff\x51\x03" + _TEMPO.to_bytes(3, "big")))
    for voice in range(voices):
        channel = voice + (voice >= _PERCUSSION)
        whole += _chunk(_events(tf.cast(tokens[..., voice], tf.int32), channel))
    header = b"MThd" + (6).to_bytes(4, "big")
    header += b"".join(number.to_bytes(2, "big") for number in (1, voices + 1, 4 * _TICKS))
    return header + whole


def _events(tokens: tf.Tensor, channel: int) -> tf.Tensor:
    """What one voice does, int32 [B, T] -> string [B]."""
    # After the last step everything ends.
    tokens = tf.pad(tokens, ((0, 0), (0, 1)), constant_values=REST)  # [B, T + 1]
    steps = tf.range(tokens.shape[1])
    held = tf.equal(tokens, HOLD)
    sounding = running_maximum(tf.where(held, 0, 256 * steps + tokens)) % 256
    before = later(sounding, 1, REST)
    changes = ~held & ((before > 0) | (tokens > 0))
    last = later(running_maximum(tf.where(changes, steps, 0)), 1, 0)
    waits = tf.constant([_length(_TICKS * step) for step in range(tokens.shape[1])])
    begins = tf.constant([b"", *(bytes([0x90 | channel, n, _VELOCITY]) for n in range(1, 128))])
    ends = tf.constant([b"", *(bytes([0x80 | channel, n, 0]) for n in range(1, 128))])
    # Of two events at once, the second waits for nothing.
    both = tf.cast((before > 0) & (sounding > 0), tf.int32)
    at_once = tf.gather(tf.constant([b"", b"\x00"]), both)
    events = tf.gather(waits, steps - last) + tf.gather(ends, before)
    events = events + at_once + tf.gather(begins, sounding)
    return tf.strings.reduce_join(tf.where(changes, events, b""), axis=1)


def _chunk(events: tf.Tensor) -> tf.Tensor:
    """A track chunk: name, length in four bytes, events, and the event that ends it."""
    body = events + tf.constant(b"\x00\xff\x2f\x00")
    length = tf.strings.length(body)
    single = tf.constant([bytes([value]) for value in range(256)])
    digits = [tf.gather(single, length // 256**power % 256) for power in (3, 2, 1, 0)]
    return tf.constant(b"MTrk") + tf.strings.join(digits) + body


def _length(value: int) -> bytes:
    """A variable-length quantity: seven bits a byte, all but the last with the eighth set."""
    count = max(1, -(-value.bit_length() // 7))
    digits = [value >> 7 * place & 127 for place in reversed(range(count))]
    return bytes([*(128 | digit for digit in digits[:-1]), digits[-1]])


def read_back(file: bytes, shape: tuple[int, int]) -> np.ndarray:
    """The window, uint8 [T, voices], in a file of ``midi_files``; of no other MIDI file."""
    tokens = np.full(shape, HOLD, np.uint8)
    tokens[0] = REST
    place = 14
    for track in range(shape[1] + 1):
        end = place + 8 + int.from_bytes(file[place + 4 : place + 8], "big")
        place, now = place + 8, 0
        while place < end:
            wait = 0
            while file[place] & 128:
                wait, place = wait << 7 | file[place] & 127, place + 1
            now += wait << 7 | file[place]
            status, first = file[place + 1 : place + 3]
            if status == 0xFF:
                place += 4 + file[place + 3]
                continue
            if now // _TICKS < shape[0]:
                tokens[now // _TICKS, track - 1] = first if status & 0x10 else REST
            place += 4
    return tokens
