"""Building blocks of the networks: attention, convolution, normalisation, stems and outputs."""

from tgan_tf.layers.attend import attend, attend_additive, keep_apart, relative_bias
from tgan_tf.layers.attention import Attention
from tgan_tf.layers.batch_normalization import BatchNormalization
from tgan_tf.layers.conditions import embed, guided, without
from tgan_tf.layers.convolution import Convolution, Linear, he_normal
from tgan_tf.layers.dense import Dense
from tgan_tf.layers.image import ImageOutput, ImageStem
from tgan_tf.layers.low_pass import double, halve, repeat
from tgan_tf.layers.minibatch import MinibatchStddev
from tgan_tf.layers.modulated import ModulatedConvolution
from tgan_tf.layers.normalization import Normalization, normalize
from tgan_tf.layers.positions import rotate, sincos_table
from tgan_tf.layers.rematerialization import rematerialized
from tgan_tf.layers.resampling import (
    bicubic_matrix,
    linear_matrix,
    pool_tokens,
    resize_tokens,
    upsample,
)
from tgan_tf.layers.spacetime import (
    CarriedFrame,
    Keypoints,
    MotionCode,
    MovingGrid,
    SpaceTimeBlock,
    time_features,
)
from tgan_tf.layers.spectral import SpectralNorm
from tgan_tf.layers.transformer import MappingNetwork, TransformerBlock
from tgan_tf.layers.windows import (
    merge_dilated,
    merge_windows,
    roll,
    shifted_regions,
    shuffle_pixels,
    split_dilated,
    split_windows,
    to_grid,
    to_tokens,
)

__all__ = [
    "Attention",
    "BatchNormalization",
    "CarriedFrame",
    "Convolution",
    "Dense",
    "ImageOutput",
    "ImageStem",
    "Keypoints",
    "Linear",
    "MappingNetwork",
    "MinibatchStddev",
    "ModulatedConvolution",
    "MotionCode",
    "MovingGrid",
    "Normalization",
    "SpaceTimeBlock",
    "SpectralNorm",
    "TransformerBlock",
    "attend",
    "attend_additive",
    "bicubic_matrix",
    "double",
    "embed",
    "guided",
    "halve",
    "he_normal",
    "keep_apart",
    "linear_matrix",
    "merge_dilated",
    "merge_windows",
    "normalize",
    "pool_tokens",
    "relative_bias",
    "rematerialized",
    "repeat",
    "resize_tokens",
    "roll",
    "rotate",
    "shifted_regions",
    "shuffle_pixels",
    "sincos_table",
    "split_dilated",
    "split_windows",
    "time_features",
    "to_grid",
    "to_tokens",
    "upsample",
    "without",
]
