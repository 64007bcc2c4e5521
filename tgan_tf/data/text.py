"""Texts: ``poems[:5|7|all]``, ``verses``, ``code``, ``news``, ``text:PATH``, ``tfds_text:NAME``.

- Each text counts once. Tokens are characters, or pieces of words with ``--tokenizer=bpe``; the
  ``--vocab_size`` most frequent ones make the vocabulary.
- Poems have one length and no end. A poem with a rarer character is left out: a generator could
  not make it.
- Other texts end where they end, within ``--text_length`` tokens (0: what 95 % of them have, at
  most 128); longer ones are left out. A rarer token becomes "unknown", which is never generated.
  Where all are of one length, they have no end.
- Held out is a share of ``--val_fraction``, and near-duplicates (poems that share a line, texts
  that share their first or second half) go together to one side. Of TensorFlow Datasets, their
  own split.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import poems, texts, tfds_text
from tgan_tf.data.split import held_out_count
from tgan_tf.data.types import Progress, SampleSet, Source
from tgan_tf.data.vocabulary import make_vocabulary, split_characters, split_pieces, to_ids

_MOST_TOKENS = 128  # unless --text_length asks for more
_LEAST_HALF = 16  # tokens, of which another text with the same is a near-duplicate
_SHARE = 0.95  # of the texts that the length of its own accord holds
_LICENCES = {
    "poems": poems.LICENCE,
    "verses": "public domain (King James)",
    "code": "PSF (Python standard library)",
    "news": "LGPL package (gensim), texts of the ABC",
}


def load(data: DataConfig, *, seed: int = 0, progress: Progress | None = None) -> Source:
    """Loads a data set of texts, see ``tgan_tf.data.sources.load_source``.

    Raises:
        ConfigError: naming the flag or the file, and the way out.
    """
    kind, _, rest = data.dataset.partition(":")
    aside, licence = set(), _LICENCES.get(kind, "")
    if kind == "tfds_text":
        found, others, licence = tfds_text.read(data)
        aside = {text for text, _ in others} - {text for text, _ in found}
        found += others
    else:
        found = _read(kind, rest, data)
    found = list(dict.fromkeys(found))
    if len({text for text, _ in found}) < len(found):  # one text of two classes: of the first
        found = list({text: (text, label) for text, label in reversed(found)}.values())[::-1]
    whole = [text for text, _ in found]
    split = split_characters(whole)
    if data.tokenizer == "bpe":
        if kind == "poems":
            raise ConfigError("--tokenizer=bpe: poems are of characters; leave it out")
        split = split_pieces(whole, data.vocab_size)
    length = max(map(len, split)) if kind == "poems" else _length(split, data.text_length)
    fixed = {len(tokens) for tokens in split} == {length}
    counts = Counter(token for tokens in split for token in tokens)
    vocabulary = make_vocabulary(
        split,
        data.vocab_size,
        ends=not fixed,
        unknown=kind != "poems" and len(counts) + (not fixed) > data.vocab_size,
    )
    known = set(vocabulary)
    keep = [
        index
        for index, tokens in enumerate(split)
        if len(tokens) <= length and (kind != "poems" or known.issuperset(tokens))
    ]
    if len(keep) < 2:
        raise ConfigError(
            f"--dataset={data.dataset}: {len(keep)} texts of at most {length} tokens; training"
            " needs at least two, one of them held out"
        )
    split, found = [split[i] for i in keep], [found[i] for i in keep]
    ids = to_ids(split, vocabulary, length)
    names = tuple(dict.fromkeys(label for _, label in found if label is not None))
    if kind not in ("poems", "verses"):
        names = tuple(sorted(names))
    labels = np.array([names.index(label) for _, label in found], np.int32) if names else None
    if aside:
        held_out = np.array([text in aside for text, _ in found])
    else:
        pieces = [_pieces(tokens, kind) for tokens in split]
        held_out = _held_out(pieces, data.val_fraction, seed)
    if not held_out.any() or held_out.all():
        raise ConfigError(
            f"--dataset={data.dataset}: nearly all of the {len(found)} texts are near-duplicates of"
            " one another, so none can be held out; give more texts"
        )

    def part(rows: np.ndarray) -> SampleSet:
        return SampleSet(ids[rows], None if labels is None else labels[rows])

    return Source(
        name=f"{kind.removeprefix('tfds_')}_{Path(rest).stem}" if rest else kind,
        train=part(~held_out),
        val=part(held_out),
        class_names=names,
        licence=licence,
        modality="text",
        shape=(length, 1, len(vocabulary)),
        vocabulary=vocabulary,
    )


def _read(kind: str, rest: str, data: DataConfig) -> list[tuple[str, str | None]]:
    if kind == "poems":
        if (rest or "5") not in poems.FORMS:
            raise ConfigError(f"--dataset=poems:{rest}: not one of {', '.join(poems.FORMS)}")
        forms = poems.FORMS[rest or "5"]
        read = poems.quatrains(poems.find_files(data.data_dir), forms)
        if len(forms) > 1:  # the class is the form
            return [(text, f"{len(text) // poems.LINES}x{poems.LINES}") for text, _ in read]
        return [(text, poems.DYNASTIES[dynasty]) for text, dynasty in read]
    if kind == "code":
        return texts.read_functions(data.data_dir)
    if data.data_dir:
        raise ConfigError(f"--data_dir means nothing with --dataset={data.dataset}; leave it out")
    if kind == "text":
        if not rest:
            raise ConfigError("--dataset=text: give the path of a file after the colon")
        return texts.read_lines(rest)
    return texts.read_verses() if kind == "verses" else texts.read_news()


def _length(split: list[list[str]], asked: int) -> int:
    """Tokens of a sample."""
    if not split:
        return asked
    lengths = sorted(map(len, split))
    return asked or min(lengths[int(_SHARE * (len(lengths) - 1))], _MOST_TOKENS)


def _pieces(tokens: list[str], kind: str) -> list[Any]:
    """What makes another text with the same piece a near-duplicate."""
    count = poems.LINES if kind == "poems" else 2
    if kind != "poems" and len(tokens) < 2 * _LEAST_HALF:
        count = 1  # half of it is in many others
    size = max(1, len(tokens) // count)
    return [(place, *tokens[place * size : (place + 1) * size]) for place in range(count)]


def _held_out(pieces: list[list[Any]], fraction: float, seed: int) -> np.ndarray:
    """Whether each text is held out, bool ``[N]``: whole groups of near-duplicates."""
    group = list(range(len(pieces)))  # a forest: each points towards the root of its group

    def root(index: int) -> int:
        while group[index] != index:
            group[index] = group[group[index]]
            index = group[index]
        return index

    first: dict[Any, int] = {}
    for index, parts in enumerate(pieces):
        for part in parts:
            group[root(index)] = root(first.setdefault(part, index))
    members = defaultdict(list)
    for index in range(len(pieces)):
        members[root(index)].append(index)
    wanted = held_out_count(len(pieces), fraction)
    held_out = np.zeros(len(pieces), bool)
    groups = list(members.values())
    for number in np.random.default_rng(seed).permutation(len(groups)):
        # A group that is too large for what is left stays with the training texts.
        if len(groups[number]) <= wanted:
            held_out[groups[number]] = True
            wanted -= len(groups[number])
    return held_out
