"""Logits -> answers, in the TensorFlow graph: one copy for evaluation, prediction and the exported model."""

from keras_bert.prediction.decoding.classes import decode_classes, decode_scores, decode_several_classes
from keras_bert.prediction.decoding.entities import fill_tags, join_entities, repair_tags
from keras_bert.prediction.decoding.plain import plain_parts, plain_rows
from keras_bert.prediction.decoding.spans import decode_spans
from keras_bert.prediction.decoding.units import substrings, units_of_tokens, units_parted_by_space

__all__ = [
    "decode_classes",
    "decode_scores",
    "decode_several_classes",
    "decode_spans",
    "fill_tags",
    "join_entities",
    "plain_parts",
    "plain_rows",
    "repair_tags",
    "substrings",
    "units_of_tokens",
    "units_parted_by_space",
]
