"""Tags of units -> tags that don't contradict each other, and the entities that they mark, in the TensorFlow graph.

Legend of the shapes: N units of all texts, B texts, U units of a text, E entities.
"""

import tensorflow as tf

from keras_bert.utils.ragged import row_begins


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
