"""Diagnoses: what is wrong with a training, in words, from the rows of ``metrics.jsonl`` alone.

Each rule is a pure function of the ticks since the last remedy, the latest last. It says nothing
before there is enough evidence, and nothing about how fast the training is, so a run that was
stopped and resumed is told the same as one that was not.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tgan_tf.training.journal import Row


@dataclass(frozen=True)
class Diagnosis:
    """Something that is wrong.

    Attributes:
        name: of the rule, such as "mode_collapse".
        since: step of the last tick before the evidence begins; 0: from the start.
        step: of the tick that completes the evidence.
        evidence: what was seen, in numbers.
        cause: what it usually comes from.
        advice: what to change, naming flags.
    """

    name: str
    since: int
    step: int
    evidence: str
    cause: str
    advice: str

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")

    def row(self, kimg: float) -> Row:
        """The row of ``metrics.jsonl``."""
        return {
            "kind": "diagnosis",
            "step": self.step,
            "kimg": kimg,
            "name": self.name,
            "since_step": self.since,
            "evidence": self.evidence,
            "cause": self.cause,
            "advice": self.advice,
        }


# (ticks that are evidence, what they say), or None.
Finding = tuple[Sequence[Row], str] | None
Rule = Callable[[Sequence[Row]], Finding]

_NUMBERS = (
    "loss_d",
    "loss_g",
    "real_logit",
    "fake_logit",
    "penalty",
    "d_grad_norm",
    "g_grad_norm",
    "d_weight_norm",
    "g_weight_norm",
    "d_update_norm",
    "g_update_norm",
)
_GREATEST_LOSS = 1e6
# A step that moves the weights by a tenth of their length forgets what it had learned.
_GREATEST_UPDATE = 0.1
_WRONG_BY_FAR = 5.0
_LEAST_DIVERSITY = 0.3
_MOST_EXPLAINED = 3.0  # by the class, generated / real, until noise counts for little
_LEAST_SPACING = 0.15


def diagnose(rows: Sequence[Row]) -> list[Diagnosis]:
    """All that is wrong at the last tick.

    Args:
        rows: of ``metrics.jsonl``, oldest first; only ticks after the last remedy are looked at.
    """
    remedies = [place for place, row in enumerate(rows) if row["kind"] == "remedy"]
    ticks = [row for row in rows[remedies[-1] if remedies else 0 :] if row["kind"] == "tick"]
    found = []
    for name, (rule, cause, advice) in _RULES.items():
        finding = rule(ticks) if ticks else None
        if finding is None:
            continue
        first = ticks.index(finding[0][0])
        since = int(ticks[first - 1]["step"]) if first else 0
        step = int(ticks[-1]["step"])
        found.append(Diagnosis(name, since, step, finding[1], cause, advice))
        if name in _FINAL:  # what else the numbers say follows from it
            break
    return found


def is_finite(row: Row) -> bool:
    """Whether all of a tick's numbers are that should be."""
    return not _bad(row)


def _bad(row: Row) -> list[str]:
    # A journal keeps null in place of what is not finite.
    return [n for n in _NUMBERS if n in row and (row[n] is None or not math.isfinite(row[n]))]


def _last(rows: Sequence[Row], count: int, *names: str) -> Sequence[Row] | None:
    """The last rows that have these numbers, or None if there are not so many."""
    having = [row for row in rows if all(row.get(name) is not None for name in names)]
    return having[-count:] if len(having) >= count else None


def _mean(rows: Sequence[Row], name: str) -> float:
    return statistics.fmean(row[name] for row in rows)


def _rises(rows: Sequence[Row], name: str) -> bool:
    """Whether a number that is low is becoming better, as in the beginning of every training."""
    return rows[-1][name] > 1.2 * min(row[name] for row in rows) + 0.01


def _gap(row: Row) -> float:
    return row["real_logit"] - row["fake_logit"]


def _non_finite(ticks: Sequence[Row]) -> Finding:
    bad = _bad(ticks[-1])
    if not bad:
        return None
    return ticks[-1:], f"not finite: {', '.join(bad)}"


def _divergence(ticks: Sequence[Row]) -> Finding:
    for name in ("loss_d", "loss_g"):
        if abs(ticks[-1].get(name, 0.0)) > _GREATEST_LOSS:
            return ticks[-1:], f"{name} is {ticks[-1][name]:.3g}"
    for network, short in (("generator", "g"), ("discriminator", "d")):
        update, weight = f"{short}_update_norm", f"{short}_weight_norm"
        last = _last(ticks, 3, update, weight)
        if last and all(row[update] > _GREATEST_UPDATE * row[weight] for row in last):
            share = statistics.fmean(row[update] / row[weight] for row in last)
            return last, (
                f"one step moves the weights of the {network} by {share:.0%} of their length, in"
                " each of the last 3 ticks"
            )
    last = _last(ticks, 6, "loss_d")
    if last and all(row["loss_d"] > _WRONG_BY_FAR for row in last):
        return last, (
            f"the discriminator's loss is {_mean(last, 'loss_d'):.3g} over the last 6 ticks: it is"
            " wrong by far, and sure of it"
        )
    return None


