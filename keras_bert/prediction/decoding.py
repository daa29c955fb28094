"""Logits -> answers, as TensorFlow graph operations: one copy for metrics, prediction and the exported model."""

import tensorflow as tf

from keras_bert.utils.ragged import row_begins


def decode_classes(logits, labels):
    """Turns a text classifier's logits into labels and probabilities.

    Args:
        logits: Floats [B, C].
        labels: C strings, in the order of the logits.

    Returns:
        A dict: `label`, the likeliest class's name, string [B]; `probabilities`, float32 [B, C].

    Example:
    >>> answer = decode_classes(np.array([[0.0, 2.0]]), ["negative", "positive"])
    >>> answer["label"].numpy(), answer["probabilities"].numpy().round(2)
    (array([b'positive'], dtype=object), array([[0.12, 0.88]], dtype=float32))
    """
    logits = tf.cast(logits, tf.float32)
    return {
        "label": tf.gather(tf.constant(list(labels)), tf.argmax(logits, axis=-1)),
        "probabilities": tf.nn.softmax(logits, axis=-1),
    }


def decode_scores(logits, score_range=None):
    """Turns a text regressor's output into scores.

    Args:
        logits: Floats [B, 1].
        score_range: The lowest and the highest score, or None: what is beyond becomes the one or the other.

    Returns:
        A dict: `score`, float32 [B].

    Example:
    >>> decode_scores(np.array([[2.5], [5.1]]), score_range=(0, 5))["score"].numpy()
    array([2.5, 5. ], dtype=float32)
    """
    scores = tf.cast(logits, tf.float32)[:, 0]
    return {"score": scores if score_range is None else tf.clip_by_value(scores, *map(float, score_range))}


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
    first_places, questions = tf.cast(first_places, tf.int64), tf.cast(questions, tf.int64)
    never = -float("inf")
    starts = tf.where(first_places > 0, start_logits, never)
    ends = tf.where(tf.cast(last_places, tf.int64) > 0, end_logits, never)
    ends = tf.pad(ends, [[0, 0], [0, max_answer_length - 1]], constant_values=never)
    columns = tf.range(tf.shape(starts)[1])[:, None] + tf.range(max_answer_length)  # [T, L]
    band = starts[:, :, None] + tf.gather(ends, columns, axis=1)  # [S, T, L]
    # A question's N best spans are each among the N best of the window where they score best.
    spans = tf.reshape(band, [tf.shape(band)[0], tf.reduce_prod(tf.shape(band)[1:])])
    scores, found = tf.math.top_k(spans, tf.minimum(num_answers, tf.shape(spans)[1]))  # [S, N]
    first = tf.gather(first_places, found // max_answer_length, batch_dims=1)
    length = tf.cast(found % max_answer_length, tf.int64)
    question = tf.broadcast_to(questions[:, None], tf.shape(scores))

    is_span = scores > never
    scores, first, length, question = (value[is_span] for value in (scores, first, length, question))
    order = tf.argsort(scores, direction="DESCENDING", stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(question, order), stable=True))
    scores, first, length, question = (tf.gather(value, order) for value in (scores, first, length, question))
    names, name = tf.unique(first * max_answer_length + length)  # [K]
    rank = tf.range(tf.size(name))
    best = tf.math.unsorted_segment_min(rank, name, tf.size(names))  # of the same span the first: the best score

    def by_question(values, filling):
        """[K] -> [B, N]"""
        rows = tf.RaggedTensor.from_value_rowids(
            tf.gather(values, best), tf.gather(question, best), tf.cast(num_questions, tf.int64), validate=False
        )
        return rows[:, :num_answers].to_tensor(filling, shape=[None, num_answers])

    return {
        "scores": by_question(scores, never),
        "first": by_question(first, 0),
        "last": by_question(first + length, 0),
        "null_scores": tf.math.unsorted_segment_min(start_logits[:, 0] + end_logits[:, 0], questions, num_questions),
    }


def is_bio(labels):
    """Tells whether tags mark entities in BIO: O, B-PERSON, I-PERSON ...

    Args:
        labels: Strings.

    Returns:
        A bool.

    Example:
    >>> is_bio(["O", "B-PER", "I-PER"]), is_bio(["NOUN", "VERB", "O"])
    (True, False)
    """
    return any(label != "O" for label in labels) and all(label == "O" or label[:2] in ("B-", "I-") for label in labels)


