"""Published networks and recipes, as values of the configuration.

``--preset=NAME`` takes the values of one entry where no flag says otherwise; a run's config.json
and flags.txt hold the values themselves. docs/presets.md says what of each is exact. Each family
has a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tgan_tf.presets.biggan import BIGGAN
from tgan_tf.presets.dcgan import DCGAN
from tgan_tf.presets.gat import GAT
from tgan_tf.presets.hit import HIT
from tgan_tf.presets.lada import LADA
from tgan_tf.presets.r3gan import R3GAN
from tgan_tf.presets.stylegan2 import STYLEGAN2
from tgan_tf.presets.styleswin import STYLESWIN
from tgan_tf.presets.transgan import TRANSGAN
from tgan_tf.presets.vitgan import VITGAN

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        **{**TRANSGAN, **GAT, **VITGAN, **STYLESWIN, **HIT, **LADA},
        **{**DCGAN, **BIGGAN, **STYLEGAN2, **R3GAN},
    }
)
