"""Token ids -> rows of a batch: [CLS] a [SEP] b [SEP], truncated, grouped by length and padded.

Legend of the shapes: B batch, T tokens, W rows in a window.
"""

import tensorflow as tf

from keras_bert.utils.checks import check_one_of, check_positive_integer
from keras_bert.utils.cuts import CUTS, tokens_before_the_middle

# Batches of a window: rows are sorted by length among this many batches, which bounds memory.
_BATCHES_A_WINDOW = 64
# Lengths are jittered by up to this share before sorting, so that batches differ from epoch to epoch.
_LENGTH_JITTER = 0.1


def model_inputs(texts, tokenizer, max_length, keep_special_tokens=False, second_texts=None, multiple_of=1, cut="end"):
    """Turns strings into a model's inputs; the same graph serves training, prediction and the exported model.

    Args:
        texts: Strings [B]: a list or a tensor.
        tokenizer: A `WordPieceTokenizer`.
        max_length: The most tokens of a row, [CLS] and [SEP] included; what is longer loses its end.
        keep_special_tokens: As in the tokenizer.
        second_texts: Strings [B], the other texts of pairs, or None. Of a pair that is too long, the longer text loses
            its end first.
        multiple_of: As in `pad`.
        cut: As in `pack`.

    Returns:
        A dict of int32 [B, T]: `token_ids`, `segment_ids` and `padding_mask`; T is the longest row's length.

    Raises:
        ValueError: If `max_length` leaves no room for a token of each text.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "book"])
    >>> inputs = model_inputs(["Good book", "Good"], tokenizer, max_length=8)
    >>> inputs["token_ids"].numpy().tolist(), inputs["padding_mask"].numpy().tolist()
    ([[2, 5, 6, 3], [2, 5, 3, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]])
    >>> inputs = model_inputs(["Good book"], tokenizer, max_length=8, second_texts=["Book"])
    >>> inputs["token_ids"].numpy().tolist(), inputs["segment_ids"].numpy().tolist()
    ([[2, 5, 6, 3, 6, 3]], [[0, 0, 0, 0, 1, 1]])
    """
    second_ids = None if second_texts is None else tokenizer(second_texts, keep_special_tokens)
    rows = pack(tokenizer(texts, keep_special_tokens), tokenizer, max_length, second_ids, cut)
    return pad(rows, tokenizer, multiple_of)


def pack(token_ids, tokenizer, max_length, second_ids=None, cut="end"):
    """Puts [CLS] before and [SEP] after each text, or pair of texts, and cuts what is too long.

    Args:
        token_ids: Ragged int32 [B, (T)].
        tokenizer: The `WordPieceTokenizer` that they come from.
        max_length: The most tokens of a row, [CLS] and [SEP] included.
        second_ids: Ragged int32 [B, (T)], the other texts of pairs, or None.
        cut: What a single text that is too long loses: its `"end"`, or its `"middle"`: then a quarter of the room is
            for its beginning and the rest for its end, of 510 tokens 128 and 382 (Sun et al., 2019,
            https://arxiv.org/abs/1905.05583). Of pairs `"end"`.

    Returns:
        A dict of ragged int32 [B, (T)]: `token_ids` and `segment_ids`.

    Raises:
        ValueError: If `max_length` leaves no room for a token of each text, or `cut` is another word, or for pairs.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"])
    >>> pack(tokenizer(["a b c d e f"]), tokenizer, max_length=6, cut="middle")["token_ids"].to_list()
    [[2, 5, 8, 9, 10, 3]]
    """
    num_texts = 1 if second_ids is None else 2
    check_max_length(max_length, num_texts)
    check_cut(cut, num_texts)
    if second_ids is None and cut == "middle":
        return joined(_without_middle(token_ids, max_length - 2), None, tokenizer)
    if second_ids is None:
        return joined(token_ids[:, : max_length - 2], None, tokenizer)
    kept, second_kept = _longest_first(token_ids.row_lengths(), second_ids.row_lengths(), max_length - 3)
    return joined(first_of(token_ids, kept), first_of(second_ids, second_kept), tokenizer)


