"""Strings in, an answer for each text or pair of texts out."""

import tensorflow as tf

from keras_bert.data.packing import check_max_length, joined, model_inputs, pad
from keras_bert.data.windows import check_stride, window_positions, window_spans
from keras_bert.decoding import decode_classes, decode_scores


def classify(model, tokenizer, labels, max_length, stride=None, pairs=False):
    """text_classifier, WordPieceTokenizer, names, `predictor`'s options -> function of strings, names of its inputs."""
    return _answer(_logits(model, tokenizer, max_length, stride, pairs), lambda x: decode_classes(x, labels), pairs)


def score(model, tokenizer, score_range, max_length, stride=None, pairs=False):
    """text_regressor, WordPieceTokenizer, range, `predictor`'s options -> function of strings, names of its inputs."""
    return _answer(_logits(model, tokenizer, max_length, stride, pairs), lambda x: decode_scores(x, score_range), pairs)


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
    room = max_length - 2
    check_stride(stride, room)

    def mean_logits_of(text):
        ids = tokenizer(text)
        begins, ends = window_spans(ids.row_lengths(), room, stride)
        positions = window_positions(ids, begins, ends)  # [S, (T)]
        windows = positions.with_values(tf.gather(ids.values, positions.values))
        logits = model(pad(joined(windows, None, tokenizer), tokenizer), training=False)  # [S, C]
        return tf.math.segment_mean(logits, begins.value_rowids())  # [B, C]

    return mean_logits_of
