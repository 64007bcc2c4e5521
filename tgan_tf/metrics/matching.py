"""At which temperature one generator's samples are as alike as another's.

At any temperature of its own a generator trades quality for diversity, so numbers of quality are
compared at equal diversity (Caccia et al. 2020, "Language GANs Falling Short").
"""

from __future__ import annotations

import math
from collections.abc import Callable

COLDEST, HOTTEST = 0.25, 4.0
NEAR = 0.002  # of what is wanted; a self-BLEU of 1,000 texts varies by more from draw to draw
_STEPS = 8  # the last halves a range of 2 % of the temperature


def matching_temperature(alike: Callable[[float], float], wanted: float) -> float:
    """Bisects the temperature's logarithm, from temperature 1 on.

    Args:
        alike: how alike samples of a temperature are, such as their self-BLEU; less at a greater
            temperature.
        wanted: what it shall be.

    Returns:
        The temperature; near `COLDEST` or `HOTTEST` where what is wanted lies beyond.
    """
    low, high = COLDEST, HOTTEST
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        found = alike(middle)
        if abs(found - wanted) < NEAR:
            return middle
        if found > wanted:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
