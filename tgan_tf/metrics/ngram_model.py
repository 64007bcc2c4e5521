"""An interpolated trigram model: the baseline of every text generator, and a judge of diversity.

``p(x | a b) = l3 p3(x | a b) + l2 p2(x | b) + l1 p1(x) + l0 / V`` (Jelinek and Mercer 1980), its
weights found by expectation-maximisation on texts that were not counted. Every order also knows
the column of a token in its line where lines have one length, so that the baseline knows the form.
"""

from __future__ import annotations

import numpy as np

_ROUNDS = 30  # of expectation-maximisation
_HELD_BACK = 10  # one in so many texts tunes the weights
ORDERS = 3


class NgramModel:
    """Counts of tokens after contexts of 0, 1 and 2 tokens.

    Args:
        samples: int ``[N, T]``; after the first 0, where ``ends``, nothing counts.
        vocabulary: V.
        columns: length of a line; 0: there are none.
        ends: whether 0 is the end of a text.

    Attributes:
        weights: ``[4]``: of trigrams, bigrams, unigrams and the uniform distribution.
    """

    def __init__(
        self, samples: np.ndarray, vocabulary: int, *, columns: int = 0, ends: bool = False
    ) -> None:
        self.vocabulary, self.columns, self.ends = vocabulary, columns, ends
        self.length = samples.shape[1]
        tuning = np.arange(len(samples)) % _HELD_BACK == _HELD_BACK - 1
        self._count(samples[~tuning] if tuning.any() else samples)
        self.weights = np.full(ORDERS + 1, 1 / (ORDERS + 1))
        parts = self._parts(samples[tuning] if tuning.any() else samples)  # [4, n]
        for _ in range(_ROUNDS):
            shares = self.weights[:, None] * parts
            self.weights = (shares / shares.sum(axis=0)).mean(axis=1)
        self._count(samples)

    def perplexity(self, samples: np.ndarray) -> float:
        """``exp`` of the mean negative log-likelihood of a token of ``[N, T]``."""
        return float(np.exp(-np.log(self.weights @ self._parts(samples)).mean()))

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws int32 ``[count, T]`` from the model, exactly: first which order, then a token."""
        rng = np.random.default_rng(seed)
        samples = np.zeros((count, self.length), np.int32)
        for place in range(self.length):
            order = rng.choice(ORDERS + 1, count, p=self.weights)
            token = rng.integers(0, self.vocabulary, count)
            for index, (keys, tokens) in enumerate(self._tables):
                wanted = self._contexts(samples, place, index)
                first, last = (np.searchsorted(keys, wanted, side) for side in ("left", "right"))
                seen = last > first
                drawn = tokens[(first + rng.random(count) * (last - first)).astype(np.int64) * seen]
                # An order that never saw the context leaves it to the next.
                order = np.where((order == index) & ~seen, index + 1, order)
                token = np.where(order == index, drawn, token)
            if self.ends and place:
                token = np.where(samples[:, place - 1] == 0, 0, token)
            samples[:, place] = token
        return samples

    def _count(self, samples: np.ndarray) -> None:
        """For each order its contexts, sorted, and the token after each."""
        self._tables = []
        counted = self._counted(samples)
        for index in range(ORDERS):
            contexts = np.stack(
                [self._contexts(samples, place, index) for place in range(self.length)], axis=1
            )[counted]
            tokens = samples[counted].astype(np.int64)
            order = np.lexsort((tokens, contexts))
            self._tables.append((contexts[order], tokens[order]))

    def _contexts(self, samples: np.ndarray, place: int, index: int) -> np.ndarray:
        """A number for what is before a place, int64 ``[N]``; fewer tokens for a greater index."""
        column = place % self.columns if self.columns else min(place, 1)
        if index < ORDERS - 1 and self.columns:
            column = min(column, 1)  # the first of a line or not
        context = np.full(len(samples), column, np.int64)
        for back in range(1, ORDERS - index):
            token = samples[:, place - back] + 1 if place >= back else 0
            context = context * (self.vocabulary + 1) + token
        return context

    def _parts(self, samples: np.ndarray) -> np.ndarray:
        """Probability by each order of every token that counts, ``[4, n]``."""
        counted = self._counted(samples)
        tokens = samples[counted].astype(np.int64)
        parts = []
        for index, (keys, following) in enumerate(self._tables):
            wanted = np.stack(
                [self._contexts(samples, place, index) for place in range(self.length)], axis=1
            )[counted]
            whole = np.searchsorted(keys, wanted, "right") - np.searchsorted(keys, wanted)
            pairs = keys * self.vocabulary + following  # sorted, for both are
            pair = wanted * self.vocabulary + tokens
            both = np.searchsorted(pairs, pair, "right") - np.searchsorted(pairs, pair)
            parts.append(both / np.maximum(whole, 1))
        parts.append(np.full(len(tokens), 1 / self.vocabulary))
        return np.stack(parts)

    def _counted(self, samples: np.ndarray) -> np.ndarray:
        """Tokens up to the end, which counts too, bool ``[N, T]``."""
        if not self.ends:
            return np.ones(samples.shape, bool)
        over = np.cumsum(samples == 0, axis=1)
        return over - (samples == 0) == 0
