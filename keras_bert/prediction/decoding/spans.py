"""Logits of starts and ends -> the best answers to questions, as TensorFlow graph operations."""

import tensorflow as tf

_NEVER = -float("inf")  # the score of what can't be an answer


def decode_spans(
    start_logits, end_logits, first_places, last_places, questions, num_questions, max_answer_length, num_answers
):
    """Finds the best answers to questions, among all spans of all windows of their contexts.

    A span's score is its first token's start logit and its last token's end logit together; the score of no answer is
    that of [CLS]. A span that is in several windows has the best score of them; no answer has the worst, because each
    window that doesn't hold the answer speaks for it.

    Args:
        start_logits: Floats [S, T]: S windows, those of a question one after the other.
        end_logits: Floats [S, T].
        first_places: For each token that an answer may begin with, 1 and up: its number in the run of all contexts'
            tokens; 0 for all other tokens. Integers [S, T].
        last_places: The same for tokens that an answer may end with.
        questions: The number of each window's question, ascending, integers [S].
        num_questions: B.
        max_answer_length: The most tokens of an answer.
        num_answers: How many answers to give: N.

    Returns:
        A dict: `scores`, float32 [B, N], the best first, and -inf where there are no more spans; `first` and `last`,
        int64 [B, N], the places of their first and last tokens, or 0; `null_scores`, float32 [B].

    Example:
    >>> logits = {"start_logits": [[9.0, 0.0, 1.0, 3.0]], "end_logits": [[9.0, 2.0, 2.5, 0.0]]}
    >>> places = {"first_places": [[0, 1, 2, 3]], "last_places": [[0, 1, 2, 3]]}
    >>> best = decode_spans(**logits, **places, questions=[0], num_questions=1, max_answer_length=2, num_answers=2)
    >>> best["scores"].numpy(), best["first"].numpy(), best["last"].numpy(), best["null_scores"].numpy()
    (array([[3.5, 3. ]], dtype=float32), array([[2, 3]]), array([[2, 3]]), array([18.], dtype=float32))
    """
    start_logits, end_logits = tf.cast(start_logits, tf.float32), tf.cast(end_logits, tf.float32)
    first_places, last_places = tf.cast(first_places, tf.int64), tf.cast(last_places, tf.int64)
    questions = tf.cast(questions, tf.int64)
    starts = tf.where(first_places > 0, start_logits, _NEVER)
    ends = tf.where(last_places > 0, end_logits, _NEVER)
    scores, columns, lengths = _best_of_windows(starts, ends, max_answer_length, num_answers)  # [S, N]
    first = tf.gather(first_places, columns, batch_dims=1)
    found = {
        "scores": scores,
        "first": first,
        "last": first + lengths,
        "questions": tf.broadcast_to(questions[:, None], tf.shape(scores)),
    }
    found = {key: values[scores > _NEVER] for key, values in found.items()}  # [K]
    found = _once_each(_best_first(found), max_answer_length)
    rows_of = found["questions"], tf.cast(num_questions, tf.int64)
    return {
        "scores": _by_question(found["scores"], *rows_of, num_answers, filling=_NEVER),
        "first": _by_question(found["first"], *rows_of, num_answers, filling=0),
        "last": _by_question(found["last"], *rows_of, num_answers, filling=0),
        "null_scores": tf.math.unsorted_segment_min(start_logits[:, 0] + end_logits[:, 0], questions, num_questions),
    }


def _best_of_windows(starts, ends, max_answer_length, num_answers):
    """scores of spans that begin, and that end, at each token, float32 [S, T] twice; the most tokens L of a span; N ->
    each window's best spans: scores, float32 [S, N]; columns of first tokens, int32; how many more tokens, int64.

    A question's N best spans are each among the N best of the window where they score best.
    """
    ends = tf.pad(ends, [[0, 0], [0, max_answer_length - 1]], constant_values=_NEVER)
    last_columns = tf.range(tf.shape(starts)[1])[:, None] + tf.range(max_answer_length)  # [T, L]
    band = starts[:, :, None] + tf.gather(ends, last_columns, axis=1)  # [S, T, L]
    spans = tf.reshape(band, [tf.shape(band)[0], tf.reduce_prod(tf.shape(band)[1:])])
    scores, places = tf.math.top_k(spans, tf.minimum(num_answers, tf.shape(spans)[1]))  # [S, N]
    return scores, places // max_answer_length, tf.cast(places % max_answer_length, tf.int64)


def _best_first(spans):
    """a dict of [K] -> the same spans, a question's one after the other, and of them the best first."""
    order = tf.argsort(spans["scores"], direction="DESCENDING", stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(spans["questions"], order), stable=True))
    return {key: tf.gather(values, order) for key, values in spans.items()}


def _once_each(spans, max_answer_length):
    """a dict of [K], a span that several windows have more than once -> [K' <= K]: each where it comes first."""
    distinct, number = tf.unique(spans["first"] * max_answer_length + spans["last"] - spans["first"])
    comes_first = tf.math.unsorted_segment_min(tf.range(tf.size(number)), number, tf.size(distinct))
    return {key: tf.gather(values, comes_first) for key, values in spans.items()}


def _by_question(values, questions, num_questions, num_answers, filling):
    """[K], numbers of their questions, ascending [K], B, N, a value for what is missing -> [B, N], the first N."""
    rows = tf.RaggedTensor.from_value_rowids(values, questions, num_questions, validate=False)
    return rows[:, :num_answers].to_tensor(filling, shape=[None, num_answers])
