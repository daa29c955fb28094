"""Sentence pairs -> rows of a fixed length, several pairs in a row.

Legend of the shapes: P pairs, R rows, T tokens in a row, N pairs in a row at most.
"""

import tensorflow as tf

# [CLS] a [SEP] b [SEP]
SPECIAL_TOKENS = 3
# No pair is shorter: the three special tokens and a token on each side.
SHORTEST = SPECIAL_TOKENS + 2


def pair_rows(tokens, spans, labels, tokenizer, max_length, pairs_in_row):
    """Lays pairs of token spans into rows: [CLS] A [SEP] B [SEP], and behind it the next pair as long as there is room.

    Args:
        tokens: Ids of all tokens, one after the other, int32.
        spans: A's first token and one past its last, B's first and one past its last, int32 [P, 4]; with the three
            special tokens no more than `max_length` long.
        labels: Integers [P]: the pairs' labels.
        tokenizer: The `WordPieceTokenizer` whose special tokens are used.
        max_length: Number of tokens T in a row.
        pairs_in_row: The most pairs N in a row; 1 gives each a row of its own.

    Returns:
        A dict of int32: `token_ids`, `segment_ids` and `padding_mask` [R, T]; `cls_positions` [R, N], where the pairs
        begin; `nsp_labels` [R, N], -1 where there is no pair.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    >>> rows = pair_rows(tf.constant([5, 6, 7]), tf.constant([[0, 1, 1, 3], [1, 2, 2, 3]]), tf.constant([0, 1]),
    ...                  tokenizer, max_length=12, pairs_in_row=2)
    >>> rows["token_ids"].numpy().tolist(), rows["cls_positions"].numpy().tolist()
    ([[2, 5, 3, 6, 7, 3, 2, 6, 3, 7, 3, 0]], [[0, 6]])
    """
    a_length, b_length = spans[:, 1] - spans[:, 0], spans[:, 3] - spans[:, 2]
    lengths = a_length + b_length + SPECIAL_TOKENS  # [P]
    row, offset, slot, num_rows = best_fit(lengths, max_length, pairs_in_row)
    cls = row * max_length + offset  # where each pair begins, in all rows one after the other [P]
    first_sep, last_sep = cls + a_length + 1, cls + lengths - 1

    def side(begin, length, at):
        """spans' first tokens and lengths, their cells' first [P] -> ids and cells of all their tokens."""
        source = tf.ragged.range(begin, begin + length, row_splits_dtype=tf.int32)
        return tf.gather(tokens, source.values), source.values + tf.repeat(at - begin, length)

    a_ids, a_cells = side(spans[:, 0], a_length, cls + 1)
    b_ids, b_cells = side(spans[:, 2], b_length, first_sep + 1)
    ones, none = tf.ones_like(row), tf.zeros_like(a_ids)
    ids = tf.concat([tokenizer.cls_id * ones, a_ids, tokenizer.sep_id * ones, b_ids, tokenizer.sep_id * ones], axis=0)
    segments = tf.concat([0 * ones, none, 0 * ones, tf.ones_like(b_ids), ones], axis=0)
    numbers = tf.concat([slot, tf.repeat(slot, a_length), slot, tf.repeat(slot, b_length), slot], axis=0) + 1
    cells = tf.concat([cls, a_cells, first_sep, b_cells, last_sep], axis=0)

    empty = tf.constant([tokenizer.padding_id, 0, 0]) * tf.ones([num_rows * max_length, 1], tf.int32)
    filled = tf.tensor_scatter_nd_update(empty, cells[:, None], tf.stack([ids, segments, numbers], axis=1))
    filled = tf.reshape(filled, [num_rows, max_length, 3])
    place, shape = tf.stack([row, slot], axis=1), [num_rows, pairs_in_row]
    return {
        "token_ids": filled[..., 0],
        "segment_ids": filled[..., 1],
        "padding_mask": filled[..., 2],
        "cls_positions": tf.scatter_nd(place, offset, shape),
        "nsp_labels": tf.tensor_scatter_nd_update(tf.fill(shape, -1), place, tf.cast(labels, tf.int32)),
    }


def best_fit(lengths, max_length, pairs_in_row):
    """Packs sequences into rows by best fit: the longest first, each into the fullest row that has room for it.

    Args:
        lengths: Numbers of tokens, int32 [P], at most `max_length`.
        max_length: Number of tokens in a row.
        pairs_in_row: The most sequences in a row.

    Returns:
        For each sequence, int32 [P]: its row, its first token's place in it, its number in the row from 0; and the
        number of rows.

    Example:
    >>> row, offset, slot, num_rows = best_fit(tf.constant([5, 8, 12, 6]), max_length=14, pairs_in_row=2)
    >>> row.numpy().tolist(), offset.numpy().tolist(), int(num_rows)
    ([2, 1, 0, 1], [0, 0, 0, 8], 3)
    """
    count = tf.size(lengths)
    if pairs_in_row == 1:
        return tf.range(count), tf.zeros_like(lengths), tf.zeros_like(lengths), count
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    descending = tf.gather(lengths, order)
    num_full = tf.reduce_sum(tf.cast(lengths > max_length - SHORTEST, tf.int32))
    # Two rows that both take one more are fuller together than one row; the others have all their pairs.
    num_short = count - num_full
    most = 2 * tf.reduce_sum(descending[num_full:]) // max_length + num_short // pairs_in_row + 2

    def place(number, room, held, rows, offsets, slots):
        """A sequence goes to the row with the least room that is enough; an empty row has the most."""
        length = descending[number]
        row = tf.argmin(tf.where(room >= length, room, max_length + 1), output_type=tf.int32)
        offset, slot = max_length - room[row], held[row]
        left = tf.where(slot + 1 < pairs_in_row, room[row] - length, 0)
        room = tf.tensor_scatter_nd_update(room, [[row]], [left])
        held = tf.tensor_scatter_nd_update(held, [[row]], [slot + 1])
        rows, offsets = rows.write(number, row + num_full), offsets.write(number, offset)
        return number + 1, room, held, rows, offsets, slots.write(number, slot)

    arrays = [tf.TensorArray(tf.int32, size=count, element_shape=[]) for _ in range(3)]
    full = tf.range(num_full)
    arrays = [array.scatter(full, values) for array, values in zip(arrays, (full, 0 * full, 0 * full), strict=True)]
    state = (num_full, tf.fill([most], max_length), tf.zeros([most], tf.int32), *arrays)
    _, _, held, *arrays = tf.while_loop(lambda number, *_: number < count, place, state)
    back = tf.argsort(order)
    row, offset, slot = (tf.gather(array.stack(), back) for array in arrays)
    return row, offset, slot, num_full + tf.reduce_sum(tf.cast(held > 0, tf.int32))
