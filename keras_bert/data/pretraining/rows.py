"""Sequences -> rows of a fixed length, several sequences in a row: pairs of sentences, or sentences of one document.

Legend of the shapes: P sequences, R rows, T tokens in a row, N sequences in a row at most.
"""

import tensorflow as tf


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
    rows, (row, offset, slot) = _filled_rows(tokens, spans, tokenizer, max_length, pairs_in_row)
    place, shape = tf.stack([row, slot], axis=1), [tf.shape(rows["token_ids"])[0], pairs_in_row]
    return {
        **rows,
        "cls_positions": tf.scatter_nd(place, offset, shape),
        "nsp_labels": tf.tensor_scatter_nd_update(tf.fill(shape, -1), place, tf.cast(labels, tf.int32)),
    }


def sequence_rows(tokens, spans, tokenizer, max_length, sequences_in_row):
    """Lays token spans into rows: [CLS] span [SEP], and behind it the next one as long as there is room.

    Args:
        tokens: As in `pair_rows`.
        spans: The first token of each sequence and one past its last, int32 [P, 2]; with the two special tokens no more
            than `max_length` long.
        tokenizer: As in `pair_rows`.
        max_length: Number of tokens T in a row.
        sequences_in_row: The most sequences in a row; 1 gives each a row of its own.

    Returns:
        A dict of int32 [R, T]: `token_ids`, `segment_ids`, which are 0, and `padding_mask`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    >>> rows = sequence_rows(tf.constant([5, 6, 7]), tf.constant([[0, 1], [1, 3]]), tokenizer, 9, sequences_in_row=2)
    >>> rows["token_ids"].numpy().tolist(), rows["padding_mask"].numpy().tolist()
    ([[2, 6, 7, 3, 2, 5, 3, 0, 0]], [[1, 1, 1, 1, 2, 2, 2, 0, 0]])
    """
    return _filled_rows(tokens, spans, tokenizer, max_length, sequences_in_row)[0]


def _filled_rows(tokens, spans, tokenizer, max_length, sequences_in_row):
    """tokens, spans [P, 2 K] of sequences with K sides, as in `pair_rows` -> the rows as a dict of [R, T]; and for each
    sequence [P] its row, its first token's place in it, its number in the row from 0."""
    sides = [(spans[:, i], spans[:, i + 1]) for i in range(0, spans.shape[1], 2)]
    lengths = 1 + tf.add_n([end - begin + 1 for begin, end in sides])  # [CLS], and behind each side a [SEP]
    row, offset, slot, num_rows = best_fit(lengths, max_length, sequences_in_row)
    number = slot + 1

    def tokens_at(cells, ids, segment, numbers):
        return tf.stack([cells, ids + 0 * cells, segment + 0 * cells, numbers], axis=1)

    cell = row * max_length + offset  # of each sequence's next token, in all rows one after the other [P]
    filled = [tokens_at(cell, tokenizer.cls_id, 0, number)]
    cell += 1
    for segment, (begin, end) in enumerate(sides):
        length = end - begin
        source = tf.ragged.range(begin, end, row_splits_dtype=tf.int32).values
        cells = source + tf.repeat(cell - begin, length)
        filled.append(tokens_at(cells, tf.gather(tokens, source), segment, tf.repeat(number, length)))
        cell += length
        filled.append(tokens_at(cell, tokenizer.sep_id, segment, number))
        cell += 1
    filled = tf.concat(filled, axis=0)
    empty = tf.constant([tokenizer.padding_id, 0, 0]) * tf.ones([num_rows * max_length, 1], tf.int32)
    rows = tf.tensor_scatter_nd_update(empty, filled[:, :1], filled[:, 1:])
    names = ("token_ids", "segment_ids", "padding_mask")
    values = tf.unstack(tf.reshape(rows, [num_rows, max_length, 3]), axis=2)
    return dict(zip(names, values, strict=True)), (row, offset, slot)


def best_fit(lengths, max_length, sequences_in_row):
    """Packs sequences into rows by best fit: the longest first, each into the fullest row that has room for it.

    Args:
        lengths: Numbers of tokens, int32 [P], at most `max_length`.
        max_length: Number of tokens in a row.
        sequences_in_row: The most sequences in a row.

    Returns:
        For each sequence, int32 [P]: its row, its first token's place in it, its number in the row from 0; and the
        number of rows.

    Example:
    >>> row, offset, slot, num_rows = best_fit(tf.constant([5, 8, 12, 6]), max_length=14, sequences_in_row=2)
    >>> row.numpy().tolist(), offset.numpy().tolist(), int(num_rows)
    ([2, 1, 0, 1], [0, 0, 0, 8], 3)
    """
    count = tf.size(lengths)
    if sequences_in_row == 1:
        return tf.range(count), tf.zeros_like(lengths), tf.zeros_like(lengths), count
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    descending = tf.gather(lengths, order)
    # Nothing fits beside these: not even the shortest.
    num_full = tf.reduce_sum(tf.cast(lengths > max_length - tf.reduce_min(lengths), tf.int32))
    # Two rows that both take one more are fuller together than one row; the others have all their sequences.
    num_short = count - num_full
    most = 2 * tf.reduce_sum(descending[num_full:]) // max_length + num_short // sequences_in_row + 2

    def place(number, room, held, rows, offsets, slots):
        """A sequence goes to the row with the least room that is enough; an empty row has the most."""
        length = descending[number]
        row = tf.argmin(tf.where(room >= length, room, max_length + 1), output_type=tf.int32)
        offset, slot = max_length - room[row], held[row]
        left = tf.where(slot + 1 < sequences_in_row, room[row] - length, 0)
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
