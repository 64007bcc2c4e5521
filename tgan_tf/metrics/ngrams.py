"""Scores of texts from their n-grams: BLEU, self-BLEU, distinct-n, divergence of frequencies.

Texts are lists of tokens of any hashable kind. Quality alone is worth nothing: a text that is
repeated for ever has the best BLEU, so self-BLEU or distinct-n stands beside it always.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

Text = Sequence[Hashable]

_SMOOTHED = 0.1  # instead of no match (Chen and Cherry 2014, method 1)


def ngrams(text: Text, n: int) -> list[tuple[Hashable, ...]]:
    """All n-grams of a text, in order."""
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]


class _Most(NamedTuple):
    """How often an n-gram is in the text that has it most often, and in any other."""

    most: int
    text: int
    second: int


class Bleu:
    """Sentence BLEU against many references (Papineni et al. 2002), for texts one by one.

    ``exp(mean_k log p_k)`` times the brevity penalty, ``k = 1 .. n``; a match counts as often as
    in the reference that has it most often, a precision without any match is that of 0.1 matches.

    Args:
        references: texts.
        n: longest n-gram.
    """

    def __init__(self, references: Sequence[Text], n: int) -> None:
        self.n = n
        self._lengths = Counter(map(len, references))
        self._most: list[dict[tuple[Hashable, ...], _Most]] = []
        for k in range(1, n + 1):
            most: dict[tuple[Hashable, ...], _Most] = {}
            for index, text in enumerate(references):
                for gram, count in Counter(ngrams(text, k)).items():
                    old = most.get(gram, _Most(0, -1, 0))
                    if count > old.most:
                        most[gram] = _Most(count, index, old.most)
                    elif count > old.second:
                        most[gram] = old._replace(second=count)
            self._most.append(most)

    def __call__(self, text: Text, without: int = -1) -> np.ndarray:
        """BLEU-1 to BLEU-n of a text, ``[n]``, against all references but ``without``."""
        logs = []
        for k, most in enumerate(self._most, 1):
            matches = 0
            grams = Counter(ngrams(text, k))
            for gram, count in grams.items():
                found = most.get(gram, _Most(0, -1, 0))
                matches += min(count, found.second if found.text == without else found.most)
            logs.append(math.log((matches or _SMOOTHED) / max(1, grams.total())))
        means = np.cumsum(logs) / np.arange(1, self.n + 1)
        return np.exp(means + self._brevity(len(text), without))

    def _brevity(self, length: int, without: int) -> float:
        """Logarithm of the penalty, by the length nearest to that of the text."""
        lengths = self._lengths
        if without >= 0 and lengths[length] == 1:  # the text's own
            lengths = lengths - Counter([length])
        nearest = min(lengths, key=lambda r: (abs(r - length), r), default=length)
        return min(0.0, 1 - nearest / max(1, length))


def bleu(texts: Sequence[Text], references: Sequence[Text], n: int) -> np.ndarray:
    """BLEU-1 to BLEU-n of each text, ``[N, n]``."""
    score = Bleu(references, n)
    return np.array([score(text) for text in texts])


def self_bleu(texts: Sequence[Text], n: int) -> np.ndarray:
    """BLEU of each text against all others (Zhu et al. 2018), ``[N, n]``; less is more varied."""
    score = Bleu(texts, n)
    return np.array([score(text, index) for index, text in enumerate(texts)])


def distinct(texts: Iterable[Text], n: int) -> float:
    """Different n-grams / n-grams (Li et al. 2016)."""
    counts = Counter(gram for text in texts for gram in ngrams(text, n))
    return len(counts) / max(1, counts.total())


def divergence(texts: Iterable[Text], others: Iterable[Text], n: int) -> float:
    """Jensen-Shannon divergence of the n-gram frequencies of two sets, in bits, 0 to 1."""
    counts = [
        Counter(gram for text in side for gram in ngrams(text, n)) for side in (texts, others)
    ]
    totals = [max(1, count.total()) for count in counts]
    total = 0.0
    for gram in counts[0].keys() | counts[1].keys():
        p, q = (count[gram] / all_ for count, all_ in zip(counts, totals, strict=True))
        total += sum(0.5 * x * math.log2(2 * x / (p + q)) for x in (p, q) if x)
    return total
