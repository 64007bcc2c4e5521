"""What the convolutional generators and discriminators have in common."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tgan_tf.config import Config
from tgan_tf.layers import MappingNetwork
from tgan_tf.modalities import make_modality


class ConvGenerator(keras.Model):
    """From ``z`` to ``w``, as the transformer does it, and from there by convolutions to images.

    Args:
        config: a resolved configuration.

    Attributes:
        noise_numbers: how many random numbers an example takes besides z.
        w_dim: width of w.
        grids: (H, W) of each stage.
    """

    noise_numbers = 0
    w_dim: int

    def __init__(self, config: Config | dict[str, Any], **kwargs: Any) -> None:
        config = config if isinstance(config, Config) else Config.from_dict(config)
        super().__init__(**{"dtype": config.training.precision, "name": "generator", **kwargs})
        self.config = config
        g, data = config.generator, config.data
        self.num_conditions = data.num_conditions
        self.latent_dim = g.latent_dim
        self.modality = make_modality(config)
        self.grids = [
            (data.signal_shape[0] // g.g_scale << stage, data.signal_shape[1] // g.g_scale << stage)
            for stage in range(len(g.g_widths))
        ]

    def build(self, z_shape: Any = None, label_shape: Any = None) -> None:
        """Makes all weights; the shapes are known from the configuration."""
        self.mapping_network = self._make_mapping()
        z_shape = (None, self.latent_dim)
        self.mapping_network.build(z_shape, (None,))
        self.w_dim = self.mapping_network.compute_output_shape(z_shape)[-1]
        self._build_synthesis()
        self.built = True

    def _make_mapping(self) -> keras.layers.Layer:
        """From noise and class to w."""
        g = self.config.generator
        return MappingNetwork(
            g.w_dim,
            g.mapping_layers,
            self.num_conditions,
            g.g_class_std,
            dtype=self.dtype_policy,
            name="mapping",
        )

    def _build_synthesis(self) -> None:
        """All layers after w."""
        raise NotImplementedError

    def _synthesize(self, w: tf.Tensor, noise: tf.Tensor | None, training: bool) -> tf.Tensor:
        """``w`` ``[B, w_dim]`` -> ``[B, H, W, C]``, before the last activation."""
        raise NotImplementedError

    def call(
        self,
        z: tf.Tensor,
        label: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Noise to images.

        Args:
            z: ``[B, latent_dim]``.
            label: where conditional, int ``[B]`` or float ``[B, K]``, see ``layers.embed``.
            noise: ``[B, noise_numbers]``, standard normal; None: the same for all examples, always.
            training: normalise by the batch.

        Returns:
            ``[B, H, W, C]``.
        """
        return self.synthesis(self.mapping(z, label), noise, training)

    def mapping(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, latent_dim]`` (and ``label``) -> ``w`` ``[B, w_dim]``."""
        return self.mapping_network(tf.cast(z, self.compute_dtype), label)

    def synthesis(
        self, w: tf.Tensor, noise: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """``w`` ``[B, w_dim]`` -> ``[B, H, W, C]``, the modality's signal."""
        w = tf.cast(w, self.compute_dtype)
        return self.modality.activate(self._synthesize(w, noise, training))

    def kernels_of_w(self) -> list[Any]:
        """Kernels ``[w_dim, outputs]`` of the linear maps of ``w`` (SeFa's A, transposed)."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "name": self.name}