def _saturation(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 5, "loss_d", "real_logit", "fake_logit")
    if not last or not all(0 <= row["loss_d"] < 0.05 and _gap(row) > 3 for row in last):
        return None
    return last, (
        f"over the last 5 ticks the discriminator's loss is {_mean(last, 'loss_d'):.2g} and"
        f" D(real) - D(fake) is {statistics.fmean(map(_gap, last)):.1f}: it tells all real images"
        " from all generated ones"
    )


def _vanishing_signal(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 4, "logit_scale")
    if last and all(
        row["logit_scale"] < 0.03 and abs(row["d_train"] - row["d_fake"]) < 0.02 for row in last
    ):
        return last, (
            f"the logits' standard deviation is {_mean(last, 'logit_scale'):.2g}, over real and"
            " generated images together: the discriminator tells nothing from nothing"
        )
    last, first = _last(ticks, 5, "g_grad_norm"), ticks[:10]
    if last and len(ticks) >= 15:
        usual = statistics.median(row["g_grad_norm"] for row in first)
        now = max(row["g_grad_norm"] for row in last)
        if now < 1e-3 * usual:
            return last, (
                f"the gradient of the generator has a norm of {now:.2g}, and had one of"
                f" {usual:.2g} in the beginning"
            )
    return None


def _memorisation(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 3, "overfit", "overfit_error")
    if not last or not all(
        row["overfit"] > 0.5 and row["overfit"] - 2 * row["overfit_error"] > 0.25 for row in last
    ):
        return None
    return last, (
        f"D gives training images {_mean(last, 'd_train'):.2f}, held-out ones"
        f" {_mean(last, 'd_val'):.2f} and generated ones {_mean(last, 'd_fake'):.2f}: r_v ="
        f" {_mean(last, 'overfit'):.2f} over the last 3 looks, where 0 is no overfitting and 1 is"
        " knowing the training images by heart"
    )


def _mode_collapse(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 4, "diversity")
    if (
        last
        and all(row["diversity"] < _LEAST_DIVERSITY for row in last)
        and not _rises(last, "diversity")
    ):
        return last, (
            f"samples differ from each other {_mean(last, 'diversity'):.2f} times as much as real"
            " images do, over the last 4 looks"
        )
    last = _last(ticks, 4, "spacing")
    if (
        last
        and all(row["spacing"] < _LEAST_SPACING for row in last)
        and not _rises(last, "spacing")
        and not _low_classes(ticks)
    ):
        return last, (
            f"samples repeat: the fifth nearest one lies {_mean(last, 'spacing'):.2f} times as far"
            " as among real images, over the last 4 looks"
        )
    probes = [row for row in ticks if row.get("probe_coverage") is not None]
    if len(probes) >= 4:
        last, best = probes[-2:], max(probes, key=lambda row: row["probe_coverage"])
        # Quality that falls too is another trouble.
        if best["probe_coverage"] > 0.2 and all(
            row["probe_coverage"] < 0.5 * best["probe_coverage"]
            and row["probe_precision"] > 0.7 * best["probe_precision"]
            for row in last
        ):
            return last, (
                f"coverage is {_mean(last, 'probe_coverage'):.2f} over the last 2 looks, and was"
                f" {best['probe_coverage']:.2f} at {best['kimg']:g} thousand images; precision is"
                f" {_mean(last, 'probe_precision'):.2f}, so what is still made is good"
            )
    return None


def _is_low(ratio: float | None) -> bool:
    return ratio is not None and ratio < _LEAST_DIVERSITY


def _low_classes(ticks: Sequence[Row]) -> dict[str, float]:
    """Classes without variety in the last 4 looks, and their last ratio."""
    last = _last(ticks, 4, "class_diversity")
    if not last:
        return {}
    ratios = [row["class_diversity"] for row in last]
    names = [name for name in ratios[-1] if all(_is_low(of.get(name)) for of in ratios)]
    return {name: ratios[-1][name] for name in names}


def _class_collapse(ticks: Sequence[Row]) -> Finding:
    low = _low_classes(ticks)
    if _mode_collapse(ticks):
        return None
    if not low:
        return _loud_classes(ticks)
    shown = ", ".join(f"{name} ({ratio:.2f})" for name, ratio in low.items())
    return _last(ticks, 4, "class_diversity") or ticks, (
        "within these classes samples differ much less than real images do (standard deviation,"
        f" generated / real, below {_LEAST_DIVERSITY:g} in the last 4 looks): {shown}"
    )


