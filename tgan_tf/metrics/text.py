"""Metrics of texts, each with quality and diversity side by side.

`bleuN` of samples against the held-out texts and `self_bleuN` against one another (Texygen, Zhu et
al. 2018), `distinctN`, `js_unigram` and `js_bigram` (bits), `frechet_ngram` (Frechet distance of
n-gram embeddings) and, with a sentence encoder, `frechet_NAME` of it, `reverse_perplexity`
of held-out texts under an n-gram model of the samples, `novelty` (share of samples that are no
training text). Of code `parses`, of poems `form`, `line_novelty` (share of lines that are in no
training text) and, with pypinyin, `rhyme` (share whose second and last line rhyme). Beside each
that says something of a distribution stands `trigram_...`: the same for as many samples of the
tuned trigram model, `likelihood_...`: of the generator as it was after likelihood alone, and
`real_...`: for training texts. `trigram_matched_...` and `likelihood_matched_...` are of the
temperature at which their self-BLEU-2 is that of the samples.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tgan_tf.config import Config, ConfigError
from tgan_tf.data.types import Source
from tgan_tf.metrics import intervals, ngrams, rhyme, sentences
from tgan_tf.metrics.frechet import Moments, frechet_distance
from tgan_tf.metrics.matching import matching_temperature
from tgan_tf.metrics.ngram_embedding import NgramEmbedding
from tgan_tf.metrics.ngram_model import NgramModel
from tgan_tf.metrics.suite import Outcome
from tgan_tf.modalities.text import TextModality

if TYPE_CHECKING:
    from tgan_tf.other_metrics import Likelihood, Reals

LIKELIHOOD = BASELINES = True  # see ``tgan_tf.other_metrics``
ORDERS = (2, 3, 4, 5)  # of BLEU
# However few: against the training texts a model of counts would be the best.
REFERENCE = "held-out"
_SCORED = 1000  # texts that are compared with all others
_REFERENCES = 2000


def check(config: Config, source: Source) -> None:
    """See ``tgan_tf.other_metrics``."""
    sentences.check(config)


def measure(
    fakes: np.ndarray,
    labels: np.ndarray | None,
    reference: Reals,
    source: Source,
    config: Config,
    progress: Callable[[int, int], None],
    likelihood: Likelihood | None = None,
    baselines: bool = True,
) -> dict[str, Outcome]:
    """See ``tgan_tf.other_metrics``."""
    modality = TextModality(config)
    encoder, missing = _sentences(config, modality, source)
    of_texts = _Measure(modality, source, reference.samples, encoder)
    count = min(len(fakes), len(source.train))
    rows = np.random.default_rng(0).permutation(len(source.train))[:count]
    draws: dict[str, Callable[[int, float], np.ndarray]] = {}
    if baselines:
        draws["trigram"] = of_texts.baseline_texts
    if likelihood is not None:
        draws["likelihood"] = likelihood
    results: dict[str, Outcome] = {}

    def sides() -> Iterator[tuple[str, np.ndarray]]:
        yield "", fakes
        some = min(len(fakes), _SCORED)  # self-BLEU is more among more texts
        wanted = of_texts.alike(fakes[:some]) if draws else 0.0
        for name, draw in draws.items():
            usual = draw(len(fakes), 1.0)
            yield f"{name}_", usual
            if draw is likelihood and not likelihood.steered:
                continue
            temperature = matching_temperature(of_texts.alike_at(draw, some), wanted)
            results[f"{name}_matched_temperature"] = Outcome(temperature, 0, some)
            same = temperature == 1
            yield f"{name}_matched_", usual if same else draw(len(fakes), temperature)
        if baselines:
            yield "real_", np.asarray(source.train.samples[np.sort(rows)])

    total = 1 + 2 * len(draws) + int(baselines)
    for done, (prefix, samples) in enumerate(sides()):
        progress(done, total)
        results |= {prefix + name: outcome for name, outcome in of_texts(samples).items()}
    results |= of_texts.copies(fakes)
    if config.data.dataset.partition(":")[0] == "code":
        results["parses"] = _share([_parses(text) for text in modality.texts(fakes)])
    if modality.lines:
        results["form"] = _share(of_texts.has_form(fakes))
        missing += [] if rhyme.is_known() else [rhyme.MISSING]
    # Of a name that is always there, for whoever reads the row.
    results["novelty"].details.update({"not_installed": "; ".join(missing)} if missing else {})
    progress(total, total)
    return results


def _sentences(
    config: Config, modality: TextModality, source: Source
) -> tuple[sentences.Sentences | None, list[str]]:
    """The sentence encoder, if there is one for these texts, and what to say if it is not here."""
    texts = modality.texts(np.asarray(source.train.samples[: sentences.MOST]))
    name = sentences.chosen(config, texts)
    try:
        return sentences.Sentences(name) if name else None, []
    except ConfigError as error:
        if config.evaluation.sentence_encoder != "auto":
            raise
        return None, [f"frechet_{name}: not measured; {error}"]


class _Measure:
    """What is known of the data, and the scores of samples."""

    def __init__(
        self,
        modality: TextModality,
        source: Source,
        reals: np.ndarray,
        encoder: sentences.Sentences | None,
    ) -> None:
        self.modality = modality
        self.train = np.asarray(source.train.samples)
        self.reals = np.asarray(reals)
        size = len(modality.vocabulary)
        # Poems of two forms end at two places, which only their tokens show.
        columns = (
            0 if modality.ends or not modality.lines else self.train.shape[1] // modality.lines
        )
        self._options: dict[str, Any] = {
            "vocabulary": size,
            "columns": columns,
            "ends": modality.ends,
        }
        self._embedding = NgramEmbedding(self.train, size)
        self._moments = self._of(self.reals)
        self._sentences = encoder
        if encoder is not None:
            self._said = encoder(modality.texts(self.reals[: sentences.MOST]))
        self._references = self.tokens(self.reals[:_REFERENCES])
        self._bleu = ngrams.Bleu(self._references, max(ORDERS))

    def __call__(self, samples: np.ndarray) -> dict[str, Outcome]:
        texts = self.tokens(samples)
        some, count, reals = texts[:_SCORED], len(samples), len(self.reals)
        bleu = np.array([self._bleu(text) for text in some]).mean(axis=0)
        own = ngrams.self_bleu(some, max(ORDERS)).mean(axis=0)
        results = {}
        for n in ORDERS:
            results[f"bleu{n}"] = Outcome(float(bleu[n - 1]), len(self._references), len(some))
            results[f"self_bleu{n}"] = Outcome(float(own[n - 1]), 0, len(some))
        results["distinct2"] = Outcome(ngrams.distinct(some, 2), 0, len(some))
        for n, name in ((1, "js_unigram"), (2, "js_bigram")):
            value = ngrams.divergence(texts, self.tokens(self.reals), n)
            results[name] = Outcome(value, reals, count)
        distance = frechet_distance(self._moments, self._of(samples))
        results["frechet_ngram"] = Outcome(distance, reals, count)
        if self._sentences is not None:
            said = self._sentences(self.modality.texts(samples[: sentences.MOST]))
            results[f"frechet_{self._sentences.name}"] = Outcome(
                frechet_distance(self._said, said),
                min(reals, sentences.MOST),
                min(count, sentences.MOST),
                details={"encoder": self._sentences.identity},
            )
        perplexity = NgramModel(samples, **self._options).perplexity(self.reals)
        results["reverse_perplexity"] = Outcome(perplexity, reals, count)
        if self.modality.lines and rhyme.is_known():
            results["rhyme"] = _share([self._rhymes(row) for row in samples])
        return results

    @functools.cached_property
    def baseline(self) -> NgramModel:
        """The trigram model of the training texts."""
        return NgramModel(self.train, **self._options)

    def alike(self, samples: np.ndarray) -> float:
        """Self-BLEU-2 of all of them."""
        return float(ngrams.self_bleu(self.tokens(samples), 2)[:, 1].mean())

    def alike_at(
        self, draw: Callable[[int, float], np.ndarray], count: int
    ) -> Callable[[float], float]:
        """Temperature -> how alike so many of a generator's texts are."""
        return lambda temperature: self.alike(draw(count, temperature))

    def baseline_texts(self, count: int, temperature: float) -> np.ndarray:
        """Of the trigram model."""
        return self.baseline.sample(count, temperature=temperature)

    def copies(self, fakes: np.ndarray) -> dict[str, Outcome]:
        """How many samples, and lines, are in the training texts."""
        known = {row.tobytes() for row in self.train}
        results = {"novelty": _share([row.tobytes() not in known for row in fakes])}
        if self.modality.lines:
            seen = {line for text in self.train for line in self._lines(text)}
            lines = [line not in seen for text in fakes for line in self._lines(text)]
            results["line_novelty"] = _share(lines)
        return results

    def has_form(self, samples: np.ndarray) -> list[bool]:
        """Whether each is of as many characters as a poem of the data has."""
        lengths = set(map(len, self.tokens(self.train)))
        return [len(text) in lengths for text in self.tokens(samples)]

    def tokens(self, samples: np.ndarray) -> list[list[int]]:
        """Without what is after the end."""
        if not self.modality.ends:
            return samples.tolist()
        return [row[: _end(row)].tolist() for row in samples]

    def _lines(self, row: np.ndarray) -> list[bytes]:
        row = row[: _end(row)] if self.modality.ends else row
        size = max(1, len(row) // self.modality.lines)
        return [row[start : start + size].tobytes() for start in range(0, len(row), size)]

    def _rhymes(self, row: np.ndarray) -> bool:
        """Whether the second and the last line end alike."""
        lines = [np.frombuffer(line, row.dtype) for line in self._lines(row)]
        if len(lines) != self.modality.lines:
            return False
        second, last = (
            "".join(self.modality.vocabulary[token] for token in line) for line in lines[1::2]
        )
        return rhyme.rhymes(second, last)

    def _of(self, samples: np.ndarray) -> Moments:
        moments = Moments()
        moments.update(self._embedding(samples))
        return moments


def _end(row: np.ndarray) -> int:
    ended = np.flatnonzero(row == 0)
    return int(ended[0]) if len(ended) else len(row)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _share(hits: list[bool]) -> Outcome:
    return Outcome(
        float(np.mean(hits)), 0, len(hits), intervals.proportion(int(np.sum(hits)), len(hits))
    )
