"""Images by way of their latents: the autoencoder's forms, the modality, a run, its exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tgan_tf
from tests.autoencoders import LATENT, write_autoencoder
from tests.training.runs import tiny
from tgan_tf.config import Config, ConfigError
from tgan_tf.exporting import to_saved_model, to_tflite
from tgan_tf.modalities import make_modality
from tgan_tf.modalities.autoencoder import Autoencoder
from tgan_tf.modalities.latent import latents_of

FORMS = {"layers": "model.keras", "halves": "model", "saved_model": "model"}
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)


@pytest.fixture(scope="module", params=FORMS)
def path(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / FORMS[request.param]
    write_autoencoder(path, request.param)
    return path


def test_every_form(path):
    autoencoder = Autoencoder(str(path), (8, 8, 1))
    assert autoencoder.latent_shape == (4, 4, LATENT)
    x = IMAGES / np.float32(127.5) - 1
    means = x.reshape(40, 4, 2, 4, 2).mean(axis=(2, 4))
    latents = np.stack([means + 0.5, -means], axis=-1)
    np.testing.assert_allclose(autoencoder.encode(tf.constant(x)), latents, rtol=1e-5, atol=1e-6)
    pixels = np.tanh(means).repeat(2, axis=1).repeat(2, axis=2)
    decoded = autoencoder.decode(tf.constant(latents))
    np.testing.assert_allclose(decoded[..., 0], pixels, rtol=1e-5, atol=1e-6)


def resolved(path: Path, **changes: object) -> Config:
    shape, mean, std = latents_of(str(path), IMAGES)
    return (
        Config()
        .replace(autoencoder=path, **changes)
        .resolve(image_size=(8, 8), channels=1, shape=shape, channel_mean=mean, channel_std=std)
    )


def test_signals_are_standardised_and_samples_are_images(path):
    modality = make_modality(resolved(path))
    signals = modality.encode(tf.constant(IMAGES)).numpy()
    assert signals.shape[1:] == modality.signal_shape == (4, 4, LATENT)
    np.testing.assert_allclose(signals.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(signals.std(axis=(0, 1, 2)), 1, rtol=1e-5)
    again = modality.decode(tf.constant(signals))
    assert (again.dtype, again.shape) == (tf.uint8, IMAGES.shape)
    shown = modality.show(tf.constant(signals)).numpy()
    np.testing.assert_array_equal(again, np.rint((shown + 1) * 127.5))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Trained on latents of the digits, with a checkpoint and two exports."""
    folder = tmp_path_factory.mktemp("latents")
    write_autoencoder(folder / "model", "saved_model")
    config = tiny(
        folder,
        autoencoder=folder / "model",
        cache_dir=folder / "cache",
        **{"g_patch": 2, "d_patch": 2, "total_kimg": 0.016, "snapshot_kimg": 0.016},
    )
    return tgan_tf.train(config)


def test_a_run_draws_images(run):
    config = json.loads((run / "config.json").read_text())["data"]
    assert config["shape"] == [4, 4, LATENT]
    assert config["image_size"] == [8, 8]
    (cache,) = (run.parent / "cache").glob("digits-latents-*/latents.npy")
    latents = np.load(cache)
    np.testing.assert_allclose(latents.reshape(-1, LATENT).std(axis=0), 1, atol=0.2)
    sampler = tgan_tf.load(run)
    images = sampler.sample(range(3), label=2)
    assert (images.dtype, images.shape) == (np.uint8, (3, 8, 8, 1))


def test_exports_have_the_decoder(run, tmp_path):
    """They are checked against Keras as they are written; and need no autoencoder."""
    sampler = tgan_tf.load(run)
    saved = to_saved_model(sampler, tmp_path / "saved")
    to_tflite(sampler, tmp_path / "model.tflite")
    loaded = tf.saved_model.load(str(saved.path))
    z, label = tf.zeros((2, 4)), tf.zeros(2, tf.int32)
    image = loaded.signatures["generate"](z=z, label=label)["image"]
    assert image.shape == (2, 8, 8, 1)
    assert np.abs(image).max() <= 1  # the decoder's tanh


class TestErrors:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(ConfigError, match=r"--autoencoder=.*nothing"):
            Autoencoder(str(tmp_path / "nothing"), (8, 8, 1))

    def test_other_images(self, path):
        with pytest.raises(ConfigError, match="--autoencoder="):
            Autoencoder(str(path), (8, 8, 3))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"augment": "filter"}, "--augment=filter is for pixels"),
            ({"d_kind": "frozen", "d_backbone": "x"}, "--d_backbone=x sees pixels"),
        ],
    )
    def test_what_is_for_pixels(self, changes, message):
        with pytest.raises(ConfigError, match=message):
            Config().replace(autoencoder="x", **changes)