def _loud_classes(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 5, "conditioning")
    if not last or not all(row["conditioning"] > _MOST_EXPLAINED for row in last):
        return None
    return last, (
        f"the class explains {_mean(last, 'conditioning'):.1f} times as much of the variance of"
        " samples as of that of real ones, over the last 5 looks: samples of a class are much alike"
    )


def _dead_conditioning(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 5, "conditioning", "diversity")
    if not last or not all(
        row["conditioning"] < 0.1 and row["diversity"] > _LEAST_DIVERSITY for row in last
    ):
        return None
    if _rises(last, "conditioning"):
        return None
    return last, (
        f"the class explains {_mean(last, 'conditioning'):.2f} times as much of the variance of"
        " samples as of that of real images, over the last 5 looks"
    )


def _oscillation(ticks: Sequence[Row]) -> Finding:
    last = _last(ticks, 16, "real_logit", "fake_logit")
    if not last:
        return None
    # Clearly right (1), clearly wrong (-1); what lies between is noise.
    sides = [int(math.copysign(1, _gap(row))) for row in last if abs(_gap(row)) > 0.5]
    turns = sum(a != b for a, b in itertools.pairwise(sides))
    if turns < 3 or min(sides.count(1), sides.count(-1)) < 3:
        return None
    return last, (
        f"D(real) - D(fake) went between {min(map(_gap, last)):.1f} and {max(map(_gap, last)):.1f}"
        f" in the last 16 ticks and changed its sign {turns} times: the discriminator is right and"
        " wrong by turns"
    )


# In this order; a rule of _FINAL ends the search.
_FINAL = ("non_finite", "divergence", "discriminator_saturation", "vanishing_signal")
_RULES: dict[str, tuple[Rule, str, str]] = {
    "non_finite": (
        _non_finite,
        "a learning rate that is too high, a penalty that is too weak, or an image that is no"
        " image",
        "lower --g_lr and --d_lr, raise --r1_gamma and --r2_gamma; in half precision try"
        " --precision=float32; --remedies=rollback goes back and does the first by itself",
    ),
    "divergence": (
        _divergence,
        "a learning rate that is too high for these networks, or a penalty that is too weak",
        "lower --g_lr and --d_lr by 2 to 10, raise --r1_gamma and --r2_gamma, or give"
        " --lr_warmup_kimg; --remedies=rollback does the first by itself",
    ),
    "discriminator_saturation": (
        _saturation,
        "a discriminator that learns faster than the generator, or without a penalty: its loss has"
        " nothing left to teach",
        "raise --r1_gamma and --r2_gamma, raise --g_lr or lower --d_lr, or show it less with"
        " --augment; --remedies=penalty does the first by itself",
    ),
    "vanishing_signal": (
        _vanishing_signal,
        "a penalty that holds the discriminator flat, a discriminator that does not learn, or one"
        " that is so sure that its slope is zero",
        "lower --r1_gamma and --r2_gamma, raise --d_lr, or use --loss=relativistic",
    ),
    "memorisation": (
        _memorisation,
        "too few training images for this discriminator: it knows them by heart, and the generator"
        " learns what it knows",
        "add data, --augment=translation,cutout or --mirror, raise --r1_gamma, or make the"
        " discriminator smaller (--d_width, --d_depth); --remedies=augment does the second by"
        " itself",
    ),
    "mode_collapse": (
        _mode_collapse,
        "a generator that learns faster than the discriminator can follow, or a penalty on real"
        " images alone",
        "go back to a checkpoint from before, lower --g_lr against --d_lr, raise --r1_gamma and"
        " --r2_gamma; --remedies=rollback does the first two by itself",
    ),
    "class_collapse": (
        _class_collapse,
        "a conditional generator that finds one good sample for a class and stays there; usually"
        " g_lr is too high against d_lr, or a mapping network folds the noise away",
        "--mapping_layers=0, a smaller --g_class_std, lower --g_lr to a fourth of --d_lr or less,"
        " raise --r1_gamma and --r2_gamma, and look whether these classes have enough images;"
        " --remedies=rollback lowers g_lr by itself",
    ),
    "dead_conditioning": (
        _dead_conditioning,
        "labels that do not belong to their images, or a discriminator that judges images without"
        " their label",
        "look at classes.png and reals.png, check the labels of the data set, raise --d_lr, or"
        " train longer; --noconditional where labels do not matter",
    ),
    "oscillation": (
        _oscillation,
        "two networks that chase each other: momentum, learning rates that are too high, or a"
        " penalty that is too weak to damp them",
        "use --beta1=0, raise --r1_gamma and --r2_gamma, lower --g_lr and --d_lr, or let them fall"
        " with --lr_final; --remedies=penalty does the second by itself",
    ),
}
