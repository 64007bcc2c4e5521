"""From texts to tokens: characters, or pieces of words found by byte pair encoding.

A vocabulary is a tuple of strings; a text is that of its tokens put together. Where texts differ in
length its first entry is ``END``, after which nothing counts; where some hold rare tokens, one is
``UNKNOWN``, which a generator never makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from tgan_tf.config import ConfigError

END, UNKNOWN = "", "\ufffd"
TOKENIZERS = ("characters", "bpe")
_GAP = "\u2581"  # what stands for a space in a piece
_POEM_LINES = 4


def ends(vocabulary: Sequence[str]) -> bool:
    """Whether token 0 ends a text."""
    return END in vocabulary[:1]


def poem_lines(dataset: str) -> int:
    """Lines of each text of a source, `--dataset`; 0: they have none of one length."""
    return _POEM_LINES if dataset.partition(":")[0] == "poems" else 0


def split_characters(texts: Iterable[str]) -> list[list[str]]:
    """Each text as its characters."""
    return [list(text) for text in texts]


def split_pieces(texts: Sequence[str], size: int) -> list[list[str]]:
    """Each text as pieces by byte pair encoding (Sennrich et al. 2016), found in these texts.

    Args:
        texts: what to split.
        size: most different pieces.

    Raises:
        ConfigError: the package is missing.
    """
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    except ImportError as error:
        raise ConfigError(
            "--tokenizer=bpe: the package tokenizers is missing; pip install 'tgan_tf[text]', or"
            " use --tokenizer=characters"
        ) from error
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[UNKNOWN], show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(texts, trainer)
    encoded = tokenizer.encode_batch(list(texts))
    return [[piece.replace(_GAP, " ") for piece in one.tokens] for one in encoded]


def make_vocabulary(
    texts: Iterable[Sequence[str]], size: int, *, ends: bool, unknown: bool
) -> tuple[str, ...]:
    """The most frequent tokens, those that are as frequent in the order of their code points.

    Args:
        texts: tokens of each.
        size: most entries.
        ends: whether texts differ in length.
        unknown: whether rarer tokens become ``UNKNOWN``.
    """
    counts = Counter(token for text in texts for token in text)
    del counts[END], counts[UNKNOWN]
    special = [END] * ends + [UNKNOWN] * unknown
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    return (*special, *ranked[: size - len(special)])


def to_ids(texts: Sequence[Sequence[str]], vocabulary: Sequence[str], length: int) -> np.ndarray:
    """Tokens to int32 ``[N, length]``; shorter texts end in 0, longer ones are cut.

    Raises:
        KeyError: a token is not there, and there is no ``UNKNOWN``.
    """
    index = {token: number for number, token in enumerate(vocabulary)}
    rare = index.get(UNKNOWN)
    ids = np.zeros((len(texts), length), np.int32)
    for row, text in zip(ids, texts, strict=True):
        tokens = text[:length]
        row[: len(tokens)] = [index[t] if rare is None else index.get(t, rare) for t in tokens]
    return ids