def joined(token_ids, second_ids, tokenizer):
    """Ragged ids [B, (T)], of pairs also the second's or None, tokenizer -> rows as `pack` returns them, uncut."""
    ones = tf.ones([token_ids.nrows(), 1], tf.int32)
    cls, sep = tokenizer.cls_id * ones, tokenizer.sep_id * ones
    first = tf.concat([cls, token_ids, sep], axis=1)
    if second_ids is None:
        return {"token_ids": first, "segment_ids": tf.zeros_like(first)}
    second = tf.concat([second_ids, sep], axis=1)
    return {
        "token_ids": tf.concat([first, second], axis=1),
        "segment_ids": tf.concat([tf.zeros_like(first), tf.ones_like(second)], axis=1),
    }


def first_of(rows, counts):
    """Ragged [B, (T)], int64 [B] -> ragged: of each row, that many items from its beginning, or all."""
    starts = rows.row_starts()
    positions = tf.ragged.range(starts, starts + tf.minimum(rows.row_lengths(), counts))
    return positions.with_values(tf.gather(rows.values, positions.values))


def check_cut(cut, num_texts=1):
    """What a long text loses, whether texts come alone or in pairs -> None; a `ValueError` if there is no such cut."""
    check_one_of("cut", cut, CUTS)
    if cut != "end" and num_texts == 2:
        raise ValueError(f"Of pairs the longer text loses its end. Received: cut={cut!r} for pairs. Leave it out.")


def _without_middle(rows, room):
    """Ragged [B, (T)], number of tokens -> ragged, longer ones without their middle."""
    head = tokens_before_the_middle(room)
    lengths = rows.row_lengths()
    kept = tf.minimum(lengths, room)
    places = tf.ragged.range(kept)  # from 0 in each row; those of the tail move on
    row = places.value_rowids()
    moved = tf.where(places.values < head, tf.zeros_like(row), tf.gather(lengths - kept, row))
    return places.with_values(tf.gather(rows.values, tf.gather(rows.row_starts(), row) + places.values + moved))


def _longest_first(lengths, second_lengths, room):
    """lengths of pairs [B], tokens there are room for -> how much to keep of each [B]: the longer is cut first.

    Of an odd room, two long texts that are cut to the same length leave one token more to the longer, or to the second.
    """
    room = tf.constant(room, lengths.dtype)
    half = room // 2
    shorter = tf.minimum(lengths, second_lengths)
    of_shorter = tf.minimum(shorter, half)
    of_longer = room - of_shorter
    first_is_longer = lengths > second_lengths
    return tf.where(first_is_longer, of_longer, of_shorter), tf.where(first_is_longer, of_shorter, of_longer)


def pad(rows, tokenizer, multiple_of=1):
    """Pads packed rows to the longest of them.

    Args:
        rows: A dict of ragged [B, (T)], as from `pack`: `token_ids`, and whatever else there is for each token, whose
            padding is 0; perhaps a `padding_mask` for several sequences in a row.
        tokenizer: The `WordPieceTokenizer` that they come from.
        multiple_of: T is rounded up to a multiple of this.

    Returns:
        A dict of [B, T]: what came, and `padding_mask`, int32, which is 1 for tokens unless it came.
    """
    lengths = rows["token_ids"].row_lengths()
    # A batch of no rows has no longest one; it gets a column all the same, in which the model finds its [CLS].
    width = tf.cast(tf.maximum(tf.reduce_max(tf.concat([lengths, [1]], axis=0)), 1), tf.int32)
    width = (width + multiple_of - 1) // multiple_of * multiple_of
    fillings = {"token_ids": tokenizer.padding_id}
    padded = {key: padded_to(width, values, fillings.get(key, 0)) for key, values in rows.items()}
    return {"padding_mask": tf.sequence_mask(lengths, width, tf.int32)} | padded


