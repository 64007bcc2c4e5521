"""Generators and discriminators, built from a configuration."""

from __future__ import annotations

import keras

from tgan_tf.config import Config
from tgan_tf.networks.discriminator import ConvDiscriminator, TransformerDiscriminator
from tgan_tf.networks.frozen_discriminator import FrozenDiscriminator
from tgan_tf.networks.generator import TransformerGenerator

__all__ = [
    "ConvDiscriminator",
    "FrozenDiscriminator",
    "TransformerDiscriminator",
    "TransformerGenerator",
    "build_discriminator",
    "build_generator",
]

_DISCRIMINATORS = {
    "transformer": TransformerDiscriminator,
    "conv": ConvDiscriminator,
    "frozen": FrozenDiscriminator,
}


def build_generator(config: Config, **kwargs: object) -> TransformerGenerator:
    """The generator that a resolved configuration describes, with its weights made."""
    generator = TransformerGenerator(config, **kwargs)
    generator.build()
    return generator


def build_discriminator(config: Config, **kwargs: object) -> keras.Model:
    """The discriminator that a resolved configuration describes, with its weights made."""
    discriminator = _DISCRIMINATORS[config.discriminator.d_kind](config, **kwargs)
    discriminator.build()
    return discriminator
