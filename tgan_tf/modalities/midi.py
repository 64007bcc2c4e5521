"""Standard MIDI files (format 1), made of tokens by TensorFlow alone, so that a server makes them.

A track for each voice after one with the tempo, a piano on every channel, sixteenths of 120 ticks.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tgan_tf.data.score import HOLD, REST

_TICKS = 120  # of a step
_TEMPO = 750_000  # microseconds a quarter: 80 a minute
_VELOCITY = 80


def midi_files(tokens: tf.Tensor) -> tf.Tensor:
    """Files of windows.

    Args:
        tokens: uint8 [B, T, voices] of ``tgan_tf.data.score``; T and voices (at most 15) known.

    Returns:
        string [B].
    """
    _, steps, voices = tokens.shape
    tracks = [_chunk(tf.constant(b"\x00\xff\x51\x03" + _TEMPO.to_bytes(3, "big")))]
    for voice in range(voices):
        channel = voice + (voice >= 9)  # the tenth is percussion
        tracks.append(_track(tf.cast(tokens[..., voice], tf.int32), steps, channel))
    header = b"MThd" + (6).to_bytes(4, "big")
    header += b"".join(number.to_bytes(2, "big") for number in (1, voices + 1, 4 * _TICKS))
    whole = tf.constant(header) + tracks[0]
    for track in tracks[1:]:
        whole = whole + track  # [B]
    return whole


def _track(tokens: tf.Tensor, steps: int, channel: int) -> tf.Tensor:
    """The track of one voice, int32 [B, T] -> string [B]."""
    empty = tf.zeros_like(tokens[:, 0], tf.string)
    waits = tf.constant([_length(_TICKS * step) for step in range(steps + 1)])
    notes = range(128)
    begins = tf.constant([b""] + [bytes([0x90 | channel, n, _VELOCITY]) for n in notes[1:]])
    ends = tf.constant([b""] + [bytes([0x80 | channel, n, 0]) for n in notes[1:]])
    # Of two events at once, the second waits for nothing.
    at_once = tf.constant([b"", b"\x00"])
    track, sounding, last = empty, tf.zeros_like(tokens[:, 0]), tf.zeros_like(tokens[:, 0])
    for step in range(steps + 1):
        # After the last step everything ends.
        token = tokens[:, step] if step < steps else tf.fill(tf.shape(sounding), REST)
        changes = (token != HOLD) & ((sounding > 0) | (token > 0))
        after = tf.where(changes, token, 0)
        both = tf.cast((sounding > 0) & (after > 0), tf.int32)
        event = tf.gather(waits, step - last) + tf.gather(ends, sounding)
        event = event + tf.gather(at_once, both) + tf.gather(begins, after)
        track = track + tf.where(changes, event, empty)
        last = tf.where(changes, step, last)
        sounding = tf.where(changes, after, sounding)
    return _chunk(track)


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
