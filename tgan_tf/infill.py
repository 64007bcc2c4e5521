"""Texts around what is given: a template whose blanks are filled.

A generator that writes from left to right does not see what comes later. So many texts are made
for each seed, with the given tokens in their places, and one of them is drawn in proportion to the
probability that the generator gives those tokens after what it wrote before them (sampling
importance resampling, Rubin 1987): the more candidates, the nearer to the generator's own texts of
which the given tokens happen to be part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from tgan_tf.inference import check_seeds

if TYPE_CHECKING:
    from tgan_tf.conditions import Label
    from tgan_tf.data.types import Progress
    from tgan_tf.inference import Sampler


class InfillError(ValueError):
    """An argument of `infill` cannot work.

    Attributes:
        argument: its name.
        value: what was given.
        why: the rest of the message.
    """

    def __init__(self, argument: str, value: Any, why: str) -> None:
        super().__init__(f"{argument}={value!r}: {why}")
        self.argument, self.value, self.why = argument, value, why


def infill(
    sampler: Sampler,
    seeds: Iterable[SupportsIndex],
    template: str,
    label: Label = None,
    truncation: float = 1.0,
    guidance: float = 1.0,
    *,
    blank: str = "_",
    candidates: int = 64,
    progress: Progress | None = None,
    **steering: Any,
) -> npt.NDArray[np.int32]:
    """One text for each seed, in which the template stands.

    Args:
        sampler: of texts whose tokens are made one by one.
        seeds: N integers; each chooses its candidates and among them.
        template: a text in which each ``blank`` is a token that is made, as are all after the end.
        label, truncation, guidance: as for `Sampler.sample`.
        blank: one character.
        candidates: for each seed.
        progress: called with (texts done, N) after each.
        **steering: ``temperature``, ``top_k`` and ``top_p`` of what is made; what is given is
            weighed at temperature 1.

    Returns:
        Tokens, int32 ``[N, T]``.

    Raises:
        InfillError: the template, blank or candidates cannot work, or texts all end before what is
            given.
        ValueError: another argument that cannot work.
    """
    given = given_tokens(sampler, template, blank)
    if candidates < 1:
        raise InfillError("candidates", candidates, "at least 1 text must be made for each seed.")
    seeds = check_seeds(seeds)
    labels = sampler.condition.check(label, seeds)
    truncations, guidances = (np.full(candidates, x, np.float32) for x in (truncation, guidance))
    chosen = []
    for done, seed in enumerate(seeds, 1):
        random = np.random.default_rng(int(seed) % 2**32)
        own = random.integers(2**31, size=candidates).astype(np.int32)
        one = labels[done - 1] if sampler.condition.name else None
        tokens = sampler.sample(
            own, one, truncation, guidance, prefix=given, batch_size=candidates, **steering
        )
        same = np.repeat(labels[done - 1 : done], candidates, axis=0)
        # [candidates, T]
        found = sampler.log_probability(tokens, own, same, truncations, guidances).numpy()
        weight = np.where(given >= 0, found, 0.0).sum(axis=1)
        kept = np.all((tokens == given) | (given < 0), axis=1)  # the others ended before
        if not kept.any():
            raise InfillError(
                "template",
                template,
                f"all {candidates} texts of seed {seed} end before what is given; raise the number"
                " of candidates, or give less.",
            )
        weight = np.where(kept, weight, -np.inf)
        chosen.append(tokens[np.argmax(weight + random.gumbel(size=candidates))])
        if progress is not None:
            progress(done, len(seeds))
    return np.stack(chosen)


def given_tokens(sampler: Sampler, template: str, blank: str = "_") -> npt.NDArray[np.int32]:
    """The tokens of a template, those to be made negative, int32 ``[T]``.

    Raises:
        InfillError: the generator takes none, the blank is no character, or something in the
            template is not in the vocabulary, or it is too long.
    """
    if not sampler.takes_prefix:
        raise InfillError("template", template, "is for texts made one by one; leave it out.")
    if len(blank) != 1:
        raise InfillError("blank", blank, "give one character.")
    try:
        return sampler.modality.given(template, blank)  # type: ignore[attr-defined]
    except ValueError as error:
        raise InfillError("template", template, str(error)) from error