def padded_to(width, rows, filling=0):
    """Number of columns T, ragged [B, (T), ...], a value -> [B, T, ...], filled up with the value."""
    rows = rows.to_tensor(filling)
    missing = [[0, 0], [0, width - tf.shape(rows)[1]], *[[0, 0]] * (rows.shape.rank - 2)]
    return tf.pad(rows, missing, constant_values=tf.cast(filling, rows.dtype))


def length_bucketed(examples, tokenizer, batch_size, seed=None, multiple_of=1):
    """Batches rows of near-equal length, so that little is padded.

    The rows are read in windows of 64 batches; a window is sorted by length and cut into batches, so memory holds two
    windows of token ids at most. Every batch has `batch_size` rows, but one of the last window.

    Args:
        examples: A `tf.data.Dataset` of (row, labels) or (row, labels, weights): a dict of [T], with `token_ids`;
            and scalars, or [K], or [T], one for each token, or [T, K], or a dict of them.
        tokenizer: The `WordPieceTokenizer` whose padding is used.
        batch_size: Number of rows in a batch.
        seed: An integer: lengths are jittered by a tenth and the batches of a window shuffled, anew each epoch; an
            int64 scalar tensor: the same each epoch. None: neither.
        multiple_of: As in `pad`.

    Returns:
        A `tf.data.Dataset` of what came, in batches: rows as from `pad`; labels and weights [B, ...], or [B, T] with 0
        for padding.

    Raises:
        ValueError: If a size isn't a positive integer.
    """
    check_positive_integer("batch_size", batch_size)
    check_positive_integer("multiple_of", multiple_of)
    if seed is None:
        salts = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64)).repeat()
    else:
        salts = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=not tf.is_tensor(seed))

    def sort(window, salt):
        """(rows [W, (T)], labels ...), random number -> the same in order of length, numbers of the batches."""
        lengths = tf.cast(window[0]["token_ids"].row_lengths(), tf.float32)  # [W]
        batches = tf.range((tf.size(lengths) + batch_size - 1) // batch_size)
        if seed is not None:
            lengths *= 1.0 + _LENGTH_JITTER * tf.random.stateless_uniform(tf.shape(lengths), [salt, 0])
            batches = tf.random.experimental.stateless_shuffle(batches, [salt, 1])
        order = tf.argsort(lengths, stable=True)
        return tf.nest.map_structure(lambda values: tf.gather(values, order), window), batches

    def batches_of(window, batches):
        """one sorted window -> its batches."""

        def batch(number):
            """number of a batch -> inputs [B, T], labels and weights [B] or [B, T]."""
            span = slice(number * batch_size, (number + 1) * batch_size)
            rows, *targets = tf.nest.map_structure(lambda values: values[span], window)
            inputs = pad(rows, tokenizer, multiple_of)
            width = tf.shape(inputs["token_ids"])[1]
            return inputs, *tf.nest.map_structure(
                lambda values: padded_to(width, values) if isinstance(values, tf.RaggedTensor) else values, targets
            )

        return tf.data.Dataset.from_tensor_slices(batches).map(batch)

    windows = tf.data.Dataset.zip(examples.ragged_batch(batch_size * _BATCHES_A_WINDOW), salts)
    return windows.map(sort).flat_map(batches_of)


def check_max_length(max_length, num_texts=1):
    """Raises a `ValueError` unless `max_length` has room for [CLS], and a token and [SEP] of each text."""
    check_positive_integer("max_length", max_length)
    if max_length < 1 + 2 * num_texts:
        needs = "[CLS], a token and [SEP]" if num_texts == 1 else "[CLS], a token, [SEP], another token and [SEP]"
        raise ValueError(
            f"`max_length` must be at least {1 + 2 * num_texts}: {needs}. Received: max_length={max_length}."
        )
