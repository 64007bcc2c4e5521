"""Generators and discriminators, built from a configuration."""

from __future__ import annotations

import keras

from tgan_tf.config import Config
from tgan_tf.networks.autoregressive import AutoregressiveGenerator
from tgan_tf.networks.biggan import BigGANDiscriminator, BigGANGenerator
from tgan_tf.networks.dcgan import DCGANGenerator
from tgan_tf.networks.discriminator import ConvDiscriminator, TransformerDiscriminator
from tgan_tf.networks.encoder import Encoder
from tgan_tf.networks.frozen_discriminator import FrozenDiscriminator
from tgan_tf.networks.generator import TransformerGenerator
from tgan_tf.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from tgan_tf.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from tgan_tf.networks.video import VideoDiscriminator, VideoGenerator

__all__ = ["build_discriminator", "build_encoder", "build_generator"]

_GENERATORS: dict[str, type[keras.Model]] = {
    "transformer": TransformerGenerator,
    "dcgan": DCGANGenerator,
    "biggan": BigGANGenerator,
    "r3gan": R3GANGenerator,
    "stylegan2": StyleGAN2Generator,
}
_DISCRIMINATORS: dict[str, type[keras.Model]] = {
    "transformer": TransformerDiscriminator,
    "conv": ConvDiscriminator,
    "frozen": FrozenDiscriminator,
    "biggan": BigGANDiscriminator,
    "r3gan": R3GANDiscriminator,
    "stylegan2": StyleGAN2Discriminator,
}
# Of data that those are not made for.
_GENERATORS_OF: dict[str, type[keras.Model]] = {"video": VideoGenerator}
_DISCRIMINATORS_OF: dict[str, type[keras.Model]] = {"video": VideoDiscriminator}


def build_generator(config: Config, **kwargs: object) -> keras.Model:
    """The generator that a resolved configuration describes, with its weights made."""
    usual = _GENERATORS[config.generator.g_kind]
    if config.is_autoregressive:
        usual = AutoregressiveGenerator
    generator = _GENERATORS_OF.get(config.data.modality, usual)(config, **kwargs)
    generator.build()
    return generator


def build_discriminator(config: Config, **kwargs: object) -> keras.Model:
    """The discriminator that a resolved configuration describes, with its weights made."""
    usual = _DISCRIMINATORS[config.discriminator.d_kind]
    discriminator = _DISCRIMINATORS_OF.get(config.data.modality, usual)(config, **kwargs)
    discriminator.build()
    return discriminator


def build_encoder(config: Config) -> keras.Model | None:
    """The encoder of real samples, with its weights made; None: the configuration has none."""
    if not config.has_encoder:
        return None
    encoder = Encoder(config)
    encoder.build()
    return encoder
