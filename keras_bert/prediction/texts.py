"""Strings in, an answer for each text or pair of texts out."""

import math

import tensorflow as tf

from keras_bert.data.packing import check_max_length, model_inputs, pad
from keras_bert.data.windows import check_stride, windowed
from keras_bert.prediction.decoding import decode_classes, decode_scores
from keras_bert.prediction.slices import in_slices


def classify(model, tokenizer, labels, max_length, stride=None, pairs=False):
    """text_classifier, WordPieceTokenizer, names, `predictor`'s options -> function of strings, names of its inputs."""
    return _answer(_logits(model, tokenizer, max_length, stride, pairs), lambda x: decode_classes(x, labels), pairs)


def score(model, tokenizer, max_length, score_range=None, stride=None, pairs=False):
    """text_regressor, WordPieceTokenizer, `predictor`'s options -> function of strings, names of its inputs."""
    if score_range is not None:
        score_range = _checked_range(score_range)
    return _answer(_logits(model, tokenizer, max_length, stride, pairs), lambda x: decode_scores(x, score_range), pairs)


def _checked_range(score_range):
    """the user's range -> a tuple of two floats, the first the lower; else a `ValueError`."""
    try:
        low, high = map(float, score_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ValueError(
            f"`score_range` must be a pair of numbers, the lower first. Received: score_range={score_range!r}."
        )
    return low, high


def _answer(logits_of, decode, pairs):
    """function of strings, logits -> answers, whether of pairs -> a function with named inputs, and their names."""

    def answer_pair(text, second_text):
        return decode(logits_of(text, second_text))

    def answer_text(text):
        return decode(logits_of(text))

    return (answer_pair, ("text", "second_text")) if pairs else (answer_text, ("text",))


def _logits(model, tokenizer, max_length, stride, pairs):
    """model, `predictor`'s options -> a function: strings [B], of pairs twice -> logits [B, C]."""
    check_max_length(max_length, 2 if pairs else 1)
    if stride is None:

        def logits_of(text, second_text=None):
            return model(model_inputs(text, tokenizer, max_length, second_texts=second_text), training=False)

        return logits_of
    if pairs:
        raise ValueError("Pairs of texts don't run in windows. Give `stride` or `pairs`, not both.")
    check_stride(stride, max_length - 2)

    def mean_logits_of(text):
        rows, _, texts = windowed(tokenizer(text), tokenizer, max_length, stride)
        return tf.math.segment_mean(in_slices(model, pad(rows, tokenizer)), texts)  # [B, C]

    return mean_logits_of
