"""Tagged sentences -> batches for a token classifier.

Legend of the shapes: B rows, T tokens, U units (words or characters), S windows, N tokens of all texts.
"""

import numpy as np
import tensorflow as tf

from keras_bert.data.class_weights import weights_in_order
from keras_bert.data.files.tagged_sentences import TaggedSentences, check_learnable
from keras_bert.data.packing import check_max_length
from keras_bert.data.text_batches import chunked, shuffled_batches
from keras_bert.data.windows import check_stride, default_stride, most_context, window_spans, windowed


def tagging_batches(
    sentences, tokenizer, tags, batch_size, max_length, stride=None, seed=None, multiple_of=1, class_weights=None
):
    """Turns tagged sentences into batches for a token classifier.

    A unit's tag is on the first token that begins in it; a unit in which none begins is left out. Sentences that are
    too long run in overlapping windows, and each unit is learned in the one where it has most context.

    Args:
        sentences: A `TaggedSentences`, or a list of what it takes: pairs (units, tags).
        tokenizer: A `WordPieceTokenizer`.
        tags: The tags in the order of the model's logits.
        batch_size: Number of rows, sentences or windows, in a batch.
        max_length: The most tokens of a row, [CLS] and [SEP] included.
        stride: The tokens that two windows share. None: a quarter of `max_length`.
        seed: As in `classification_batches`.
        multiple_of: As in `classification_batches`.
        class_weights: A dict: each of `tags` -> its weight, as `keras_bert.data.class_weights` makes it. None: 1 each.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [B, T]; the tags' numbers, int32 [B, T]; and their weights, float32 [B, T]: 1, or that of
        its tag, for the first token of a unit, 0 elsewhere.

    Raises:
        ValueError: As in `check_tags`, or if a tag of the sentences isn't among `tags`, or an argument is out of its
            range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "##s", "go"])
    >>> sentences = TaggedSentences([(["Goods", "go"], ["NOUN", "VERB"])])
    >>> for inputs, tags, weights in tagging_batches(sentences, tokenizer, ["NOUN", "VERB"], 2, max_length=8):
    ...     print(inputs["token_ids"].numpy(), tags.numpy(), weights.numpy())
    [[2 5 6 7 3]] [[0 0 0 1 0]] [[0. 1. 0. 1. 0.]]
    """
    sentences = sentences if isinstance(sentences, TaggedSentences) else TaggedSentences(sentences)
    check_learnable(sentences, tags)
    check_max_length(max_length)
    room = max_length - 2
    stride = default_stride(max_length) if stride is None else stride
    check_stride(stride, room)
    number_of = {tag: number for number, tag in enumerate(tags)}

    def rows():
        """-> (text, three lists of integers as bytes) of each sentence."""
        for text, starts, ends, names in sentences:
            yield (text, *map(_to_bytes, (starts, ends, [number_of[name] for name in names])))

    def label(texts, starts, ends, numbers):
        """strings [B] -> rows [S, (T)], tags [S, (T)], weights [S, (T)]."""
        ids, token_starts, token_ends = tokenizer.tokenize_with_offsets(texts)
        starts, ends, numbers = map(_from_bytes, (starts, ends, numbers))
        first, _ = tokens_of_units(texts, starts, ends, token_starts, token_ends)
        has_token = first >= 0
        places, size = tf.boolean_mask(first, has_token)[:, None], tf.size(ids.values, tf.int64)[None]
        labels = tf.scatter_nd(places, tf.boolean_mask(numbers.values, has_token), size)  # [N]
        weights = tf.scatter_nd(places, tf.ones_like(places[:, 0], tf.float32), size)
        windows, positions, _ = windowed(ids, tokenizer, max_length, stride)
        chosen = tf.cast(most_context(positions, size[0]).values, tf.float32)
        weights = tf.gather(weights, positions.values) * chosen
        return (
            windows,
            _framed(positions.with_values(tf.gather(labels, positions.values))),
            _framed(positions.with_values(weights)),
        )

    chunks = chunked(rows, (tf.string,) * 4)
    count = chunks.map(lambda texts, *_: _num_windows(tokenizer(texts), room, stride))
    count = int(count.reduce(np.int64(0), tf.add))
    change = None
    if class_weights is not None:
        weights_of_tags = tf.constant(weights_in_order(class_weights, tags), tf.float32)

        def change(inputs, labels, weights):
            return inputs, labels, weights * tf.gather(weights_of_tags, labels)

    return shuffled_batches(chunks.map(label).unbatch(), count, tokenizer, batch_size, seed, multiple_of, change)


def tokens_of_units(texts, starts, ends, token_starts, token_ends):
    """Finds for each unit the first token that begins in it, or else the token that covers its beginning.

    Args:
        texts: Strings [B].
        starts: Ragged int32 [B, (U)]: the units' first codepoints, in order.
        ends: The same: one past their last.
        token_starts: Ragged int32 [B, (T)], from `tokenize_with_offsets`.
        token_ends: The same.

    Returns:
        Two int64 [sum of U]: places in the run of all texts' tokens, or -1 where there is no such token. The second is
        -1 also where the first is not.

    Example:
    >>> units, tokens = [[0, 1, 2, 3]], [[0, 3]]
    >>> starts, token_starts = tf.ragged.constant(units), tf.ragged.constant(tokens)
    >>> ends, token_ends = starts + 1, tf.ragged.constant([[2, 4]])
    >>> [places.numpy().tolist() for places in tokens_of_units(["걷는 길"], starts, ends, token_starts, token_ends)]
    [[0, -1, -1, 1], [-1, 0, -1, -1]]
    """
    # All texts as one run: a text has no more codepoints than bytes.
    offsets = tf.cumsum(tf.strings.length(texts) + 1, exclusive=True)  # [B]

    def run(rows):
        return rows.values + tf.gather(offsets, rows.value_rowids())

    starts, ends, token_starts, token_ends = map(run, (starts, ends, token_starts, token_ends))
    after_all = tf.fill([1], tf.int32.max)
    place = tf.searchsorted(token_starts, starts, side="left", out_type=tf.int64)  # the first token from there on
    begins = tf.gather(tf.concat([token_starts, after_all], 0), place) < ends
    covers = tf.gather(tf.concat([[0], token_ends], 0), place) > starts  # the token before that one
    return tf.where(begins, place, -1), tf.where(covers & ~begins, place - 1, -1)


def _num_windows(ids, room, stride):
    """ragged [B, (T)], tokens and shared tokens of a window -> number of windows of all texts."""
    return tf.size(window_spans(ids.row_lengths(), room, stride)[0].values, tf.int64)


def _framed(rows):
    """ragged [S, (T)] -> ragged [S, (T + 2)]: 0 for [CLS] and for [SEP]."""
    zeros = tf.zeros([rows.nrows(), 1], rows.dtype)
    return tf.concat([zeros, rows, zeros], axis=1)


def _to_bytes(integers):
    """integers -> bytes, four each: the way for lists of changing length from Python to TensorFlow."""
    return np.asarray(integers, "<i4").tobytes()


def _from_bytes(rows):
    """bytes [B], as from `_to_bytes` -> ragged int32 [B, (U)]."""
    values = tf.io.decode_raw(tf.strings.reduce_join(rows), tf.int32, little_endian=True)
    return tf.RaggedTensor.from_row_lengths(values, tf.strings.length(rows) // 4)
