"""How near a generator of texts comes to a language that is known exactly.

    python -m benchmarks.oracle
    python -m benchmarks.oracle --likelihood_kimg=2 --game_kimg=1 --vocabulary=50 --samples=500
    python -m benchmarks.oracle --run=runs/00004-text_oracle_5000_0-oracle    # measures only

SeqGAN's synthetic test (Yu et al. 2017, sec. 4.1): the language is what an LSTM says whose weights
are drawn from N(0, 1): 5,000 tokens, texts of 20, width 32. The project's own generator learns from
10,000 of its texts, by likelihood, then in the game. NLL_oracle is the mean negative log-likelihood
of a token of its texts for that LSTM, in nats.

A low NLL_oracle alone is worth nothing: one likely text for ever has the lowest. So self-BLEU and
distinct bigrams stand beside it, and the nearest to the oracle's own texts on all is the best; less
than their NLL_oracle is collapse. Below stand uniform noise, and a trigram model of the same texts
and each generator at several temperatures.

Prints the table and appends a line of JSON to --out. At the rate of its first steps (150, in the
game 80 texts a second) it takes an hour on one core.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.files import replacing
from tgan_tf.metrics import ngrams
from tgan_tf.metrics.ngram_model import NgramModel

LENGTH, WIDTH = 20, 32
START = 0  # the token that each text follows
FIRST = 0x4E00  # tokens are written as the ideographs from this one on
_IDEOGRAPHS = 0x9FFF - FIRST + 1
_AT_ONCE = 500
_SCORED = 1000  # texts that are compared with all others
# NLL_oracle with an LSTM of the authors', which is not the one here: SeqGAN's table 1, and counted
# from their LSTM's texts.
PUBLISHED = {"oracle": 5.75, "bigram model": 8.31, "SeqGAN": 8.74, "likelihood": 9.04}


class Oracle:
    """An LSTM (Hochreiter and Schmidhuber 1997) over tokens, whose weights are all from N(0, 1).

    Args:
        vocabulary: V.
        seed: of the weights.
    """

    def __init__(self, vocabulary: int = 5000, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape).astype(np.float32)

        self.vocabulary = vocabulary
        self.embedding = draw(vocabulary, WIDTH)
        self.kernel, self.recurrent = draw(WIDTH, 4 * WIDTH), draw(WIDTH, 4 * WIDTH)
        self.bias = draw(4 * WIDTH)
        self.outputs, self.output_bias = draw(WIDTH, vocabulary), draw(vocabulary)

    def nll(self, tokens: np.ndarray) -> np.ndarray:
        """Mean negative log-likelihood of a token of each text ``[N, T]``, in nats, ``[N]``."""
        parts = [self._nll(tokens[i : i + _AT_ONCE]) for i in range(0, len(tokens), _AT_ONCE)]
        return np.concatenate(parts)

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draws int64 ``[count, LENGTH]``."""
        parts = [self._sample(len(part), rng) for part in _parts(count)]
        return np.concatenate(parts)

    def _nll(self, tokens: np.ndarray) -> np.ndarray:
        before, state, rows = self._begin(len(tokens)), None, np.arange(len(tokens))
        total = np.zeros(len(tokens))
        for token in tokens.T:
            logs, state = self._step(before, state)
            total -= logs[rows, token]
            before = token
        return total / tokens.shape[1]

    def _sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        tokens, before, state = [], self._begin(count), None
        for _ in range(LENGTH):
            logs, state = self._step(before, state)
            below = np.cumsum(np.exp(logs), axis=1)  # [N, V]
            before = (below < rng.random((count, 1)) * below[:, -1:]).sum(axis=1)
            tokens.append(before)
        return np.stack(tokens, axis=1)

    def _begin(self, count: int) -> np.ndarray:
        return np.full(count, START)

    def _step(
        self, token: np.ndarray, state: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Tokens ``[N]`` and what is remembered -> log-probabilities of the next, ``[N, V]``."""
        hidden, cell = state or (np.zeros((len(token), WIDTH), np.float32),) * 2
        gates = self.embedding[token] @ self.kernel + hidden @ self.recurrent + self.bias
        written, kept, shown, new = np.split(gates, 4, axis=1)
        cell = _sigmoid(kept) * cell + _sigmoid(written) * np.tanh(new)
        hidden = _sigmoid(shown) * np.tanh(cell)
        logits = (hidden @ self.outputs + self.output_bias).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), (hidden, cell)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _parts(count: int) -> list[range]:
    return [range(i, min(i + _AT_ONCE, count)) for i in range(0, count, _AT_ONCE)]


def write(tokens: np.ndarray, path: Path) -> None:
    """Texts ``[N, T]`` as lines of characters, for ``--dataset=text:PATH``."""
    lines = ["".join(chr(FIRST + token) for token in row) for row in tokens]
    with replacing(path) as beside:
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(oracle: Oracle, tokens: np.ndarray) -> dict[str, float]:
    """What the table says of texts ``[N, T]``."""
    some = tokens[:_SCORED].tolist()
    own = ngrams.self_bleu(some, 4).mean(axis=0)
    return {
        "nll_oracle": float(oracle.nll(tokens).mean()),
        "self_bleu2": float(own[1]),
        "self_bleu4": float(own[3]),
        "distinct2": ngrams.distinct(some, 2),
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """As Markdown, with the published numbers, of which only the NLL is known."""
    names = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for name, numbers in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{numbers[n]:.3f}' for n in names)} |")
    for name, value in PUBLISHED.items():
        lines.append(f"| {name} (published, another LSTM) | {value:.3f} {'| ' * (len(names) - 1)}|")
    return "\n".join(lines)


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values, required=False)
    flags.DEFINE_integer(
        "vocabulary", 5000, "tokens", lower_bound=8, upper_bound=_IDEOGRAPHS, flag_values=values
    )
    flags.DEFINE_integer("samples", 10_000, "texts to learn from", 100, flag_values=values)
    flags.DEFINE_integer("eval_samples", 2000, "texts that are measured", 10, flag_values=values)
    flags.DEFINE_float("likelihood_kimg", 300.0, "thousand texts", 0.1, flag_values=values)
    flags.DEFINE_float("game_kimg", 60.0, "thousand texts, afterwards", 0.1, flag_values=values)
    flags.DEFINE_list("temperatures", ["1.0", "0.9", "0.8"], "of sampling", flag_values=values)
    flags.DEFINE_integer("seed", 0, "of the oracle and of the training", flag_values=values)
    flags.DEFINE_string("out_dir", "runs", "the run is made here", flag_values=values)
    flags.DEFINE_string("out", "", "append the result to this file", flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Trains if need be, measures, prints, records."""
    temperatures = [float(text) for text in values.temperatures]
    oracle = Oracle(values.vocabulary, values.seed)
    rng = np.random.default_rng(values.seed)
    learned_from = oracle.sample(values.samples, rng)
    folder = Path(values.run) if values.run else _train(values, learned_from)
    count = values.eval_samples
    noise = rng.integers(oracle.vocabulary, size=(count, LENGTH))
    trigram = NgramModel(learned_from, oracle.vocabulary)
    texts = {
        "oracle": oracle.sample(count, rng),
        "uniform noise": noise,
        **{
            f"trigram model, temperature {temperature:g}": trigram.sample(
                count, temperature=temperature
            )
            for temperature in temperatures
        },
        **_generated(folder, temperatures, count),
    }
    rows = {name: measure(oracle, tokens) for name, tokens in texts.items()}
    print(table(rows))
    if values.out:
        options = ("vocabulary", "samples", "likelihood_kimg", "game_kimg", "seed")
        row = {**{name: values[name].value for name in options}, "run": str(folder), "rows": rows}
        with Path(values.out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _train(values: flags.FlagValues, tokens: np.ndarray) -> Path:
    """Makes a run as train.py does."""
    from tgan_tf.quiet import start_tensorflow

    start_tensorflow()
    from tgan_tf.config import Config
    from tgan_tf.training.run import train

    file = Path(values.out_dir) / f"oracle_{values.vocabulary}_{values.seed}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    write(tokens, file)
    config = Config.from_flagfile("configs/poems.flags").replace(
        dataset=f"text:{file}",
        vocab_size=values.vocabulary,
        likelihood_kimg=values.likelihood_kimg,
        total_kimg=values.likelihood_kimg + values.game_kimg,
        metrics=(),
        export=(),
        seed=values.seed,
        name="oracle",
        out_dir=values.out_dir,
    )
    return train(config)


def _generated(folder: Path, temperatures: list[float], count: int) -> dict[str, np.ndarray]:
    """Texts of a run when likelihood alone ended, and at its end, ``[count, LENGTH]`` each."""
    from tgan_tf.inference import load

    last, first = load(folder), load(folder / "likelihood")
    found = {}
    for name, sampler in (("likelihood", first), ("with the game", last)):
        numbers = np.array([ord(token) - FIRST for token in sampler.config.data.vocabulary])
        for temperature in temperatures:
            samples = sampler.sample(range(count), temperature=temperature)
            found[f"{name}, temperature {temperature:g}"] = numbers[samples]
    return found


if __name__ == "__main__":
    command.start(define_flags, run)
