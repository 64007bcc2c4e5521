"""Music in several voices: tokens as stored, pitches and onsets for the networks.

A sample is uint8 [steps, voices] of `tgan_tf.data.score`: rests, notes that begin, and holds. The
networks see what sounds instead, so that harmony is in every step and not behind a chain of holds:
for each step and voice a one-hot of silence and the pitches, and whether a note begins there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.score import HOLD, NOT_GIVEN, REST, STEPS_PER_BAR
from tgan_tf.files import replacing
from tgan_tf.modalities import pictures, synthesizer
from tgan_tf.modalities.base import Modality, file_stems
from tgan_tf.modalities.midi import midi_files, read_back
from tgan_tf.modalities.notation import musicxml
from tgan_tf.modalities.piano_roll import piano_rolls
from tgan_tf.modalities.steps import later, running_maximum

# In semitones: of an interval's size, and the overtones of an octave, in which every function of an
# interval modulo octaves is linear.
_PERIODS = (96, 48, 24, 12, 6, 4, 3, 12 / 5, 2)


class MusicModality(Modality):
    """Windows of so many steps of so many voices.

    The vocabulary names the channels: ``rest``, MIDI numbers from the lowest to the highest that
    occur, ``onset``.

    Args:
        config: resolved by a source of music.

    Raises:
        ConfigError: it is not.
    """

    name = "music"
    plural = "windows"
    sample_dtype = np.dtype(np.uint8)
    augmentations = ()
    holds = True

    def __init__(self, config: Config) -> None:
        shape, names = config.data.shape, config.data.vocabulary
        if len(shape) != 3 or len(names) != shape[-1] or names[0] != "rest":
            raise ConfigError("music has the shape (steps, voices, channels) and names of channels")
        self.signal_shape = shape
        self.sample_shape = shape[:2]
        self._voices = list(config.data.given_voices)
        self.given_shape = self.sample_shape if self._voices else ()
        self.lowest = int(names[1])
        steps, voices, channels = shape
        # Step by step, of each its voices: rest, pitches, and in the place of the onset a hold.
        self.sequence_shape = (steps * voices, channels)
        self.forbidden = np.zeros(self.sequence_shape, bool)
        self.forbidden[:voices, -1] = True  # no window begins with a hold
        # Distances around the circle of voices; with so many, every pair is met.
        self._others = range(1, voices // 2 + 1)
        pitches = np.arange(self.lowest, self.lowest + channels - 2)
        angles = 2 * np.pi * pitches[:, np.newaxis] / np.array(_PERIODS)
        self._waves = np.zeros((channels, 2 * len(_PERIODS) + 1), np.float32)
        ones = np.ones((len(pitches), 1))
        self._waves[1:-1] = np.concatenate([np.cos(angles), np.sin(angles), ones], axis=-1)

    def encode(self, samples: tf.Tensor) -> tf.Tensor:
        """uint8 [B, T, V] to float32 [B, T, V, C] of zeros and ones."""
        tokens = tf.cast(samples, tf.int32)
        sounding = _last_begun(tokens, HOLD, 256)
        index = tf.where(sounding == REST, 0, sounding - (self.lowest - 1))
        onset = tf.cast((tokens != HOLD) & (tokens != REST), tf.float32)
        one_hot = tf.one_hot(index, self.signal_shape[-1] - 1)
        return tf.concat([one_hot, onset[..., tf.newaxis]], axis=-1)

    def activate(self, values: tf.Tensor) -> tf.Tensor:
        """Logits [B, T, V, C] to what ``encode`` gives, with gradients as if choices were soft.

        Where a voice has no onset it holds the pitch of its last one, so that rhythm is one number
        for each step. The discriminator sees hard choices, as in the data; gradients pass by the
        softmax and the sigmoid (straight-through, Bengio et al. 2013).
        """
        steps, _, channels = self.signal_shape
        soft = tf.nn.softmax(values[..., :-1])
        choice = tf.argmax(values[..., :-1], axis=-1, output_type=tf.int32)  # [B, T, V]
        new = _straight(tf.one_hot(choice, channels - 1, dtype=values.dtype), soft)
        begins = tf.sigmoid(values[..., -1])  # [B, T, V]
        hard = begins > 0.5
        numbers = tf.range(steps)[:, tf.newaxis]
        origin = running_maximum(tf.where(hard, numbers, 0))  # [B, T, V]
        held = tf.one_hot(tf.transpose(origin, (0, 2, 1)), steps, dtype=values.dtype)
        notes = held @ tf.transpose(new, (0, 2, 1, 3))  # [B, V, T, C - 1]
        notes = tf.transpose(notes, (0, 2, 1, 3))  # [B, T, V, C - 1]
        # What an onset changes: the new pitch comes in place of the one before.
        change = tf.stop_gradient(new - later(notes, 1, 0))
        notes = notes + (begins - tf.stop_gradient(begins))[..., tf.newaxis] * change
        sounds = tf.stop_gradient(1 - notes[..., 0])
        first = tf.cast(numbers == 0, values.dtype)
        onset = sounds * tf.maximum(_straight(tf.cast(hard, values.dtype), begins), first)
        return tf.concat([notes, onset[..., tf.newaxis]], axis=-1)

    @property
    def seen_shape(self) -> tuple[int, ...]:
        more = self._waves.shape[-1] * (1 + len(self._others))
        return (*self.sample_shape, self.signal_shape[-1] + more)

    def see(self, signals: tf.Tensor) -> tf.Tensor:
        """What is added for the discriminator: intervals between voices, and of each voice's steps.

        An interval is a product of two one-hots, which linear maps and attention of tokens do not
        form by themselves. It is given by waves, so that what is consonant (in an interval modulo
        octaves) and what is a step, a leap or a crossing (in its size) are linear in it; being
        bounded, they do not make gradient penalties large as plain distances would.

        Args:
            signals: [B, T, V, C].

        Returns:
            [B, T, V, C + (1 + K) F]: of each voice with itself a step before and with K others,
            cosines and sines of the interval, and whether both sound.
        """
        steps, voices, channels = self.signal_shape
        waves = tf.constant(self._waves, signals.dtype)  # [C, F]
        notes = tf.reshape(signals, (-1, channels)) @ waves
        notes = tf.reshape(notes, (-1, steps, voices, waves.shape[1]))  # [B, T, V, F]
        before = tf.concat([notes[:, :1], notes[:, :-1]], axis=1)
        parts = [signals, _interval(notes, before)]
        parts += [_interval(notes, tf.roll(notes, -other, axis=2)) for other in self._others]
        return tf.concat(parts, axis=-1)

    def give(self, given: tf.Tensor) -> tf.Tensor:
        """As ``encode``, but voices that begin with ``NOT_GIVEN`` become zeros."""
        # TFLite compares no uint8.
        there = tf.cast(tf.cast(given[:, :1], tf.int32) != NOT_GIVEN, tf.float32)  # [B, 1, V]
        return self.encode(given) * there[..., tf.newaxis]

    def part_given(self, signals: tf.Tensor) -> tf.Tensor:
        voices = tf.one_hot(self._voices, signals.shape[2], dtype=signals.dtype)
        return signals * tf.reduce_max(voices, axis=0)[:, tf.newaxis]

    def withheld(self, samples: np.ndarray) -> np.ndarray:
        given = np.full_like(samples, NOT_GIVEN)
        given[..., self._voices] = samples[..., self._voices]
        return given

    def negative_log_likelihood(self, signals: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """Of what sounds and whether it begins, in each step of each voice, [B, T, V].

        The pitch counts in every step, held or not: so it is known wherever a note may begin.
        """
        pitch = tf.nn.softmax_cross_entropy_with_logits(signals[..., :-1], values[..., :-1])
        return pitch + tf.nn.sigmoid_cross_entropy_with_logits(signals[..., -1], values[..., -1])

    def _notes(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Of [B, T, V, C], what sounds, int32 [B, T, V] (0: nothing), and whether it goes on: a
        pitch that stays and has no onset is held."""
        choice = tf.argmax(values[..., :-1], axis=-1, output_type=tf.int32)
        goes_on = tf.equal(choice, later(choice, 1, -1))
        held = tf.logical_and(goes_on, tf.logical_or(values[..., -1] < 0.5, tf.equal(choice, 0)))
        return choice, held

    def tokenize(self, signals: tf.Tensor) -> tf.Tensor:
        length, kinds = self.sequence_shape
        choice, held = self._notes(signals)
        return tf.reshape(tf.where(held, kinds - 1, choice), (-1, length))

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        """A note is what its token begins, and where it is held, what sounded before.

        With ``new`` and ``hold`` of a token, ``notes[t] = new[t] + hold[t] notes[t - 1]``.
        """
        steps, voices, channels = self.signal_shape
        tokens = tf.reshape(tokens, (-1, steps, voices, channels))
        new, hold = tokens[..., :-1], tokens[..., -1]
        numbers = tf.range(steps)
        begins = tf.where(hold < 0.5, numbers[:, tf.newaxis], 0)  # [B, T, V]
        origin = tf.transpose(running_maximum(begins), (0, 2, 1))[..., tf.newaxis]
        # The notes in which what begins at another step would sound, [B, V, T, T].
        reach = tf.logical_and(numbers >= origin, numbers <= numbers[:, tf.newaxis])
        reach = tf.cast(reach, tokens.dtype)

        def spread(begun: tf.Tensor) -> tf.Tensor:  # [B, T, V, C - 1], both
            return tf.transpose(reach @ tf.transpose(begun, (0, 2, 1, 3)), (0, 2, 1, 3))

        before = later(tf.stop_gradient(spread(new)), 1, 0)
        # The difference added is 0; its gradient says whether to hold.
        new_or_held = new + (hold - tf.stop_gradient(hold))[..., tf.newaxis] * before
        onset = tf.reduce_sum(new[..., 1:], axis=-1, keepdims=True)
        return tf.concat([spread(new_or_held), onset], axis=-1)

    def sounding(self, tokens: tf.Tensor) -> tf.Tensor:
        """What sounds at each token, a hold or not: int32 [B, T] to the same, 0 being a rest."""
        steps, voices, _ = self.signal_shape
        length, kinds = self.sequence_shape
        begun = _last_begun(tf.reshape(tokens, (-1, steps, voices)), kinds - 1, kinds)
        return tf.reshape(begun, (-1, length))

    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """[B, T, V, C] to uint8 [B, T, V]; a pitch that stays and has no onset is held."""
        choice, held = self._notes(values)
        note = tf.where(tf.equal(choice, 0), REST, choice + (self.lowest - 1))
        return tf.cast(tf.where(held, HOLD, note), tf.uint8)

    def describe(self) -> str:
        steps, voices = self.sample_shape
        plural = "s" if voices > 1 else ""
        return f"{steps / STEPS_PER_BAR:g} bars of {STEPS_PER_BAR} steps, {voices} voice{plural}"

    def files(self) -> Mapping[str, Callable[[tf.Tensor], dict[str, tf.Tensor]]]:
        return {"sample_midi": lambda samples: {"midi_bytes": midi_files(samples)}}

    def unfiled(self, signature: str, file: bytes) -> np.ndarray:
        if signature != "sample_midi":
            return super().unfiled(signature, file)
        steps, voices = self.sample_shape
        return read_back(file, (steps, voices))

    def grid(self, samples: np.ndarray, columns: int = 0) -> np.ndarray:
        """Piano rolls side by side, a colour for each voice."""
        return pictures.tile(piano_rolls(samples), columns, scale=1)

    def class_rows(
        self,
        samples: np.ndarray,
        labels: np.ndarray,
        class_names: Sequence[str],
        columns: int = 10,
    ) -> np.ndarray:
        """Piano rolls with a named row for each class; see ``Modality.class_rows``."""
        rolls = piano_rolls(samples)
        cells = np.full((len(class_names), columns, *rolls.shape[1:]), 255, np.uint8)
        for label in range(len(class_names)):
            members = rolls[np.flatnonzero(labels == label)[:columns]]
            cells[label, : len(members)] = members
        picture = pictures.tile(cells.reshape(-1, *rolls.shape[1:]), columns, scale=1)
        return pictures.with_row_names(picture, class_names)

    def write(
        self, samples: np.ndarray, directory: str | os.PathLike[str], names: Sequence[str] = ()
    ) -> list[Path]:
        """Writes ``NAME.mid``, and beside it ``NAME.musicxml``, ``NAME.png`` and, where FluidSynth
        and a sound font are installed, ``NAME.wav``; see ``Modality.write``.
        """
        stems = file_stems(len(samples), names)
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        player = synthesizer.find()
        if not player:
            warnings.warn(f"no .wav files: {synthesizer.WAYS_OUT}", stacklevel=2)
        paths = []
        files = midi_files(tf.constant(samples)).numpy()
        for sample, stem, midi in zip(samples, stems, files, strict=True):
            paths.append(folder / f"{stem}.mid")
            for path, content in (
                (paths[-1], midi),
                (folder / f"{stem}.musicxml", musicxml(sample, title=stem)),
            ):
                with replacing(path) as beside:
                    beside.write_bytes(content)
            pictures.save_png(piano_rolls(sample[np.newaxis])[0], folder / f"{stem}.png")
            if player:
                player.play(paths[-1], folder / f"{stem}.wav")
        return paths


def _last_begun(tokens: tf.Tensor, hold: int, kinds: int) -> tf.Tensor:
    """Of int32 [B, T, V] below ``kinds``, the last so far that is no hold; 0: there was none."""
    # It is in the greatest sum of its number and itself.
    numbers = kinds * tf.range(tokens.shape[1])[:, tf.newaxis]
    return running_maximum(tf.where(tf.equal(tokens, hold), 0, numbers + tokens)) % kinds


def _straight(hard: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
    """``hard``, with the gradient of ``soft``; the difference added is exactly 0."""
    return hard + (soft - tf.stop_gradient(soft))


def _interval(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Waves of two notes [..., F] to those of their distance, as angles are subtracted."""
    count = len(_PERIODS)
    (cos_a, sin_a, is_a), (cos_b, sin_b, is_b) = (
        tf.split(notes, (count, count, 1), axis=-1) for notes in (first, second)
    )
    cos, sin = cos_a * cos_b + sin_a * sin_b, sin_a * cos_b - cos_a * sin_b
    return tf.concat([cos, sin, is_a * is_b], axis=-1)
