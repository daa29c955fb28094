"""What has a tag: words, pieces of words, or what white space parts, as places in their texts.

Legend of the shapes: B texts, U units, T tokens, N tokens of all texts.
"""

import tensorflow as tf

from keras_bert.utils.ragged import row_begins

_PARTS_WORDS = r"[\t\n\r\p{Z}]"  # what is white space to the tokenizer: other control characters it drops


def units_of_tokens(token_starts, token_ends, goes_on):
    """Joins tokens to units: a token with those that go on from it, or that come from the same character.

    Args:
        token_starts: Ragged int32 [B, (T)], from `tokenize_with_offsets`.
        token_ends: The same.
        goes_on: Bools [N]: whether the token belongs to the unit of the one before it.

    Returns:
        Three ragged [B, (U)]: the place of a unit's first token among the N, int64; its first codepoint, int32; and
        one past its last, int32.

    Example:
    >>> starts, ends = tf.ragged.constant([[0, 4, 8]]), tf.ragged.constant([[3, 8, 9]])
    >>> [values.to_list() for values in units_of_tokens(starts, ends, tf.constant([False, False, True]))]
    [[[0, 1]], [[0, 4]], [[3, 9]]]
    """
    rows = token_starts.value_rowids()
    # Several tokens may come from one character; the first of them answers.
    begins = row_begins(rows) | (token_starts.values != _before(token_starts.values))
    begins &= row_begins(rows) | ~goes_on
    number = tf.cumsum(tf.cast(begins, tf.int64)) - 1  # of each token's unit
    first = tf.RaggedTensor.from_value_rowids(
        tf.where(begins)[:, 0], tf.boolean_mask(rows, begins), token_starts.nrows()
    )
    starts = first.with_values(tf.gather(token_starts.values, first.values))
    return first, starts, first.with_values(tf.math.segment_max(token_ends.values, number))


def units_parted_by_space(text):
    """Finds what white space parts.

    Args:
        text: Strings [B].

    Returns:
        Two ragged int32 [B, (U)]: a unit's first codepoint, and one past its last.

    Example:
    >>> [values.to_list() for values in units_parted_by_space(tf.constant([" U.S.  n't", ""]))]
    [[[1, 7], []], [[5, 10], []]]
    """
    characters = tf.strings.unicode_split(text, "UTF-8")
    rows = characters.value_rowids()
    place = tf.cast(tf.range(tf.size(rows, tf.int64)) - tf.gather(characters.row_starts(), rows), tf.int32)
    is_space = tf.strings.regex_full_match(characters.values, _PARTS_WORDS)
    begins = ~is_space & (row_begins(rows) | _before(is_space))
    number = tf.cumsum(tf.cast(begins, tf.int64)) - 1  # of each character's unit, or of the one before the space
    ends = tf.math.segment_max(tf.boolean_mask(place + 1, ~is_space), tf.boolean_mask(number, ~is_space))
    starts = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(place, begins), tf.boolean_mask(rows, begins), characters.nrows()
    )
    return starts, starts.with_values(ends)


def substrings(codepoints, starts, ends):
    """Cuts pieces out of texts.

    Args:
        codepoints: Ragged int32 [B, (characters)], as from `tf.strings.unicode_decode`.
        starts: Ragged int32 [B, (U)]: the pieces' first codepoints.
        ends: The same: one past their last.

    Returns:
        Ragged strings [B, (U)].

    Example:
    >>> codepoints = tf.strings.unicode_decode(["서울 시청"], "UTF-8")
    >>> pieces = substrings(codepoints, tf.ragged.constant([[0, 3]]), tf.ragged.constant([[2, 5]]))
    >>> [piece.decode() for piece in pieces.values.numpy()]
    ['서울', '시청']
    """
    offsets = tf.gather(codepoints.row_starts(), starts.value_rowids())
    places = tf.ragged.range(
        offsets + tf.cast(starts.values, tf.int64), offsets + tf.cast(ends.values, tf.int64)
    )  # [sum of U, (characters)]
    pieces = places.with_values(tf.gather(codepoints.values, places.values))
    return starts.with_values(tf.strings.unicode_encode(pieces, "UTF-8"))


def _before(values):
    """[N] -> [N]: to each the value before it; the first has none, and what stands there means nothing."""
    return tf.concat([values[:1], values[:-1]], 0)
