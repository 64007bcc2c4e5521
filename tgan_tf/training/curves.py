"""Curves of a run: a PNG to look at, and the same drawing as SVG for the report."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tgan_tf.files import replacing
from tgan_tf.training.journal import Row

_COLUMNS = 3
_COLOURS = ("#4c78a8", "#e8743b", "#3d9970", "#b279a2", "#d4a72c", "#5ba3b0")
_STYLES = ("solid", "dashed", "dotted")  # when the colours are used up
# One colour for everything that is not data; the SVG takes the page's colour of text instead.
_INK = "#767676"

_TICKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("Losses", {"loss_d": "discriminator", "loss_g": "generator"}),
    ("Logits", {"real_logit": "real", "fake_logit": "fake"}),
    ("Mean sign of D(real)", {"real_sign": ""}),
    ("Gradient norms", {"d_grad_norm": "discriminator", "g_grad_norm": "generator"}),
    ("Gradient penalty", {"penalty": ""}),
    ("Regularisers", {"regularizer": ""}),
    ("Negative log-likelihood of a token, nats", {"likelihood": ""}),
    ("Divergence of the encoder's z, nats", {"divergence": ""}),
    ("Mean squared error of reconstruction", {"reconstruction": ""}),
    ("Auxiliary classifier, real + fake", {"class_loss": ""}),
    ("Probability of augmentation", {"augment_p": ""}),
    ("Images per second", {"images_per_second": ""}),
    ("Memory, GiB", {"memory_gib": ""}),
)

_HEALTH: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Logits without augmentation",
        {"d_train": "training", "d_val": "held out", "d_fake": "generated"},
    ),
    (
        "Mean signs without augmentation",
        {"sign_train": "training", "sign_val": "held out", "sign_fake": "generated"},
    ),
    ("Standard deviation of the logits", {"logit_scale": ""}),
    ("Overfitting r_v of the discriminator", {"overfit": ""}),
    (
        "Variety, generated / real",
        {"diversity": "spread", "spacing": "distance of neighbours", "least_class": "worst class"},
    ),
    ("What labels explain, generated / real", {"conditioning": ""}),
    ("Frechet distance, random features", {"probe_frechet": ""}),
    (
        "Of a small sample",
        {
            "probe_precision": "precision",
            "probe_recall": "recall",
            "probe_coverage": "coverage",
        },
    ),
    ("Weight norms", {"d_weight_norm": "discriminator", "g_weight_norm": "generator"}),
    ("Update norms", {"d_update_norm": "discriminator", "g_update_norm": "generator"}),
)

_EVALUATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Frechet distance", ("frechet",)),
    ("Kernel distance", ("kernel",)),
    ("Precision and recall", ("precision", "recall")),
    ("Density and coverage", ("density", "coverage")),
    ("Class accuracy", ("class_accuracy",)),
    ("Captions heard", ("retrieval",)),
    ("BLEU, self-BLEU", ("bleu", "self_bleu")),
    ("Reverse perplexity", ("reverse_perplexity",)),
    ("Overlap of windows' features", ("overlap",)),
    ("Variety, novelty", ("variety", "novelty")),
    (
        "Distances of time series",
        ("marginal_distance", "autocorrelation_distance", "correlation_distance"),
    ),
    ("Scores of time series", ("discriminative_score", "predictive_score")),
    ("Flight of an object, pixels", ("flight_residual",)),
    ("Objects of clips", ("same_class", "frame_accuracy")),
)


@dataclass(frozen=True)
class Panel:
    """One small plot.

    Args:
        title: above it.
        series: label -> (kimg, values).
        dots: whether the points are few and are shown.
        limits: of the values, where they are known.
    """

    title: str
    series: dict[str, tuple[list[float], list[float]]]
    dots: bool = False
    limits: tuple[float, float] | None = None


def panels(rows: Sequence[Row]) -> list[Panel]:
    """The game and its evaluations, as far as the rows of ``metrics.jsonl`` say."""
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    result = _of_ticks(rows, _TICKS)
    if len(evaluations) > 1:
        flat = [{"kimg": row["kimg"], **row["metrics"]} for row in evaluations]
        for title, metrics in _EVALUATIONS:
            # A result's name is the metric's and the network's.
            shown = [name for name in evaluations[-1]["metrics"] if name.startswith(metrics)]
            if shown:
                series = {name.replace("_", " "): _points(flat, name) for name in shown}
                result.append(Panel(title, series, dots=True))
    return result


def health_panels(rows: Sequence[Row]) -> list[Panel]:
    """How healthy the training is, as far as the rows say."""
    return _of_ticks(rows, _HEALTH)


def _of_ticks(rows: Sequence[Row], titles: Sequence[tuple[str, Mapping[str, str]]]) -> list[Panel]:
    ticks = [_with_least_class(row) for row in rows if row["kind"] == "tick"]
    result = []
    for title, names in titles:
        series = {label: _points(ticks, name) for name, label in names.items()}
        series = {label: points for label, points in series.items() if points[0]}
        if series:
            limits = (-1.05, 1.05) if all("sign" in name for name in names) else None
            result.append(Panel(title, series, limits=limits))
    return result


def _with_least_class(row: Row) -> Row:
    ratios = [ratio for ratio in row.get("class_diversity", {}).values() if ratio is not None]
    return row | {"least_class": min(ratios)} if ratios else row


def _points(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    pairs = [(row["kimg"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def draw(plots: Sequence[Panel]) -> Figure:
    """All panels in one figure with a transparent ground."""
    lines = -(-len(plots) // _COLUMNS)
    height = 2.5 * lines
    figure = Figure(figsize=(4.0 * _COLUMNS, height))
    figure.patch.set_alpha(0)
    # Margins by hand: a layout engine draws everything twice.
    figure.subplots_adjust(
        left=0.04, right=0.995, top=1 - 0.3 / height, bottom=0.45 / height, wspace=0.16, hspace=0.42
    )
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axis, panel in zip(axes, plots, strict=False):
        _draw_panel(axis, panel)
    for axis in axes[len(plots) :]:
        axis.set_axis_off()
    return figure


def _draw_panel(axis: Any, panel: Panel) -> None:
    axis.patch.set_alpha(0)
    axis.set_title(panel.title, fontsize=10, color=_INK, loc="left")
    axis.tick_params(labelsize=8, colors=_INK, length=0)
    axis.grid(color=_INK, alpha=0.2, linewidth=0.6)
    axis.margins(x=0.01)
    axis.set_xlabel("kimg", fontsize=8, color=_INK, loc="right", labelpad=0)
    for name, spine in axis.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(_INK)
    for place, (label, (x, y)) in enumerate(panel.series.items()):
        turn, colour = divmod(place, len(_COLOURS))
        marker = "o" if panel.dots or len(x) == 1 else None
        axis.plot(
            x,
            y,
            color=_COLOURS[colour],
            linestyle=_STYLES[turn % len(_STYLES)],
            linewidth=1.4,
            marker=marker,
            markersize=3.5,
            label=label,
        )
    if panel.limits:
        axis.set_ylim(panel.limits)
    if any(panel.series):
        axis.legend(fontsize=8, frameon=False, labelcolor=_INK)


def write_png(rows: Sequence[Row], path: str | os.PathLike[str]) -> None:
    """Writes the curves on white, beside and then renamed; nothing without rows."""
    plots = panels(rows) + health_panels(rows)
    if not plots:
        return
    figure = draw(plots)
    figure.patch.set(alpha=1, facecolor="white")
    FigureCanvasAgg(figure)
    with replacing(path) as beside:
        figure.savefig(beside, format="png", dpi=110)


def svg(plots: Sequence[Panel]) -> str:
    """Panels as an ``<svg>`` element in the page's colour of text; empty without any."""
    if not plots:
        return ""
    import matplotlib

    file = io.StringIO()
    # Text stays text, and equal data give an equal file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tgan_tf"}):
        draw(plots).savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    # The page says how wide; the viewBox keeps the proportions.
    head, tail = text.split(">", 1)
    return re.sub(r' (width|height)="[^"]*"', "", head) + ">" + tail
