"""WordPiece (Schuster and Nakajima 2012, as in BERT, Devlin et al. 2019) of TensorFlow operations.

So it goes into an exported model, which then takes text. The Session loader runs it; TFLite has no
strings: there the app does it, by the same list of words.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

import tensorflow as tf

RULES = 2  # one more when a text's numbers change: vectors in caches are of the rules before then
MOST_CHARACTERS = 100  # of a word; longer ones are unknown, as in BERT
SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]")
# What becomes a space; what is gone: characters that control, and what was no UTF-8. Those that
# Unicode has not assigned stay, as in the library `tokenizers`, and are unknown.
_SPACE, _GONE = r"[\t\n\r\p{Z}]", r"\x{FFFD}\p{Cc}\p{Cf}\p{Co}"
# What stands alone: punctuation, with all of ASCII's signs, and BERT's blocks of ideographs.
_ALONE = (
    r"([!-/:-@\[-`{-~\p{P}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}"
    r"\x{20000}-\x{2A6DF}\x{2A700}-\x{2CEAF}\x{2F800}-\x{2FA1F}])"
)
_LAST_LETTER = 0x2FA1D  # of those that decompose or have a lower case


class WordPiece(tf.Module):
    """Text to the numbers of pieces of words.

    Args:
        vocabulary: the pieces, in order; those that do not begin a word begin with ``##``.
        length: numbers of every text: longer ones are cut, shorter ones filled up.
        lowercase: the pieces are of lower-case text.
        strip_accents: they are of letters without marks.
        special: the pieces that are unknown, begin and end a text, and fill it up.

    Raises:
        ValueError: the vocabulary lacks one of the special pieces.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        length: int = 64,
        lowercase: bool = True,
        strip_accents: bool = True,
        special: tuple[str, str, str, str] = SPECIAL,
    ) -> None:
        super().__init__(name="wordpiece")
        for piece in special:
            if piece not in vocabulary:
                raise ValueError(f"the vocabulary has no {piece}; it is not one of BERT's")
        self.length = length
        self._lowercase, self._strip_accents = lowercase, strip_accents
        self._unknown, self._first, self._last, self.padding = (
            vocabulary.index(piece) for piece in special
        )
        numbers = tf.range(len(vocabulary), dtype=tf.int32)
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(list(vocabulary)), numbers)
        self._table = tf.lookup.StaticHashTable(initializer, -1)
        self._letters = None
        if changed := _changed(lowercase, strip_accents):
            ends = tf.constant(list(changed)), tf.constant(list(changed.values()))
            initializer = tf.lookup.KeyValueTensorInitializer(*ends)
            self._letters = tf.lookup.StaticHashTable(initializer, "")

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """Strings ``[B]`` in UTF-8 -> int32 ``[B, length]``, with [CLS], [SEP] and [PAD]."""
        # A word is a piece or more: those after the first `length` are cut anyway.
        words = tf.strings.split(self._spaced(text))[:, : self.length]  # [B, words]
        pieces = words.with_flat_values(self._pieces(words.flat_values))  # [B, words, pieces]
        numbers = pieces.merge_dims(1, 2)[:, : self.length - 2]  # [B, pieces]
        batch = tf.shape(text)[0]
        ends = [tf.fill([batch, 1], end) for end in (self._first, self._last)]
        whole = tf.concat([ends[0], numbers, ends[1]], axis=1)
        return whole.to_tensor(self.padding, shape=(None, self.length))

    def _pieces(self, words: tf.Tensor) -> tf.RaggedTensor:
        """The longest known piece first, again and again: ``[N]`` -> ``[N, pieces]``."""
        lengths = tf.strings.length(words, unit="UTF8_CHAR")  # [N]
        longest = tf.minimum(tf.reduce_max(tf.concat([lengths, [1]], 0)), MOST_CHARACTERS)
        sizes = tf.range(longest, 0, -1)  # [M], from the longest

        def more(start: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return tf.reduce_any(start < lengths)

        def step(
            start: tf.Tensor, known: tf.Tensor, found: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            shape = tf.stack([tf.size(words), longest])
            place = tf.broadcast_to(tf.minimum(start, lengths)[:, None], shape)  # [N, M]
            parts = tf.strings.substr(
                tf.broadcast_to(words[:, None], shape),
                place,
                tf.broadcast_to(sizes[None], shape),
                unit="UTF8_CHAR",
            )
            parts = tf.where(place > 0, tf.strings.join(["##", parts]), parts)
            numbers = self._table.lookup(parts)  # [N, M]
            fits = (numbers >= 0) & (sizes[None] <= (lengths - start)[:, None])
            at = tf.argmax(tf.cast(fits, tf.int32), axis=1, output_type=tf.int32)  # the first
            hit, open_ = tf.reduce_any(fits, axis=1), start < lengths
            number = tf.gather(numbers, at, batch_dims=1)
            known = known & (hit | ~open_)
            found = tf.concat([found, tf.where(open_ & hit, number, -1)[:, None]], axis=1)
            # What no piece begins is over: the whole word is unknown.
            start = tf.where(open_ & hit, start + tf.gather(sizes, at), lengths)
            return start, known, found

        nothing = tf.zeros_like(lengths)
        _, known, found = tf.while_loop(
            more,
            step,
            (nothing, lengths <= MOST_CHARACTERS, tf.zeros_like(words[:, None], tf.int32) - 1),
            shape_invariants=(
                tf.TensorShape([None]),
                tf.TensorShape([None]),
                tf.TensorShape([None, None]),
            ),
        )  # found [N, 1 + steps], -1 where there is nothing
        unknown = tf.concat([tf.fill([tf.size(words), 1], self._unknown), found[:, 1:] * 0 - 1], 1)
        found = tf.where(known[:, None], found, unknown)
        return tf.ragged.boolean_mask(found, found >= 0)

    def _spaced(self, text: tf.Tensor) -> tf.Tensor:
        """Normalized, with spaces around punctuation and ideographs: BERT's BasicTokenizer."""
        if self._letters is not None:
            letters = tf.strings.unicode_split(text, "UTF-8")  # [B, letters]
            own = letters.flat_values
            made = self._letters.lookup(own)
            letters = letters.with_flat_values(tf.where(made == "", own, made))
            text = tf.strings.reduce_join(letters, axis=-1)
        text = tf.strings.regex_replace(text, _SPACE, " ")
        marks = r"\p{Mn}" if self._strip_accents else ""
        text = tf.strings.regex_replace(text, f"[{_GONE}{marks}]", "")
        return tf.strings.regex_replace(text, _ALONE, r" \1 ")


@functools.cache
def _changed(lowercase: bool, strip_accents: bool) -> dict[str, str]:
    """The letters that are not left as they are, and what each becomes; not marks by themselves.

    Unicode's canonical decomposition (NFD, Unicode Standard Annex 15) without the marks: letter by
    letter, as only the order of marks depends on neighbours.
    """
    changed = {}
    for letter in map(chr, range(_LAST_LETTER + 1)):
        made = letter
        if strip_accents:
            parts = unicodedata.normalize("NFD", letter)
            made = "".join(part for part in parts if unicodedata.category(part) != "Mn")
        if lowercase:
            made = made.lower()
        if made not in ("", letter):
            changed[letter] = made
    return changed
