"""Sequences that are made at once, with an encoder beside the game."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tokens import POEM, text_config
from tgan_tf.config import Config, ConfigError
from tgan_tf.config.texts import check_unused_of_tokens
from tgan_tf.gan import TransformerGAN

OPTIONS = {
    **{"g_tokens": "at_once", "g_patch": 1, "g_depths": 1, "kl_weight": 0.1, "likelihood_lr": 0.02},
    **{"batch_size": 8, "total_kimg": 0.8},
}
# Four texts, each of one character: what comes before says what comes next.
TEXTS = np.repeat(np.arange(8, dtype=np.int32)[:, None] % 4, 4, axis=1)
LABELS = np.arange(8, dtype=np.int32) % 2


def make(**changes) -> TransformerGAN:
    return TransformerGAN(text_config(POEM, 4, **{**OPTIONS, **changes}))


def test_learns_to_spell():
    """By likelihood alone: without a z that tells the texts apart, it could not be below ln 4."""
    gan = make(likelihood_kimg=0.8)
    step, losses = gan.make_step(), []
    for _ in range(60):
        logs = step((tf.constant(TEXTS), tf.constant(LABELS)))
        losses.append(float(logs["likelihood"]))
    assert losses[0] > np.log(len(POEM)) - 0.5
    assert np.mean(losses[-5:]) < 0.5 * np.log(4)


def test_one_step_in_parts_is_one_step():
    """Of the whole batch; encoder and all."""
    results = []
    for parts in (1, 2):
        gan = make(micro_batches=parts, d_pack=2, precision="float64")
        before = [w.numpy() for w in gan.encoder.weights]
        logs = gan.train_step((tf.constant(TEXTS), tf.constant(LABELS)))
        assert {"likelihood", "loss_d", "loss_g"} <= logs.keys()
        assert {"encoder", "e_optimizer"} <= gan.trackables().keys()
        moved = [(w.numpy() != b).any() for w, b in zip(gan.encoder.weights, before, strict=True)]
        assert all(moved)
        results.append(gan.encoder.get_weights() + gan.generator.get_weights())
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-9)


MUSIC = {
    **{"modality": "music", "shape": (16, 2, 5), "vocabulary": ("rest", "60", "61", "62", "onset")},
}
SERIES = {
    **{"modality": "series", "shape": (12, 1, 2), "vocabulary": ("a", "b")},
    **{"channel_mean": (0.0, 0.0), "channel_std": (1.0, 1.0)},
}


@pytest.mark.parametrize("data", [MUSIC, SERIES], ids=["music", "series"])
def test_learns_to_tell_samples_apart(data):
    """The same of music, of which a voice may be given, and of time series."""
    changes = {**OPTIONS, "g_widths": (8,), "g_windows": (0,), "d_stem": "patch", "augment": ()}
    changes |= {"d_width": 16, "d_depth": 1, "g_tokens": "auto", "likelihood_kimg": 0.48}
    config = Config().replace(**changes)
    if data is MUSIC:
        config = config.replace(given_voices=(0,))
    gan = TransformerGAN(config.resolve(**data))
    random = np.random.default_rng(0)
    if data is MUSIC:
        samples = np.repeat(random.choice([60, 61, 62], (8, 4, 2)), 4, axis=1).astype(np.uint8)
    else:
        samples = random.normal(size=(8, 1, 2)).astype(np.float32).repeat(12, axis=1)
    step = gan.make_step()
    logs = [step(tf.constant(samples)) for _ in range(60)]
    assert float(logs[-1]["likelihood"]) < 0.6 * float(logs[0]["likelihood"])
    assert float(logs[-1]["divergence"]) > 1
    if data is MUSIC:
        assert "loss_d" in step(tf.constant(samples))  # with the game


def test_without_a_weight_there_is_no_encoder():
    gan = make(kl_weight=0.0)
    assert gan.encoder is None
    assert "encoder" not in gan.trackables()


def test_images_have_none():
    with pytest.raises(ConfigError, match=r"--kl_weight=0.1: there is no likelihood of image"):
        Config().replace(kl_weight=0.1).resolve(image_size=(8, 8), channels=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "digits", "kl_weight": 1.0},
        {"dataset": "poems", "kl_weight": 1.0},
        {"dataset": "poems", "g_tokens": "at_once", "likelihood_weight": 2.0},
        {"dataset": "poems", "g_tokens": "at_once", "kl_weight": 1.0, "token_dropout": 0.2},
    ],
)
def test_options_without_effect(changes):
    with pytest.raises(ConfigError, match=r"kl_weight|likelihood_weight|token_dropout"):
        check_unused_of_tokens(Config().replace(**changes))
