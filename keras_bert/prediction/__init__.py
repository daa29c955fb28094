"""Strings in, answers out: labels, scores, tags, answers to questions, words for [MASK], vectors."""

from keras_bert.prediction.embeddings import embed
from keras_bert.prediction.masks import fill_masks
from keras_bert.prediction.predictor import predict_in_batches, predictor
from keras_bert.prediction.tags import unit_tagger

__all__ = ["embed", "fill_masks", "predict_in_batches", "predictor", "unit_tagger"]
