"""A question and a paragraph in, the answer out: its text, where it stands, how sure the model is.

Legend of the shapes: B questions, N answers to each, T tokens.
"""

import numbers

import tensorflow as tf

from keras_bert.data.packing import pad
from keras_bert.data.question_batches import check_room, context_places, context_windows
from keras_bert.prediction.decoding import decode_spans, plain_parts
from keras_bert.prediction.running import outputs_in_slices
from keras_bert.utils.checks import check_positive_integer

_SINGLE = ("answer", "start", "end", "score", "probability", "null_difference")  # a question has one of each


class SpanPredictor:
    """Answers to questions. Arguments: a span_predictor, its WordPieceTokenizer, and `predictor`'s options."""

    labels = None
    input_names = ("question", "context")

    def __init__(
        self,
        model,
        tokenizer,
        max_length,
        stride=None,
        max_question_length=None,
        max_answer_length=30,
        num_answers=5,
        null_threshold=None,
    ):
        stride, max_question_length = check_room(max_length, stride, max_question_length)
        check_positive_integer("max_answer_length", max_answer_length)
        check_positive_integer("num_answers", num_answers)
        self._model, self._tokenizer = model, tokenizer
        self._lengths = {"max_length": max_length, "stride": stride, "max_question_length": max_question_length}
        self._counts = {"max_answer_length": max_answer_length, "num_answers": num_answers}
        self._null_threshold = _checked_threshold(null_threshold)

    def answer(self, question, context):
        """Strings [B], strings [B] -> a dict of tensors, described in `predictor`."""
        # What isn't UTF-8 becomes U+FFFD, as in Python, so that characters are counted alike everywhere.
        context = tf.strings.unicode_transcode(context, "UTF-8", "UTF-8", errors="replace")
        windows = context_windows(question, context, self._tokenizer, **self._lengths)
        inputs = pad(windows.rows, self._tokenizer)
        first_places, last_places = context_places(windows, tf.shape(inputs["token_ids"])[1])
        best = decode_spans(
            **outputs_in_slices(self._model, inputs),
            first_places=first_places,
            last_places=last_places,
            questions=windows.questions,
            num_questions=tf.size(context, tf.int64),
            **self._counts,
        )
        spans = _spans_in_text(best, context, windows.starts.values, windows.ends.values)
        return _best_or_none(spans, best["scores"], best["null_scores"], self._null_threshold)

    def as_python(self, rows):
        """B rows of `answer`, each a dict of plain values -> B answers, dicts."""
        return answer_rows(rows)


def answer_rows(rows):
    """B rows of plain values, as `SpanPredictor.answer` gives them -> B answers, dicts with the best ones."""
    parts = {"answer": "answers", "start": "starts", "end": "ends", "probability": "probabilities"}
    return [{key: row[key] for key in _SINGLE} | {"answers": plain_parts(row, **parts)} for row in rows]


def _spans_in_text(best, context, starts, ends):
    """spans of `decode_spans`, strings [B], where all tokens stand in them [sum of T] -> `answers`, `starts`, `ends`,
    each [B, N]; of no span, "", -1 and -1."""
    is_span = best["first"] > 0
    starts, ends = tf.concat([[0], starts], axis=0), tf.concat([[0], ends], axis=0)  # places begin at 1
    starts, ends = tf.gather(starts, best["first"]), tf.gather(ends, best["last"])  # [B, N]
    rows = tf.broadcast_to(tf.range(tf.size(context))[:, None], tf.shape(starts))
    texts = tf.strings.substr(tf.gather(context, rows), starts, ends - starts, unit="UTF8_CHAR")
    return {"answers": texts, "starts": tf.where(is_span, starts, -1), "ends": tf.where(is_span, ends, -1)}


def _best_or_none(spans, scores, null_scores, null_threshold):
    """spans from `_spans_in_text`, floats [B, N], floats [B], a number or None -> the answer, the first or none."""
    difference = null_scores - scores[:, 0]  # infinite where there is no span
    no_span = spans["starts"][:, 0] < 0
    is_null = no_span if null_threshold is None else no_span | (difference > null_threshold)
    has_null = no_span if null_threshold is None else tf.ones_like(no_span)  # whether it takes part in probabilities
    candidates = tf.concat([scores, tf.where(has_null, null_scores, -float("inf"))[:, None]], axis=1)
    probabilities = tf.nn.softmax(candidates, axis=1)  # [B, N + 1]
    return {
        "answer": tf.where(is_null, "", spans["answers"][:, 0]),
        "start": tf.where(is_null, -1, spans["starts"][:, 0]),
        "end": tf.where(is_null, -1, spans["ends"][:, 0]),
        "score": tf.where(is_null, null_scores, scores[:, 0]),
        "probability": tf.where(is_null, probabilities[:, -1], probabilities[:, 0]),
        "null_difference": difference,
        **spans,
        "probabilities": probabilities[:, :-1],
    }


def _checked_threshold(null_threshold):
    """the user's number or None -> the same; else a `ValueError`."""
    is_number = isinstance(null_threshold, numbers.Real) and not isinstance(null_threshold, bool)
    if null_threshold is not None and not (is_number and null_threshold == null_threshold):
        raise ValueError(f"`null_threshold` must be a number or None. Received: null_threshold={null_threshold!r}.")
    return null_threshold
