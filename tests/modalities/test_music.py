"""Music: tokens to signals and back, gradients of choices, and files that others can read."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
import tensorflow as tf

from tgan_tf.config import Config, ConfigError
from tgan_tf.data import score
from tgan_tf.data.midi import read_midi
from tgan_tf.data.musicxml import read_musicxml
from tgan_tf.data.score import HOLD, REST
from tgan_tf.modalities import make_modality, pictures, synthesizer
from tgan_tf.modalities.midi import midi_files
from tgan_tf.modalities.music import _PERIODS, MusicModality

LOW, HIGH, STEPS, VOICES = 48, 72, 16, 3


@pytest.fixture(scope="module")
def music():
    names = ("rest", *map(str, range(LOW, HIGH + 1)), "onset")
    options = {"g_widths": (8,), "g_depths": (1,), "g_windows": (0,), "augment": ()}
    return make_modality(
        Config()
        .replace(**options)
        .resolve(modality="music", shape=(STEPS, VOICES, len(names)), vocabulary=names)
    )


@pytest.fixture(scope="module")
def samples():
    """Windows with holds, rests, repeated notes and silence."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(LOW, HIGH + 1, (5, STEPS, VOICES))
    kind = rng.random(tokens.shape)
    tokens = np.where(kind < 0.6, HOLD, np.where(kind < 0.7, REST, tokens))
    tokens[:, 0] = 60, REST, 49
    tokens[:, 1] = 60, HOLD, HOLD
    # A rest after a rest is a hold, of which there is one way of writing.
    silent = score.fill(tokens) == REST
    silent[:, 1:] &= silent[:, :-1]
    silent[:, 0] = False
    return np.where(silent, HOLD, tokens).astype(np.uint8)


def test_needs_a_source_of_music():
    with pytest.raises(ConfigError, match="steps, voices, channels"):
        MusicModality(Config())


def test_likelihood_is_of_pitches_and_of_onsets(music, samples):
    signals = music.encode(samples).numpy()
    values = np.random.default_rng(1).normal(size=signals.shape).astype(np.float32)
    p = np.exp(values[..., :-1])
    p /= p.sum(axis=-1, keepdims=True)
    begins = 1 / (1 + np.exp(-values[..., -1]))
    begins = np.where(signals[..., -1] == 1, begins, 1 - begins)
    expected = -np.log((p * signals[..., :-1]).sum(axis=-1)) - np.log(begins)
    found = music.negative_log_likelihood(signals, values)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_signals_are_what_sounds(music, samples):
    signals = music.encode(samples).numpy()
    assert signals.shape == (5, *music.signal_shape)
    sounding = score.fill(samples)
    index = np.where(sounding == REST, 0, sounding - LOW + 1)
    np.testing.assert_array_equal(signals[..., :-1], np.eye(HIGH - LOW + 2)[index])
    np.testing.assert_array_equal(signals[..., -1], (samples != HOLD) & (samples != REST))
    np.testing.assert_array_equal(music.decode(signals), samples)
    assert music.describe() == "1 bars of 16 steps, 3 voices"


def test_generated_windows_are_like_encoded_ones(music):
    values = np.random.default_rng(1).normal(size=(4, *music.signal_shape)).astype(np.float32)
    signals = music.activate(values)
    decoded = music.decode(signals)
    np.testing.assert_array_equal(signals, music.encode(decoded))
    # A pitch is the one that was chosen at the last onset.
    onset, choice = values[..., -1] > 0, values[..., :-1].argmax(-1)
    onset[:, 0] = True
    sounding = score.fill(decoded.numpy())
    begun = choice[:, 0]
    for step in range(STEPS):
        begun = np.where(onset[:, step], choice[:, step], begun)
        np.testing.assert_array_equal(sounding[:, step], np.where(begun, begun + LOW - 1, REST))


