"""Building blocks of the networks: attention, normalisation, modulation, stems and outputs."""

from tgan_tf.layers.attention import Attention, attend, relative_bias
from tgan_tf.layers.conditions import embed, without
from tgan_tf.layers.image import ImageOutput, ImageStem
from tgan_tf.layers.minibatch import MinibatchStddev
from tgan_tf.layers.normalization import Normalization, normalize
from tgan_tf.layers.positions import rotate, sincos_table
from tgan_tf.layers.rematerialization import rematerialized
from tgan_tf.layers.resampling import bicubic_matrix, pool_tokens, resize_tokens, upsample
from tgan_tf.layers.spectral import SpectralNorm
from tgan_tf.layers.transformer import MappingNetwork, TransformerBlock
from tgan_tf.layers.windows import (
    merge_windows,
    shuffle_pixels,
    split_windows,
    to_grid,
    to_tokens,
)

__all__ = [
    "Attention",
    "ImageOutput",
    "ImageStem",
    "MappingNetwork",
    "MinibatchStddev",
    "Normalization",
    "SpectralNorm",
    "TransformerBlock",
    "attend",
    "bicubic_matrix",
    "embed",
    "merge_windows",
    "normalize",
    "pool_tokens",
    "relative_bias",
    "rematerialized",
    "resize_tokens",
    "rotate",
    "shuffle_pixels",
    "sincos_table",
    "split_windows",
    "to_grid",
    "to_tokens",
    "upsample",
    "without",
]