def repair_tags(tags, rows):
    """Makes an entity tag that continues nothing of its type begin an entity: B- instead of I-.

    So every entity begins with B-, and strict and lenient readers find the same ones. Other tags stay as they are.

    Args:
        tags: Strings [N], of all texts one after the other.
        rows: For each tag, the number of its text, ascending, integers [N].

    Returns:
        Strings [N].

    Example:
    >>> repair_tags(np.array(["I-PER", "I-PER", "I-LOC", "O", "I-LOC"]), np.array([0, 0, 0, 0, 0])).numpy().tolist()
    [b'B-PER', b'I-PER', b'B-LOC', b'O', b'B-LOC']
    """
    tags = tf.convert_to_tensor(tags)
    kind = tf.strings.substr(tags, 0, 2)
    before = tf.concat([[""], _continued(tags)[:-1]], 0)[: tf.size(tags)]
    orphan = (kind == "I-") & (row_begins(rows) | (before != tags))
    return tf.where(orphan, tf.strings.regex_replace(tags, "^I-", "B-"), tags)


def fill_tags(tags, known, joint, rows, fallback):
    """Gives a tag to units without a token, which no model sees.

    Args:
        tags: Strings [N], of the units of all texts one after the other.
        known: Bools [N]: whether the tag counts; the others are filled in.
        joint: Bools [N]: whether a unit without a tag, as the space between two words, goes on with the entity that
            goes on behind it.
        rows: For each unit, the number of its text, ascending, integers [N].
        fallback: The tag for all other units without one.

    Returns:
        Strings [N].

    Example:
    >>> tags, known = np.array(["B-LOC", "", "I-LOC", "", "O"]), np.array([True, False, True, False, True])
    >>> fill_tags(tags, known, ~known, np.array([0, 0, 0, 0, 0]), fallback="O").numpy().tolist()
    [b'B-LOC', b'I-LOC', b'I-LOC', b'O', b'O']
    """
    places = tf.where(known)[:, 0]
    after = tf.searchsorted(places, tf.range(tf.size(tags, tf.int64)), out_type=tf.int64)  # the next known one
    nowhere = tf.size(tags, tf.int64)
    following = tf.gather(tf.concat([places, [nowhere]], 0), after)
    before = tf.gather(tf.concat([[nowhere], places], 0), after)
    padded_tags, padded_rows = tf.concat([tags, [""]], 0), tf.concat([tf.cast(rows, tf.int64), [-1]], 0)
    within = (tf.gather(padded_rows, before) == padded_rows[:-1]) & (
        tf.gather(padded_rows, following) == padded_rows[:-1]
    )
    tag = tf.gather(padded_tags, following)
    goes_on = within & (tf.strings.substr(tag, 0, 2) == "I-") & (_continued(tf.gather(padded_tags, before)) == tag)
    return tf.where(known, tags, tf.where(joint & goes_on, tag, fallback))


def join_entities(tags, starts, ends, probabilities):
    """Joins units to the entities that their tags mark.

    Args:
        tags: Ragged strings [B, (U)], in BIO, as `repair_tags` leaves them.
        starts: Ragged int32 [B, (U)]: the units' first codepoints.
        ends: The same: one past their last.
        probabilities: Ragged float32 [B, (U)]: the tags' probabilities.

    Returns:
        A dict of ragged [B, (E)]: `entity_type`, string; `entity_start` and `entity_end`, int32; and
        `entity_probability`, float32, the mean of its units' probabilities.

    Example:
    >>> tags = tf.ragged.constant([["B-PER", "I-PER", "O", "B-LOC"], ["O"]])
    >>> starts, ends = tf.ragged.constant([[0, 4, 8, 12], [0]]), tf.ragged.constant([[3, 7, 11, 17], [2]])
    >>> probabilities = tf.ragged.constant([[0.5, 1.0, 1.0, 0.25], [1.0]])
    >>> entities = join_entities(tags, starts, ends, probabilities)
    >>> [values.to_list() for key, values in sorted(entities.items())]
    [[[7, 17], []], [[0.75, 0.25], []], [[0, 12], []], [[b'PER', b'LOC'], []]]
    """
    kind = tf.strings.substr(tags.values, 0, 2)
    begins = kind == "B-"
    inside = begins | (kind == "I-")
    # Of the entity that a unit is in, its number among those of all texts.
    number = tf.boolean_mask(tf.cumsum(tf.cast(begins, tf.int64)) - 1, inside)
    rows = tf.boolean_mask(tags.value_rowids(), begins)
    entities = {
        "entity_type": tf.strings.regex_replace(tf.boolean_mask(tags.values, begins), "^B-", ""),
        "entity_start": tf.boolean_mask(starts.values, begins),
        "entity_end": tf.math.segment_max(tf.boolean_mask(ends.values, inside), number),
        "entity_probability": tf.math.segment_mean(tf.boolean_mask(probabilities.values, inside), number),
    }
    return {key: tf.RaggedTensor.from_value_rowids(values, rows, tags.nrows()) for key, values in entities.items()}


def _continued(tags):
    """strings -> the tags by which they are continued: I- for B-."""
    return tf.strings.regex_replace(tags, "^B-", "I-")
