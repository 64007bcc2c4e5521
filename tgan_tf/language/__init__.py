"""Frozen language models: from text to the numbers that a generator is told."""

from tgan_tf.language.encoder import SentenceEncoder, find_encoder, load_encoder
from tgan_tf.language.wordpiece import WordPiece

__all__ = ["SentenceEncoder", "WordPiece", "find_encoder", "load_encoder"]
