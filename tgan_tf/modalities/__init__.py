"""What each kind of data needs, in one class each."""

from __future__ import annotations

import importlib

from tgan_tf.config import Config, ConfigError
from tgan_tf.modalities.base import Modality

# name -> (module, class); imported when asked for, for each has packages of its own.
MODALITIES = {
    "image": ("tgan_tf.modalities.image", "ImageModality"),
    "latent": ("tgan_tf.modalities.latent", "LatentModality"),
    "music": ("tgan_tf.modalities.music", "MusicModality"),
    "video": ("tgan_tf.modalities.video", "VideoModality"),
    "series": ("tgan_tf.modalities.series", "SeriesModality"),
    "text": ("tgan_tf.modalities.text", "TextModality"),
}

__all__ = ["MODALITIES", "Modality", "make_modality"]


def make_modality(config: Config) -> Modality:
    """The modality of a resolved configuration.

    Raises:
        ConfigError: the shape of a sample is not known, or the kind of data is not.
    """
    name = "latent" if config.data.autoencoder else config.data.modality
    if name not in MODALITIES:
        raise ConfigError(f"modality {name!r} is not one of {', '.join(MODALITIES)}")
    module, kind = MODALITIES[name]
    return getattr(importlib.import_module(module), kind)(config)
