"""The transformer block, and the mapping network that steers it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tgan_tf.layers.attention import Attention, Cache
from tgan_tf.layers.conditions import embed
from tgan_tf.layers.dense import Dense
from tgan_tf.layers.normalization import Normalization

ACTIVATIONS = {
    "gelu": functools.partial(tf.nn.gelu, approximate=False),
    "leaky_relu": functools.partial(tf.nn.leaky_relu, alpha=0.2),
}
_GATE_GAIN = 0.1


@keras.saving.register_keras_serializable(package="tgan_tf")
class TransformerBlock(keras.layers.Layer):
    """Pre-norm block: ``x += attend(norm(x))``, ``x += mlp(norm(x))`` (Xiong et al. 2020).

    With ``modulation``, a linear map of ``w`` scales and shifts each norm (self-modulation, Lee et
    al. 2022, eq. 8), or scales each norm and what is added (a gate, Peebles & Xie 2023, sec. 3.2).
    With ``cross``, the tokens also attend to a context. Without self-attention, only the MLP and
    what attends to a context are left (HiT at high resolution, Zhao et al. 2021).

    Args:
        width: channels of the tokens.
        heads: attention heads.
        mlp_ratio: hidden width of the MLP / ``width``.
        norm: kind of normalisation.
        epsilon: of the normalisation.
        activation: nonlinearity of the MLP, ``gelu`` (exact), ``leaky_relu``, or ``swiglu``, which
            multiplies SiLU of one linear map with another (Shazeer 2020, eq. 6).
        modulation: what ``w``, which is then given to ``call``, does besides scaling: ``shift`` or
            ``gate``; empty: there is none.
        layer_scale: what is added is scaled by a learned number for each channel, which starts here
            (Touvron et al. 2021, eq. 5); 0: it is not.
        cross: when the tokens attend to ``context``, which is then given to ``call``: ``after``
            the self-attention, normalised; ``before`` all else, without a norm (TransGAN for faces,
            Jiang et al. 2021); empty: never.
        self_attention: whether there is one.
        attention: further arguments of it.
        initializer: of the matrices.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float = 4.0,
        *,
        norm: str = "layer",
        epsilon: float = 1e-6,
        activation: str = "gelu",
        modulation: str = "",
        layer_scale: float = 0.0,
        cross: str = "",
        self_attention: bool = True,
        attention: dict[str, Any] | None = None,
        initializer: str | dict[str, Any] = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.mlp_ratio = width, heads, mlp_ratio
        self.norm, self.epsilon, self.activation = norm, epsilon, activation
        if cross not in ("", "after", "before"):
            raise ValueError(f"cross={cross!r} is not one of after, before or empty")
        if modulation not in ("", "shift", "gate"):
            raise ValueError(f"modulation={modulation!r} is not one of shift, gate or empty")
        self.modulation, self.layer_scale, self.cross = modulation, layer_scale, cross
        self.self_attention = self_attention
        self.attention, self.initializer = dict(attention or {}), initializer

    def build(self, input_shape: Any, w_shape: Any = None, context_shape: Any = None) -> None:
        width, policy = self.width, self.dtype_policy
        hidden = int(width * self.mlp_ratio)

        def make_norm(name: str, affine: bool = not self.modulation) -> Normalization:
            return Normalization(self.norm, self.epsilon, affine, dtype=policy, name=name)

        matrices = {"kernel_initializer": self.initializer, "dtype": policy}
        if self.self_attention:
            self.norm1 = make_norm("norm1")
        self.norm2 = make_norm("norm2")
        if self.self_attention:
            self.attend = Attention(
                width,
                self.heads,
                **self.attention,
                initializer=self.initializer,
                dtype=policy,
                name="attention",
            )
            self.norm1.build(input_shape)
            self.attend.build(input_shape)
        parts = 2 if self.activation == "swiglu" else 1
        self.mlp_in = Dense(parts * hidden, **matrices, name="mlp_in")
        self.mlp_out = Dense(width, **matrices, name="mlp_out")
        for layer in (self.norm2, self.mlp_in):
            layer.build(input_shape)
        self.mlp_out.build((*input_shape[:-1], hidden))
        if self.cross:
            if self.cross == "after":
                self.norm_cross = make_norm("norm_cross", affine=True)
                self.norm_cross.build(input_shape)
            self.attend_cross = Attention(
                width,
                self.heads,
                cross=True,
                noise=self.cross == "before" and self.attention.get("noise", False),
                initializer=self.initializer,
                dtype=policy,
                name="cross_attention",
            )
            self.attend_cross.build(input_shape, context_shape)
        branches = 1 + self.self_attention
        if self.modulation:
            if self.modulation == "gate":
                # Small: a block begins near the identity.
                small = keras.initializers.VarianceScaling(_GATE_GAIN**2, "fan_in", "normal")
                matrices = {**matrices, "kernel_initializer": small}
            self.to_modulation = Dense(2 * branches * width, **matrices, name="modulation")
            self.to_modulation.build(w_shape)
        if self.layer_scale:
            self.scales = [
                self.add_weight(
                    shape=(width,),
                    initializer=keras.initializers.Constant(self.layer_scale),
                    name=f"layer_scale_{index}",
                )
                for index in range(branches)
            ]

    def call(
        self,
        x: tf.Tensor,
        w: tf.Tensor | None = None,
        context: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """One block.

        Args:
            x: ``[B, N, C]``.
            w: ``[B, D]`` where modulated.
            context: ``[B, M, E]`` where there is cross attention.
            noise: ``[B, N]``, standard normal, where the attention has noise.

        Returns:
            ``[B, N, C]``.
        """
        return self._run(x, w, context, lambda x: self.attend(x, noise=noise))

    def step(
        self, x: tf.Tensor, w: tf.Tensor | None, cache: Cache, place: tf.Tensor
    ) -> tuple[tf.Tensor, Cache]:
        """One token of a causal block, see ``Attention.step``."""
        kept = [cache]

        def attend(x: tf.Tensor) -> tf.Tensor:
            x, kept[0] = self.attend.step(x, cache, place)
            return x

        return self._run(x, w, None, attend), kept[0]

    def _run(
        self,
        x: tf.Tensor,
        w: tf.Tensor | None,
        context: tf.Tensor | None,
        attend: Callable[[tf.Tensor], tf.Tensor],
    ) -> tf.Tensor:
        if self.cross == "before":
            x = x + self.attend_cross(x, context)
        scale1 = shift1 = scale2 = shift2 = gate1 = gate2 = None
        if self.modulation:
            *first, scale2, second2 = tf.split(
                self.to_modulation(w), 2 + 2 * self.self_attention, axis=-1
            )  # [B, C] each
            scale1, second1 = first or (None, None)
            if self.modulation == "shift":
                shift1, shift2 = second1, second2
            else:
                gate1, gate2 = second1, second2
        if self.self_attention:
            x = x + self._scaled(attend(self.norm1(x, scale1, shift1)), gate1, 0)
        if self.cross == "after":
            x = x + self.attend_cross(self.norm_cross(x), context)
        hidden = self.mlp_in(self.norm2(x, scale2, shift2))  # [B, N, ratio * C], of swiglu twice
        if self.activation == "swiglu":
            gate, hidden = tf.split(hidden, 2, axis=-1)  # [B, N, ratio * C] each
            hidden = tf.nn.silu(gate) * hidden
        else:
            hidden = ACTIVATIONS[self.activation](hidden)
        return x + self._scaled(self.mlp_out(hidden), gate2, -1)

    def _scaled(self, x: tf.Tensor, gate: tf.Tensor | None, index: int) -> tf.Tensor:
        """What is added to the tokens, ``[B, N, C]``, by the gate and the layer's scale."""
        if gate is not None:
            x = x * gate[:, None]
        if self.layer_scale:
            x = x * tf.cast(self.scales[index], x.dtype)
        return x

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = (
            "width",
            "heads",
            "mlp_ratio",
            "norm",
            "epsilon",
            "activation",
            "modulation",
            "layer_scale",
            "cross",
            "self_attention",
            "attention",
            "initializer",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tgan_tf")
class MappingNetwork(keras.layers.Layer):
    """From noise and condition to ``w``, the intermediate latent (Karras et al. 2019, sec. 2).

    Args:
        w_dim: width of ``w``, and of a condition's vector.
        hidden_layers: hidden layers before the last, linear one; -1: without any layer, ``w`` is
            the noise followed by the condition's vector.
        num_conditions: rows of the table that conditions are taken from, see ``embed``; 0:
            unconditional.
        class_std: standard deviation of the rows at the start. The noise's is 1; a
            generator that hears the class louder than that learns one sample for each class and
            never leaves it.
    """

    def __init__(
        self,
        w_dim: int,
        hidden_layers: int = 2,
        num_conditions: int = 0,
        class_std: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.w_dim, self.hidden_layers = w_dim, hidden_layers
        self.num_conditions = num_conditions
        self.class_std = class_std

    def build(self, z_shape: Any, label_shape: Any = None) -> None:
        width = z_shape[-1]
        if self.num_conditions:
            self.embedding = self.add_weight(
                shape=(self.num_conditions, self.w_dim),
                initializer=keras.initializers.RandomNormal(stddev=self.class_std),
                name="embedding",
            )
            width += self.w_dim
        self.layers = []
        for index in range(self.hidden_layers + 1):
            layer = Dense(self.w_dim, dtype=self.dtype_policy, name=f"dense_{index}")
            layer.build((None, width))
            self.layers.append(layer)
            width = self.w_dim

    def call(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """``z`` ``[B, Z]`` (and ``label`` as ``embed`` takes it) -> ``w`` ``[B, D]``."""
        if self.num_conditions:
            embedded = tf.cast(embed(self.embedding, label), z.dtype)  # [B, D]
            z = tf.concat([z, embedded], axis=-1)  # [B, Z + D]
        for layer in self.layers[:-1]:
            z = tf.nn.leaky_relu(layer(z), 0.2)
        return self.layers[-1](z) if self.layers else z

    def compute_output_shape(self, z_shape: Any, *_: Any) -> Any:
        embedded = self.w_dim if self.num_conditions else 0
        return (*z_shape[:-1], self.w_dim if self.hidden_layers >= 0 else z_shape[-1] + embedded)

    def get_config(self) -> dict[str, Any]:
        names = ("w_dim", "hidden_layers", "num_conditions", "class_std")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
