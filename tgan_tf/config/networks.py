"""Options of the two networks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from tgan_tf.config.option import option

G_KINDS = ("transformer", "dcgan", "biggan", "stylegan2", "r3gan")
D_KINDS = ("transformer", "conv", "frozen", "biggan", "stylegan2", "r3gan")
NORMS = ("layer", "rms", "pixel")
ATTENTIONS = ("softmax", "l2", "additive")
ACTIVATIONS = ("gelu", "leaky_relu", "swiglu")
POSITIONS = ("learned", "fixed", "rotary")
_ATTENTION_TEXT = (
    "kind of attention; l2: by distances; additive: one vector for each head, at a cost that is"
    " linear in the tokens"
)
_POSITION_TEXT = (
    "how tokens know their place: a learned table; a fixed one of sines and cosines; rotary: the"
    " fixed one, and queries and keys are rotated"
)
_ACTIVATION_TEXT = (
    "nonlinearity of the MLPs; leaky_relu trains faster on a CPU; swiglu multiplies two linear maps"
)
# What Keras calls them. TransGAN's generator has fan_in and its discriminator normal, HiT small.
LINEAR_INITIALIZERS: dict[str, Any] = {
    "glorot": "glorot_uniform",
    "fan_in": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
    },
    "small": {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}},
    "normal": {"class_name": "RandomNormal", "config": {"stddev": 0.02}},
}


@dataclass(frozen=True)
class GeneratorConfig:
    """From noise to image: a transformer decoder, or the convolutions of other systems."""

    g_kind: str = option("transformer", "network", choices=G_KINDS)
    latent_dim: int = option(64, "width of the noise z", low=1)
    w_dim: int = option(96, "width of w, the mapping network's output", low=1)
    mapping_layers: int = option(
        0,
        "hidden layers of the mapping network; -1: there is none, w is z (and the class's vector)",
        low=-1,
        high=16,
    )
    g_class_std: float = option(
        0.25,
        "spread of the classes' (or attributes') vectors at the start; z has 1",
        above=0,
        high=10,
    )
    g_tokens: str = option(
        "auto",
        "how texts and music are made: one_by_one: each token from those before it; at_once: in one"
        " pass; auto: texts one by one, music at once",
        choices=("auto", "one_by_one", "at_once"),
    )
    g_widths: tuple[int, ...] = option(
        (96, 48), "width of the tokens (or channels of the convolutions) in each stage", low=1
    )
    g_depths: tuple[int, ...] = option((3, 1), "blocks in each stage", low=0)
    g_windows: tuple[int, ...] = option(
        (0, -1),
        "attention window of each stage, in tokens; 0: global; -1: the greatest from 8 down to 4"
        " that divides the grid, or else 0",
        low=-1,
    )
    g_window_pattern: str = option(
        "plain",
        "which tokens windows let see each other: plain: those of a window; double: for half of the"
        " heads, windows are shifted by half; multi_axis: half of the heads joins tokens with the"
        " same place in their windows",
        choices=("plain", "double", "multi_axis"),
    )
    g_mlp_stages: int = option(
        0, "so many of the last stages have no self-attention, only MLPs", low=0
    )
    g_heads: tuple[int, ...] = option(
        (4,), "attention heads, of every stage or one number for all", low=1
    )
    g_mlp_ratio: float = option(
        3.0, "hidden width of a block's MLP (of r3gan: inside a block) / its width", above=0
    )
    g_group_width: int = option(16, "channels of one group of r3gan's grouped convolutions", low=1)
    g_attention_stage: int = option(
        0, "stage (from 1) after which pixels of biggan attend to each other; 0: none", low=0
    )
    g_spectral_norm: bool = option(
        False, "divide every matrix of biggan's generator by its greatest singular value"
    )
    g_patch: int = option(
        2, "pixels a side that a token (of dcgan: a cell) of the last stage makes", low=1
    )
    g_output: str = option(
        "smooth",
        "how tokens become pixels: conv: pixel shuffle and convolutions; smooth: linear"
        " interpolation and convolutions; patch: one linear map; coordinate: a network of the token"
        " and the pixel's coordinates",
        choices=("conv", "smooth", "patch", "coordinate"),
    )
    g_output_activation: str = option(
        "tanh",
        "of the pixels; linear: none, decoding clips",
        choices=("tanh", "linear"),
    )
    g_attention: str = option("softmax", _ATTENTION_TEXT, choices=ATTENTIONS)
    g_qk_norm: bool = option(False, "RMS-normalise queries and keys")
    g_relative_bias: bool = option(False, "learned relative position bias")
    g_input: str = option(
        "dense",
        "first tokens: dense: a linear map of w; constant: a learned table, and w only modulates",
        choices=("dense", "constant"),
    )
    g_modulation: bool = option(True, "w scales and shifts the norm of every block")
    g_gate: bool = option(
        False, "w scales what each block adds, starting small, instead of shifting its norms"
    )
    g_position: str = option("learned", _POSITION_TEXT, choices=POSITIONS)
    g_levels: int = option(
        1,
        "images that are added up to the output, one after each of so many equal parts of the last"
        " stage's blocks",
        low=1,
    )
    g_upsample: tuple[str, ...] = option(
        ("dense_linear",),
        "how tokens become those of the next stage, for every transition or one for all;"
        " dense_shuffle: a linear map to 4 times the next width, then channels become pixels;"
        " shuffle: without the map; smooth_shuffle: after a low-pass filter; bicubic: by resizing;"
        " dense_linear: by linear interpolation, after a linear map",
        choices=("dense_shuffle", "shuffle", "smooth_shuffle", "bicubic", "dense_linear"),
    )
    g_norm: str = option(
        "rms",
        "normalisation of a token's channels; instance: of a channel over the tokens",
        choices=(*NORMS, "instance"),
    )
    g_norm_epsilon: float = option(1e-6, "added to the variance", above=0)
    g_final_norm: bool = option(True, "normalise once more before the output")
    g_final_modulation: bool = option(False, "w scales and shifts that norm too")
    g_noise: bool = option(
        False,
        "noise in every self-attention (of stylegan2: after every convolution), by a learned"
        " strength; always the same in use",
    )
    g_init: str = option(
        "glorot", "first values of linear maps", choices=tuple(LINEAR_INITIALIZERS)
    )
    g_activation: str = option("leaky_relu", _ACTIVATION_TEXT, choices=ACTIVATIONS)
    g_latent_tokens: int = option(
        0, "tokens made from w that blocks attend to; 0: no cross attention", low=0
    )
    g_latent_position: bool = option(False, "a learned position for each of these tokens")
    g_latent_attention: str = option(
        "after",
        "when: after the self-attention, normalised; before all else, without a norm; in a block"
        " of its own, at the start of each stage",
        choices=("after", "before", "stage"),
    )

    g_motion_dim: int = option(
        32, "of video: how many of the numbers of z say how a clip moves, not what it shows", low=1
    )
    g_time_attention: bool = option(True, "of video: tokens attend to their place in other frames")
    g_moving_grid: bool = option(
        False,
        "of video: tokens know their place in a plane that the motion's code moves, and content"
        " alone modulates their blocks",
    )

    @property
    def normalizes_batches(self) -> bool:
        """Whether a sample depends on the others of its batch, in training."""
        return self.g_kind in ("dcgan", "biggan")

    @property
    def g_scale(self) -> int:
        """Pixels a side that a cell of the first stage's grid becomes."""
        return (self.g_patch if self.g_patch_used else 1) << (len(self.g_widths) - 1)

    @property
    def g_patch_used(self) -> bool:
        """Whether a cell of the last stage makes more than one pixel."""
        return self.g_kind in ("transformer", "dcgan")

    @property
    def upsampling(self) -> tuple[str, ...]:
        """How each stage but the first gets its tokens."""
        count = len(self.g_widths) - 1
        return self.g_upsample if len(self.g_upsample) == count else self.g_upsample * count

    @property
    def heads_of_stages(self) -> tuple[int, ...]:
        """Attention heads of each stage."""
        stages = len(self.g_widths)
        return self.g_heads if len(self.g_heads) == stages else self.g_heads * stages


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Transformer encoder (or convolutional network) from image to logit."""

    d_kind: str = option(
        "transformer",
        "network; conv: that of dcgan; frozen: small heads on the features of a frozen vision"
        " model, d_backbone",
        choices=D_KINDS,
    )
    d_backbone: str = option(
        "",
        "a vision model that stays as it is: a directory of Hugging Face (ViT, DINOv2; config.json"
        " and model.safetensors), a SavedModel or a .keras file; for d_kind=frozen or align_weight",
    )
    d_backbone_size: int = option(
        0, "pixels a side at which it sees images; 0: as it was trained", low=0, high=4096
    )
    d_width: tuple[int, ...] = option(
        (96,),
        "tokens' width in each stage; a wider stage begins with 2x2 means, joined by patches of"
        " twice the side, one as wide as the last goes on with its tokens; of conv, one number, its"
        " last channels; of the other kinds, channels at each resolution from the image's (of"
        " biggan: half of it) down",
        low=1,
    )
    d_depth: tuple[int, ...] = option((3,), "blocks in each stage", low=1)
    d_heads: int = option(4, "attention heads", low=1)
    d_mlp_ratio: float = option(
        3.0, "hidden width of a block's MLP (of r3gan: inside a block) / its width", above=0
    )
    d_group_width: int = option(16, "channels of one group of r3gan's grouped convolutions", low=1)
    d_attention_stage: int = option(
        0, "stage (from 1) after which pixels of biggan attend to each other; 0: none", low=0
    )
    d_patch: int = option(4, "pixels a side of one token; a power of 2 for a conv stem", low=1)
    d_stem: str = option(
        "conv",
        "how pixels become tokens; overlap: patches share half of their side with the next",
        choices=("conv", "patch", "overlap"),
    )
    d_window: tuple[int, ...] = option(
        (0,), "attention window in tokens, of every stage or one for all; 0: global", low=0
    )
    d_norm: str = option("rms", "normalisation", choices=NORMS)
    d_norm_epsilon: float = option(1e-6, "added to the variance", above=0)
    d_noise: bool = option(
        False, "noise in every self-attention, by a learned strength; always the same in use"
    )
    d_head: str = option(
        "mlp", "from features to the logit: one hidden layer, or none", choices=("mlp", "linear")
    )
    d_init: str = option(
        "glorot", "first values of linear maps", choices=tuple(LINEAR_INITIALIZERS)
    )
    d_activation: str = option("leaky_relu", _ACTIVATION_TEXT, choices=ACTIVATIONS)
    d_position: str = option("learned", _POSITION_TEXT, choices=POSITIONS)
    d_layer_scale: float = option(
        0.0, "learned scale of what each block adds, at the start (0.1 is usual); 0: none", low=0
    )
    d_pool: str = option(
        "mean",
        "what the head reads; a class token joins for the last block, or for all of them",
        choices=("mean", "class_token", "class_token_first"),
    )
    d_attention: str = option("softmax", _ATTENTION_TEXT, choices=ATTENTIONS)
    d_qk_norm: bool = option(False, "RMS-normalise queries and keys")
    d_relative_bias: bool = option(False, "learned relative position bias")
    d_spectral_norm: str = option(
        "none",
        "divide every matrix by its greatest singular value; improved: times that at the start",
        choices=("none", "spectral", "improved"),
    )
    d_minibatch_std: int = option(
        0,
        "show D how much samples differ within groups of so many (4 is usual); 0: off. A logit then"
        " depends on its group, and so does an exact gradient penalty",
        low=0,
    )

    d_pack: int = option(
        1,
        "D sees so many samples at once, as channels, and judges them together (PacGAN: 2 to 4)",
        low=1,
        high=16,
    )
    d_frames: int = option(
        4, "of video: frames, drawn at random, that are seen at full size", low=1
    )
    d_motion_depth: int = option(
        3, "of video: blocks that see all frames, at half size and in pairs", low=1
    )

    @property
    def windows_of_stages(self) -> tuple[int, ...]:
        """Attention window of each stage."""
        stages = len(self.d_width)
        return self.d_window if len(self.d_window) == stages else self.d_window * stages

    @property
    def patches_of_stages(self) -> tuple[int, ...]:
        """Pixels a side of one token of each stage."""
        widths = self.d_width
        begins = [int(wide > narrow) for narrow, wide in itertools.pairwise(widths)]
        return tuple(self.d_patch << sum(begins[:stage]) for stage in range(len(widths)))
