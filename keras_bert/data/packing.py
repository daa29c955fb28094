"""Token ids -> rows of a batch: [CLS] text [SEP], truncated, grouped by length and padded.

Legend of the shapes: B batch, T tokens, W rows in a window.
"""

import tensorflow as tf

from keras_bert.checks import check_positive_integer

# Batches of a window: rows are sorted by length among this many batches, which bounds memory.
_BATCHES_A_WINDOW = 64
# Lengths are jittered by up to this share before sorting, so that batches differ from epoch to epoch.
_LENGTH_JITTER = 0.1


def model_inputs(texts, tokenizer, max_length, keep_special_tokens=False):
    """Turns strings into a model's inputs; the same graph serves training, prediction and the exported model.

    Args:
        texts: Strings [B]: a list or a tensor.
        tokenizer: A `WordPieceTokenizer`.
        max_length: The most tokens of a row, [CLS] and [SEP] included; what is longer loses its end.
        keep_special_tokens: As in the tokenizer.

    Returns:
        A dict of int32 [B, T]: `token_ids`, `segment_ids` and `padding_mask`; T is the longest row's length.

    Raises:
        ValueError: If `max_length` leaves no room for a token.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "book"])
    >>> inputs = model_inputs(["Good book", "Good"], tokenizer, max_length=8)
    >>> inputs["token_ids"].numpy().tolist(), inputs["padding_mask"].numpy().tolist()
    ([[2, 5, 6, 3], [2, 5, 3, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]])
    """
    return pad(pack(tokenizer(texts, keep_special_tokens), tokenizer, max_length), tokenizer)


def pack(token_ids, tokenizer, max_length):
    """Puts [CLS] before and [SEP] after each row and cuts what is too long.

    Args:
        token_ids: Ragged int32 [B, (T)].
        tokenizer: The `WordPieceTokenizer` that they come from.
        max_length: The most tokens of a row, [CLS] and [SEP] included.

    Returns:
        Ragged int32 [B, (T)].

    Raises:
        ValueError: If `max_length` leaves no room for a token.
    """
    check_max_length(max_length)
    ends = tf.ones([token_ids.nrows(), 1], tf.int32)
    return tf.concat([tokenizer.cls_id * ends, token_ids[:, : max_length - 2], tokenizer.sep_id * ends], axis=1)


def pad(rows, tokenizer, multiple_of=1):
    """Pads packed rows to the longest of them.

    Args:
        rows: Ragged int32 [B, (T)], from `pack`.
        tokenizer: The `WordPieceTokenizer` that they come from.
        multiple_of: T is rounded up to a multiple of this.

    Returns:
        A dict of int32 [B, T]: `token_ids`, `segment_ids` and `padding_mask`.
    """
    lengths = rows.row_lengths()
    # A batch of no rows has no longest one; it gets a column all the same, in which the model finds its [CLS].
    width = tf.cast(tf.maximum(tf.reduce_max(tf.concat([lengths, [1]], axis=0)), 1), tf.int32)
    width = (width + multiple_of - 1) // multiple_of * multiple_of
    token_ids = rows.to_tensor(tokenizer.padding_id)
    token_ids = tf.pad(token_ids, [[0, 0], [0, width - tf.shape(token_ids)[1]]], constant_values=tokenizer.padding_id)
    return {
        "token_ids": token_ids,  # [B, T]
        "segment_ids": tf.zeros_like(token_ids),
        "padding_mask": tf.sequence_mask(lengths, width, tf.int32),
    }


def length_bucketed(rows, tokenizer, batch_size, seed=None, multiple_of=1):
    """Batches rows of near-equal length, so that little is padded.

    The rows are read in windows of 64 batches; a window is sorted by length and cut into batches, so memory holds two
    windows of token ids at most. Every batch has `batch_size` rows, but one of the last window.

    Args:
        rows: A `tf.data.Dataset` of pairs, (packed row, int32 [T]; label).
        tokenizer: The `WordPieceTokenizer` whose padding is used.
        batch_size: Number of rows in a batch.
        seed: An integer: lengths are jittered by a tenth and the batches of a window shuffled, anew each epoch. None:
            neither.
        multiple_of: As in `pad`.

    Returns:
        A `tf.data.Dataset` of pairs: a dict of `token_ids`, `segment_ids` and `padding_mask`, int32 [B, T], and
        labels [B].
    """
    check_positive_integer("batch_size", batch_size)
    check_positive_integer("multiple_of", multiple_of)
    if seed is None:
        salts = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64)).repeat()
    else:
        salts = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)

    def sort(window, salt):
        """(rows [W, (T)], labels [W]), random number -> rows and labels in order of length, numbers of the batches."""
        window_rows, labels = window
        lengths = tf.cast(window_rows.row_lengths(), tf.float32)  # [W]
        batches = tf.range((tf.size(labels) + batch_size - 1) // batch_size)
        if seed is not None:
            lengths *= 1.0 + _LENGTH_JITTER * tf.random.stateless_uniform([tf.size(labels)], [salt, 0])
            batches = tf.random.experimental.stateless_shuffle(batches, [salt, 1])
        order = tf.argsort(lengths, stable=True)
        return tf.gather(window_rows, order), tf.gather(labels, order), batches

    def batches_of(window_rows, labels, batches):
        """one sorted window -> its batches."""

        def batch(number):
            """number of a batch -> inputs [B, T], labels [B]."""
            span = slice(number * batch_size, (number + 1) * batch_size)
            return pad(window_rows[span], tokenizer, multiple_of), labels[span]

        return tf.data.Dataset.from_tensor_slices(batches).map(batch)

    windows = tf.data.Dataset.zip(rows.ragged_batch(batch_size * _BATCHES_A_WINDOW), salts)
    return windows.map(sort).flat_map(batches_of)


def check_max_length(max_length):
    """Raises a `ValueError` unless `max_length` has room for [CLS], a token and [SEP]."""
    check_positive_integer("max_length", max_length)
    if max_length < 3:
        raise ValueError(
            f"`max_length` must be at least 3: [CLS], a token and [SEP]. Received: max_length={max_length}."
        )
