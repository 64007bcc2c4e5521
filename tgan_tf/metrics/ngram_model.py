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
_COLDEST = 1e-3  # of the temperature, where a tie is left to chance
_AT_ONCE = 256  # texts whose probabilities of all tokens are in memory


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

    def sample(self, count: int, seed: int = 0, temperature: float = 1.0) -> np.ndarray:
        """Draws from the model, exactly.

        Args:
            count: how many.
            seed: of chance; at another temperature than 1 the first texts of a seed are the same
                however many are drawn.
            temperature: logarithms of the tokens' probabilities are divided by it; less than 1 is
                more typical and less varied, 0: the likeliest token always.

        Returns:
            int32 ``[count, T]``.
        """
        rng = np.random.default_rng(seed)
        chances = rng.random((count, self.length)) if temperature != 1 else None
        samples = np.zeros((count, self.length), np.int32)
        for place in range(self.length):
            if chances is None:
                token = self._of_mixture(samples, place, rng)
            else:
                token = self._tempered(samples, place, temperature, chances[:, place])
            if self.ends and place:
                token = np.where(samples[:, place - 1] == 0, 0, token)
            samples[:, place] = token
        return samples

    def following(self, samples: np.ndarray, place: int) -> np.ndarray:
        """Probability of each token at a place, ``[N, V]``, after what ``[N, T]`` has before it."""
        result = np.zeros((len(samples), self.vocabulary))
        left = np.zeros(len(samples))  # the weight of orders that never saw the context
        for index, (keys, tokens, times) in enumerate(self._pairs):
            wanted = self._contexts(samples, place, index)
            first, last = (np.searchsorted(keys, wanted, side) for side in ("left", "right"))
            size, weight = last - first, self.weights[index] + left
            if index == ORDERS - 1:  # one context for all
                part = slice(first[0], last[0])
                share = times[part] / max(1, times[part].sum())
                result[:, tokens[part]] += np.outer(weight, share)
            else:
                rows = np.repeat(np.arange(len(samples)), size)
                entries = np.arange(len(rows)) + np.repeat(last - np.cumsum(size), size)
                whole = np.bincount(rows, times[entries], len(samples))
                share = times[entries] / whole[rows]
                result[rows, tokens[entries]] += weight[rows] * share
            left = np.where(size > 0, 0, weight)
        result += (self.weights[ORDERS] + left)[:, None] / self.vocabulary
        return result

    def _of_mixture(self, samples: np.ndarray, place: int, rng: np.random.Generator) -> np.ndarray:
        """Tokens by `following`, ``[N]``, faster: first which order, then one that it counted."""
        count = len(samples)
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
        return token

    def _tempered(
        self, samples: np.ndarray, place: int, temperature: float, chances: np.ndarray
    ) -> np.ndarray:
        """Tokens ``[N]`` at a temperature, by uniform numbers ``[N]``."""
        tokens = []
        for start in range(0, len(samples), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            odds = self.following(samples[part], place)  # [n, V]
            # Powers of single precision take a fraction of the time.
            odds = (odds / odds.max(axis=1, keepdims=True)).astype(np.float32)
            odds **= np.float32(1 / max(temperature, _COLDEST))
            below = np.cumsum(odds, axis=1, dtype=np.float64)
            tokens.append((below <= chances[part, None] * below[:, -1:]).sum(axis=1))
        return np.concatenate(tokens)

    def _count(self, samples: np.ndarray) -> None:
        """For each order its contexts, sorted, and the token after each; then each pair once."""
        self._tables, self._pairs = [], []
        counted = self._counted(samples)
        for index in range(ORDERS):
            contexts = np.stack(
                [self._contexts(samples, place, index) for place in range(self.length)], axis=1
            )[counted]
            tokens = samples[counted].astype(np.int64)
            order = np.lexsort((tokens, contexts))
            contexts, tokens = contexts[order], tokens[order]
            self._tables.append((contexts, tokens))
            new = np.flatnonzero(np.diff(contexts * self.vocabulary + tokens, prepend=-1))
            times = np.diff(new, append=len(tokens))
            self._pairs.append((contexts[new], tokens[new], times))

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
