"""Strings in, answers out: labels, scores, tags, answers to questions, words for [MASK], vectors."""

from keras_bert.prediction.embeddings import embed, embed_blocks
from keras_bert.prediction.masks import fill_masks
from keras_bert.prediction.predictor import Predictor, predictor
from keras_bert.prediction.sentences import unit_tagger
from keras_bert.prediction.served import Served

__all__ = ["Predictor", "Served", "embed", "embed_blocks", "fill_masks", "predictor", "unit_tagger"]
