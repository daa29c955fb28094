"""Strings in, an answer for each text or pair of texts out."""

import tensorflow as tf

from keras_bert.data.packing import check_max_length, joined, model_inputs, pad
from keras_bert.data.windows import check_stride, window_positions, window_spans
from keras_bert.decoding import decode_classes, decode_scores


def classify(model, tokenizer, labels, max_length, stride=None, pairs=False):
    """text_classifier, WordPieceTokenizer, names, `predictor`'s options -> function of strings, names of its inputs."""
    logits_of, names = _logits(model, tokenizer, max_length, stride, pairs)
    return lambda *texts: decode_classes(logits_of(*texts), labels), names


def score(model, tokenizer, score_range, max_length, stride=None, pairs=False):
    """text_regressor, WordPieceTokenizer, range, `predictor`'s options -> function of strings, names of its inputs."""
    logits_of, names = _logits(model, tokenizer, max_length, stride, pairs)
    return lambda *texts: decode_scores(logits_of(*texts), score_range), names


def _logits(model, tokenizer, max_length, stride, pairs):
    """model, ... -> a function: strings [B], of pairs twice -> logits [B, C]; the names of its inputs."""
    check_max_length(max_length, 2 if pairs else 1)
    if stride is None:

        def logits_of(text, second_text=None):
            return model(model_inputs(text, tokenizer, max_length, second_texts=second_text), training=False)

        return logits_of, ("text", "second_text") if pairs else ("text",)
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

    return mean_logits_of, ("text",)
