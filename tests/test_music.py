"""A run of music from the data to the exported files."""

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import tgan_tf
from tgan_tf.config import Config, ConfigError
from tgan_tf.config.checks import check_unused
from tgan_tf.data.music import given_window
from tgan_tf.data.score import HOLD, NOT_GIVEN
from tgan_tf.exporting import to_saved_model, to_tflite
from tgan_tf.modalities.midi import midi_files

SMALL = {
    **{"latent_dim": 4, "w_dim": 8, "g_widths": 8, "g_depths": 1, "g_windows": 0, "g_heads": 2},
    **{"g_patch": 4, "g_output": "patch", "d_patch": 4, "d_stem": "patch", "d_width": 8},
    **{"d_depth": 1, "d_heads": 2, "batch_size": 4, "total_kimg": 0.008, "tick_kimg": 0.004},
    **{"snapshot_kimg": 1, "health_kimg": 0.008, "health_samples": 32, "eval_samples": 100},
    "penalty_every": 1,  # one kind of step to trace
}
VOICES = ((72, 74, 76, 77, 79), (64, 65, 67, 67, 72))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Of MIDI files of two voices, whose keys are stated."""
    folder = tmp_path_factory.mktemp("music")
    mido = pytest.importorskip("mido")
    rng = np.random.default_rng(0)
    for index in range(8):
        window = np.full((1, 32, 2), HOLD, np.uint8)
        for voice, notes in enumerate(VOICES):
            window[0, ::4, voice] = rng.choice(notes, 8)
        path = folder / f"{index}.mid"
        path.write_bytes(midi_files(tf.constant(window)).numpy()[0])
        file = mido.MidiFile(path)
        file.tracks[0].insert(0, mido.MetaMessage("key_signature", key=("C", "Am")[index % 2]))
        file.save(path)
    options = {"dataset": f"midi:{folder}", "bars": 1, "music_class": "key", "given_voices": 0}
    options |= {"out_dir": str(folder), "cache_dir": str(folder / "cache")}
    return Config().replace(**SMALL, **options)


@pytest.fixture(scope="module")
def run(config):
    return tgan_tf.train(config)


def test_the_run_is_complete(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (measured,) = [row for row in rows if row["kind"] == "evaluation"]
    overlaps = [name for name in measured["metrics"] if name.startswith("overlap_")]
    assert len(overlaps) == 6
    assert all(
        {"real", "shuffled"} <= measured["details"][name]["details"].keys() for name in overlaps
    )
    assert {"consonance", "voice_crossing", "novelty", "diversity"} <= set(measured["metrics"])
    assert "1 bars of 16 steps, 2 voices" in (run / "report.html").read_text()
    assert (run / "samples" / "classes.png").is_file()


def test_the_exported_files_draw_the_same_windows(run):
    sampler = tgan_tf.load(run)
    drawn = sampler.sample([3, 4], "A minor")
    assert drawn.shape == (2, 16, 2)
    assert drawn.dtype == np.uint8
    inputs = {"seed": [3], "label": [sampler.config.data.class_names.index("A minor")]}
    inputs = {name: np.int32(value) for name, value in inputs.items()}
    inputs["truncation"] = np.float32([1])
    interpreter = Interpreter(str(run / "export" / "model.tflite"))
    made = interpreter.get_signature_runner("sample")(**inputs)["music"]
    np.testing.assert_array_equal(made[0], drawn[0])
    served = tf.saved_model.load(str(next((run / "export" / "model").iterdir())))
    (midi,) = served.signatures["sample_midi"](
        **{name: tf.constant(value) for name, value in inputs.items()}
    )["midi_bytes"].numpy()
    np.testing.assert_array_equal(sampler.modality.unfiled("sample_midi", midi), drawn[0])


def test_a_given_voice_is_kept(run, tmp_path):
    sampler = tgan_tf.load(run)
    rng = np.random.default_rng(1)
    given = np.full((16, 2), NOT_GIVEN, np.uint8)
    given[:, 0] = np.where(np.arange(16) % 2, HOLD, rng.choice(VOICES[0], 16))
    written = sampler.complete(range(8), given, "A minor")
    np.testing.assert_array_equal(written[..., 0], np.broadcast_to(given[:, 0], (8, 16)))
    assert len({window.tobytes() for window in written}) > 1
    # What is given changes what is written to it.
    free = sampler.sample(range(8), "A minor")
    assert (free[..., 1] != written[..., 1]).any()
    # From a file, by the command, and from the exported model.
    path = tmp_path / "tune.mid"
    path.write_bytes(midi_files(tf.constant(given[np.newaxis, :, :1])).numpy()[0])
    np.testing.assert_array_equal(given_window(path, (16, 2), (0,)), given)
    with pytest.raises(ValueError, match="has 1 voices, and 2 can be given"):
        given_window(path, (16, 3), (0, 1))
    served = tf.saved_model.load(str(next((run / "export" / "model").iterdir())))
    made = served.signatures["complete"](
        seed=tf.constant([3]),
        given=tf.constant(given[np.newaxis]),
        label=tf.constant([sampler.config.data.class_names.index("A minor")]),
        truncation=tf.constant([1.0]),
    )["music"]
    np.testing.assert_array_equal(made[0], written[3])


def test_what_cannot_be_given(run):
    sampler = tgan_tf.load(run)
    with pytest.raises(ValueError, match=r"has the shape \(3, 2\)"):
        sampler.complete([0], np.zeros((3, 2), np.uint8))
    with pytest.raises(ConfigError, match="the data have 2 voices"):
        sampler.config.replace(given_voices=(0, 1))


def test_token_by_token(config, tmp_path):
    """By likelihood and then in the game, drawn, written around a tune, steered and exported."""
    options = {"g_tokens": "one_by_one", "g_patch": Config().generator.g_patch, "export": ()}
    options |= {"g_output": Config().generator.g_output, "likelihood_kimg": 0.004}
    run = tgan_tf.train(config.replace(**options, out_dir=str(tmp_path)))
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    first, second = (row for row in rows if row["kind"] == "tick")
    assert "loss_d" not in first
    assert {"likelihood", "loss_d"} <= second.keys()
    (before, after) = (row["metrics"] for row in rows if row["kind"] == "evaluation")
    for name in ("overlap_step_size", "consonance", "variety"):
        assert after[f"likelihood_{name}"] == pytest.approx(before[name])
    sampler = tgan_tf.load(run)
    drawn = sampler.sample(range(8), "A minor")
    assert (drawn[:, 0] != HOLD).all()
    assert (sampler.sample(range(8), "A minor", temperature=0.1) != drawn).any()
    with pytest.raises(ValueError, match="prefix is for texts"):
        sampler.sample([0], prefix="C")
    given = np.full((16, 2), NOT_GIVEN, np.uint8)
    given[:, 0] = np.where(np.arange(16) % 2, HOLD, VOICES[0][0])
    written = sampler.complete(range(8), given, "A minor", top_p=0.9)
    np.testing.assert_array_equal(written[..., 0], np.broadcast_to(given[:, 0], (8, 16)))
    assert len({window.tobytes() for window in written}) > 1
    # Exporters compare with Keras.
    for errors in (
        to_saved_model(sampler, tmp_path / "model").errors,
        to_tflite(sampler, tmp_path / "model.tflite").errors,
    ):
        assert errors["sample"] == errors["complete"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "chorales", "token_dropout": 0.2}, "--token_dropout is for tokens made one"),
        ({"dataset": "chorales", "g_tokens": "one_by_one", "g_patch": 4}, "--g_patch has no eff"),
        ({"dataset": "chorales", "g_tokens": "one_by_one", "kl_weight": 1}, "--kl_weight=1 is for"),
        ({"dataset": "sines", "g_tokens": "one_by_one"}, "--g_tokens is for texts and music"),
        ({"bars": 4}, "--bars=4 is for --dataset=chorales"),
        ({"music_class": "key"}, "--music_class=key is for"),
        ({"dataset": "folk", "music_class": "key", "conditional": False}, "no use for --music_cl"),
    ],
)
def test_what_has_no_effect(options, message):
    with pytest.raises(ConfigError, match=message):
        check_unused(Config().replace(**options))
