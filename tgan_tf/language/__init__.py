"""Frozen language models: from text to the numbers that a generator is told."""

from tgan_tf.language.base import TextEncoder
from tgan_tf.language.bert import SentenceEncoder
from tgan_tf.language.encoder import find_encoder, load_encoder, read_encoder
from tgan_tf.language.saved import SavedEncoder
from tgan_tf.language.wordpiece import WordPiece

__all__ = [
    "SavedEncoder",
    "SentenceEncoder",
    "TextEncoder",
    "WordPiece",
    "find_encoder",
    "load_encoder",
    "read_encoder",
]
