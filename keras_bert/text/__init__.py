"""Strings to token ids and back, as TensorFlow graph ops: the same for training and serving."""

from keras_bert.text.tokenizer import WordPieceTokenizer
from keras_bert.text.vocabulary import read_vocabulary, train_vocabulary, write_vocabulary

__all__ = ["WordPieceTokenizer", "read_vocabulary", "train_vocabulary", "write_vocabulary"]
