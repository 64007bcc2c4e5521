"""Small line plots, by the hundred."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

_HEIGHT, _WIDTH = 64, 96
_FINER = 3  # drawn so many times as large, then averaged down
_REACH = 3.0  # standard deviations from the middle to the edge
# Of matplotlib's "tab10"; further channels begin again.
_COLOURS = (
    *((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189)),
    *((140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207)),
)
_AXIS = (220, 220, 220)


def line_plots(series: np.ndarray) -> np.ndarray:
    """A plot of each series, white, with a line for each channel; all have the same scale.

    Args:
        series: [N, T, C], standardised; what is beyond three deviations lies at the edge.

    Returns:
        uint8 [N, 64, 96, 3].
    """
    height, width = _HEIGHT * _FINER, _WIDTH * _FINER
    across = np.linspace(0, width - 1, series.shape[1])
    down = (1 - np.clip(np.nan_to_num(series) / _REACH, -1, 1)) / 2 * (height - 1)
    plots = []
    for sample in down:  # [T, C]
        image = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(image)
        draw.line([(0, height // 2), (width, height // 2)], fill=_AXIS, width=_FINER)
        for index, channel in enumerate(sample.T):
            points = list(zip(across.tolist(), channel.tolist(), strict=True))
            draw.line(points, fill=_COLOURS[index % len(_COLOURS)], width=_FINER + 1)
        plots.append(np.asarray(image.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)))
    return np.stack(plots)