def test_tokens(music, samples):
    signals = music.encode(samples)
    tokens = music.tokenize(signals).numpy()
    length, kinds = music.sequence_shape
    assert tokens.shape == (5, length)
    rows = tokens.reshape(samples.shape)
    np.testing.assert_array_equal(rows == kinds - 1, samples == HOLD)
    np.testing.assert_array_equal(rows == 0, samples == REST)
    np.testing.assert_array_equal(music.detokenize(tf.one_hot(tokens, kinds)), signals)
    np.testing.assert_array_equal(music.of_tokens(tokens), samples)
    sounding = score.fill(samples)
    expected = np.where(sounding == REST, 0, sounding - LOW + 1).reshape(tokens.shape)
    np.testing.assert_array_equal(music.sounding(tokens), expected)
    assert not music.forbidden[np.arange(length), tokens].any()
    # A rest after a rest is a hold too.
    twice = tokens.reshape(samples.shape).copy()
    twice[0, :2] = 0
    assert (music.of_tokens(twice.reshape(5, -1))[0, 1] == HOLD).numpy().all()


def test_gradient_of_tokens(music, samples):
    """``notes[t] = new[t] + hold[t] notes[t - 1]``, of which each token's gradient is taken with
    those of other steps as they are."""
    kinds = music.sequence_shape[1]
    tokens = tf.one_hot(music.tokenize(music.encode(samples)), kinds)
    weight = np.random.default_rng(0).normal(size=(5, *music.signal_shape)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(tokens)
        total = tf.reduce_sum(weight * music.detokenize(tokens))
    found = tape.gradient(total, tokens).numpy().reshape(5, STEPS, VOICES, kinds)
    one_hot = tokens.numpy().reshape(found.shape)
    notes = music.encode(samples).numpy()[..., :-1]
    to_notes = weight[..., :-1].copy()
    for step in range(STEPS)[-2::-1]:
        to_notes[:, step] += one_hot[:, step + 1, :, -1:] * to_notes[:, step + 1]
    expected = to_notes.copy()
    expected[..., 1:] += weight[..., -1:]  # an onset
    np.testing.assert_allclose(found[..., :-1], expected, atol=1e-4)
    holds = (to_notes[:, 1:] * notes[:, :-1]).sum(-1)
    np.testing.assert_allclose(found[:, 1:, :, -1], holds, atol=1e-4)


def test_gradients_pass_through_choices(music):
    values = tf.random.stateless_normal((2, *music.signal_shape), (1, 2))
    weight = tf.random.stateless_normal((2, *music.signal_shape), (3, 4))
    with tf.GradientTape() as tape:
        tape.watch(values)
        signals = music.activate(values)
        loss = tf.reduce_sum(weight * signals)
    gradient = tape.gradient(loss, values).numpy()
    notes, onset = signals[..., :-1].numpy(), values[..., -1].numpy() > 0
    onset[:, 0] = True
    # Of a choice that nothing takes up there is none; of the last step, that of the softmax.
    assert not gradient[..., :-1][~onset].any()
    chosen = onset[:, -1]
    soft = tf.nn.softmax(values[..., :-1]).numpy()[:, -1]
    w = weight[:, -1, :, :-1].numpy()
    expected = soft * (w - (soft * w).sum(-1, keepdims=True))
    np.testing.assert_allclose(gradient[:, -1, :, :-1][chosen], expected[chosen], atol=1e-5)
    # An onset replaces the note before: by the sigmoid's derivative.
    p = tf.sigmoid(values[..., -1]).numpy()[:, -1]
    new = np.eye(notes.shape[-1])[values[..., :-1].numpy().argmax(-1)][:, -1]
    sounds = 1 - notes[:, -1, :, 0]
    change = ((new - notes[:, -2]) * w).sum(-1) + sounds * weight[:, -1, :, -1].numpy()
    np.testing.assert_allclose(gradient[:, -1, :, -1], p * (1 - p) * change, atol=1e-5)


def test_what_the_discriminator_sees(music):
    window = np.full((1, STEPS, VOICES), HOLD, np.uint8)
    window[:, 0] = 67, 60, REST
    window[:, 1, 0] = 53
    seen = music.see(music.encode(window)).numpy()[0]
    assert seen.shape == music.seen_shape
    channels = music.signal_shape[-1]
    moved, other = np.split(seen[..., channels:], 2, axis=-1)  # [T, V, 19] each
    periods = np.array(_PERIODS)

    def waves(semitones):
        angle = 2 * np.pi * semitones / periods
        return np.concatenate([np.cos(angle), np.sin(angle), [1]])

    np.testing.assert_allclose(moved[:3, 0], [waves(0), waves(-14), waves(0)], atol=1e-5)
    np.testing.assert_allclose(other[0, 0], waves(7), atol=1e-5)  # a fifth above the next
    np.testing.assert_allclose(other[1, 0], waves(-7), atol=1e-5)  # crossed
    assert not other[:, 1:].any()  # with silence
    # What is consonant is linear in the overtones of the octave.
    overtones = np.array([waves(k)[[*range(3, 9), *range(12, 17), 18]] for k in range(12)])
    assert np.linalg.matrix_rank(overtones) == 12


def test_decode_and_activate_are_built_into_tflite(music):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    function = tf.function(
        lambda values: music.decode(music.activate(values)),
        [tf.TensorSpec((1, *music.signal_shape), tf.float32)],
        autograph=False,
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    interpreter = litert.Interpreter(model_content=converter.convert())  # builtin operations only
    interpreter.allocate_tensors()
    values = np.random.default_rng(2).normal(size=(1, *music.signal_shape)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(result, function(values))


def test_midi_made_in_a_graph(music, samples, tmp_path):
    mido = pytest.importorskip("mido")
    files = tf.function(midi_files)(samples).numpy()
    for file, sample in zip(files, samples, strict=True):
        np.testing.assert_array_equal(music.unfiled("sample_midi", file), sample)
    parsed = mido.MidiFile(file=io.BytesIO(files[0]))
    assert len(parsed.tracks) == 1 + VOICES
    assert parsed.ticks_per_beat == 480
    (tmp_path / "a.mid").write_bytes(files[0])
    # Another reader gives the same music, voices from high to low.
    piece = read_midi(tmp_path / "a.mid")
    means = [
        score.fill(samples)[0, :, v][score.fill(samples)[0, :, v] > 0].mean() for v in range(3)
    ]
    order = np.argsort(means)[::-1]
    np.testing.assert_array_equal(
        score.fill(score.roll(piece)[np.newaxis])[0],
        score.fill(samples[:1, :, order])[0],
    )


def test_long_waits_in_midi():
    window = np.full((1, 256, 1), HOLD, np.uint8)
    window[0, 0], window[0, 255] = REST, 60
    names = ("rest", *map(str, range(60, 62)), "onset")
    config = Config().replace(g_widths=(8,), g_depths=(1,), g_windows=(0,), augment=())
    music = make_modality(config.resolve(modality="music", shape=(256, 1, 4), vocabulary=names))
    (file,) = midi_files(tf.constant(window)).numpy()
    np.testing.assert_array_equal(music.unfiled("sample_midi", file), window[0])


def test_files(music, samples, tmp_path, monkeypatch):
    monkeypatch.setattr(synthesizer, "find", lambda: None)
    with pytest.warns(UserWarning, match="no .wav files: apt-get install fluidsynth"):
        paths = music.write(samples[:2], tmp_path / "out", ["a b", "c"])
    assert [path.name for path in paths] == ["a_b.mid", "c.mid"]
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [
        ".mid", ".mid", ".musicxml", ".musicxml", ".png", ".png",
    ]  # fmt: skip
    # Read back, the notation says what was written.
    piece = read_musicxml(tmp_path / "out" / "c.musicxml")
    tokens = score.roll(piece)
    np.testing.assert_array_equal(score.fill(tokens[np.newaxis])[0], score.fill(samples)[1])
    root = ElementTree.parse(tmp_path / "out" / "c.musicxml").getroot()
    for measure in root.iter("measure"):
        assert sum(int(note.findtext("duration")) for note in measure.iter("note")) == 16
    with pytest.raises(ValueError, match="1 different names for 2 samples"):
        music.write(samples[:2], tmp_path, ["a", "a"])


@pytest.mark.skipif(synthesizer.find() is None, reason=synthesizer.WAYS_OUT)
def test_sound(music, samples, tmp_path):
    music.write(samples[:1], tmp_path, ["a"])
    content = (tmp_path / "a.wav").read_bytes()
    assert content[:4] == b"RIFF"
    sound = np.frombuffer(content[44:], np.int16)
    assert len(sound) > 44100 * 2
    assert np.abs(sound).max() > 500


def test_pictures(music, samples):
    picture = music.grid(samples, columns=2)
    assert picture.dtype == np.uint8
    assert picture.shape[-1] == 3
    rows = music.class_rows(samples, np.array([0, 1, 1, 0, 1]), ["major", "minor"], columns=3)
    height = (rows.shape[0] - pictures.GAP) // 2
    assert rows.shape[1] > 3 * STEPS * 5
    assert height > HIGH - LOW
