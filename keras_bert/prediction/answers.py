"""A question and a paragraph in, the answer out: its text, where it stands, how sure the model is."""

import numbers

import tensorflow as tf

from keras_bert.data.packing import pad
from keras_bert.data.question_batches import check_room, context_places, context_windows
from keras_bert.prediction.decoding import decode_spans
from keras_bert.prediction.slices import in_slices
from keras_bert.utils.checks import check_positive_integer


def answer(
    model,
    tokenizer,
    max_length,
    stride=None,
    max_question_length=None,
    max_answer_length=30,
    num_answers=5,
    null_threshold=None,
):
    """span_predictor, WordPieceTokenizer, `predictor`'s options -> function of strings, names of its inputs."""
    stride, max_question_length = check_room(max_length, stride, max_question_length)
    check_positive_integer("max_answer_length", max_answer_length)
    check_positive_integer("num_answers", num_answers)
    is_number = isinstance(null_threshold, numbers.Real) and not isinstance(null_threshold, bool)
    if null_threshold is not None and not (is_number and null_threshold == null_threshold):
        raise ValueError(f"`null_threshold` must be a number or None. Received: null_threshold={null_threshold!r}.")

    def answers_of(question, context):
        # What isn't UTF-8 becomes U+FFFD, as in Python, so that characters are counted alike everywhere.
        context = tf.strings.unicode_transcode(context, "UTF-8", "UTF-8", errors="replace")
        windows = context_windows(question, context, tokenizer, max_length, stride, max_question_length)
        inputs = pad(windows.rows, tokenizer)
        first_places, last_places = context_places(windows, tf.shape(inputs["token_ids"])[1])
        best = decode_spans(
            **in_slices(model, inputs),
            first_places=first_places,
            last_places=last_places,
            questions=windows.questions,
            num_questions=tf.size(context, tf.int64),
            max_answer_length=max_answer_length,
            num_answers=num_answers,
        )
        return _described(best, context, windows.starts.values, windows.ends.values, null_threshold)

    return answers_of, ("question", "context")


def _described(best, context, starts, ends, null_threshold):
    """spans from `decode_spans`, strings [B], where tokens stand in them [sum of T], a number or None -> the answer."""
    scores, null_scores = best["scores"], best["null_scores"]  # [B, N], [B]
    is_span = best["first"] > 0
    starts, ends = tf.concat([[0], starts], axis=0), tf.concat([[0], ends], axis=0)  # places begin at 1
    starts, ends = tf.gather(starts, best["first"]), tf.gather(ends, best["last"])  # [B, N]
    numbers_of_rows = tf.broadcast_to(tf.range(tf.size(context))[:, None], tf.shape(starts))
    texts = tf.strings.substr(tf.gather(context, numbers_of_rows), starts, ends - starts, unit="UTF8_CHAR")
    starts, ends = tf.where(is_span, starts, -1), tf.where(is_span, ends, -1)

    difference = null_scores - scores[:, 0]  # infinite where there is no span
    no_span = ~is_span[:, 0]
    is_null = no_span if null_threshold is None else no_span | (difference > null_threshold)
    has_null = no_span if null_threshold is None else tf.ones_like(no_span)  # whether it takes part in probabilities
    candidates = tf.concat([scores, tf.where(has_null, null_scores, -float("inf"))[:, None]], axis=1)
    probabilities = tf.nn.softmax(candidates, axis=1)  # [B, N + 1]
    return {
        "answer": tf.where(is_null, "", texts[:, 0]),
        "start": tf.where(is_null, -1, starts[:, 0]),
        "end": tf.where(is_null, -1, ends[:, 0]),
        "score": tf.where(is_null, null_scores, scores[:, 0]),
        "probability": tf.where(is_null, probabilities[:, -1], probabilities[:, 0]),
        "answers": texts,
        "starts": starts,
        "ends": ends,
        "probabilities": probabilities[:, :-1],
        "null_difference": difference,
    }
