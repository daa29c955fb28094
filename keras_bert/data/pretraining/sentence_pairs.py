"""Sentences of documents -> the pairs of next-sentence prediction, as spans of one run of tokens, in the graph.

Legend of the shapes: S sentences, D documents, K strands (parts of documents), P pairs.
"""

import tensorflow as tf

# Share of the pairs that aim at a random, shorter length, as in the original release.
_SHORT_SHARE = 0.1


def sentence_pairs(lengths, documents, budget, seed):
    """Makes the pairs of next-sentence prediction: A and B are runs of sentences that fill `budget` tokens together.

    In half of the pairs B follows A; in the others B begins anywhere in a different document, and the sentences that
    it stands for are used again. In a tenth a random, shorter length is aimed at. What is too long is cut off the
    longer side, its front or its back at random. No side is empty.

    Args:
        lengths: Number of tokens of each sentence, at least 1, int32 [S].
        documents: Number of each sentence's document, int32 [S], not falling.
        budget: The most tokens of a pair, without [CLS] and [SEP]; at least 2.
        seed: Integers [2].

    Returns:
        Spans of tokens, int32 [P, 4]: A's first and one past its last, B's; and labels, int32 [P]: 0, B follows A; 1, B
        is from elsewhere; -1, it can't be told, for there was but one document. The pairs stand in random order.

    Reference: Devlin et al., 2018, appendix A.1, and create_pretraining_data.py of
    https://github.com/google-research/bert. There a chunk of one sentence always got a random B, so that more than
    half were random; here such a chunk takes one more sentence, and what remains uneven (documents of one sentence)
    is evened out among the others.

    Example:
    >>> import tensorflow as tf
    >>> spans, labels = sentence_pairs(tf.constant([4, 3, 5, 2, 6]), tf.constant([0, 0, 0, 1, 1]), 8, seed=[0, 0])
    >>> int(tf.reduce_max(spans[:, 1] - spans[:, 0] + spans[:, 3] - spans[:, 2]))
    8
    """
    seeds = tf.random.split(tf.cast(seed, tf.int32), 4)
    begins = tf.concat([[0], tf.cumsum(lengths)], axis=0)  # where each sentence begins, among the tokens [S + 1]
    _, _, sizes = tf.unique_with_counts(documents)
    document_begin = tf.cumsum(sizes, exclusive=True)  # [D], in sentences
    strand_document, strand_begin, strand_end = _strands(document_begin, sizes, 4 * budget)  # [K]
    num_documents = tf.size(sizes)

    def first_at(tokens):
        """positions among the tokens -> the first sentence that begins there or later."""
        return tf.searchsorted(begins, tokens, side="left")

    def next_round(round_number, position, balance, pairs, labels):
        """One more pair of every strand that isn't used up."""
        strand = tf.where(position < strand_end)[:, 0]  # [A], the strands still active
        uniform = tf.unstack(tf.random.stateless_uniform([6, tf.size(strand)], seeds[0] + [0, round_number]))
        first, end = tf.gather(position, strand), tf.gather(strand_end, strand)

        target = tf.where(uniform[0] < _SHORT_SHARE, _between(uniform[1], 2, budget + 1), budget)
        last = first_at(tf.gather(begins, first) + target)
        last = tf.minimum(tf.maximum(last, first + 2), end)
        # A sentence that remained alone goes with the one before it, if there is one.
        first = tf.where(last - first == 1, tf.maximum(first - 1, tf.gather(strand_begin, strand)), first)
        alone = last - first == 1
        cut = tf.where(alone, last, first + _between(uniform[2], 1, last - first))
        num_alone, num_free = _count(alone), _count(~alone)
        # `balance`: pairs that follow less pairs that are random, so far. This round brings it to 0 if it can.
        share = tf.cast(balance - num_alone + num_free, tf.float32) / tf.cast(tf.maximum(2 * num_free, 1), tf.float32)
        is_random = (alone | (uniform[3] < share)) & (num_documents > 1)
        # Where B is random, the sentence that remained is A, or it would remain again.
        remained = is_random & (first < tf.gather(position, strand))
        first, cut = tf.where(remained, first + 1, first), tf.where(remained, last, cut)

        own = tf.gather(strand_document, strand)
        other = _between(uniform[4], 0, num_documents - 1)
        other += tf.cast(other >= own, tf.int32)
        other = tf.minimum(other, num_documents - 1)  # where there is but one
        other_first = tf.gather(document_begin, other) + _between(uniform[5], 0, tf.gather(sizes, other))
        missing = tf.maximum(target - tf.gather(begins, cut) + tf.gather(begins, first), 1)
        other_last = first_at(tf.gather(begins, other_first) + missing)
        other_last = tf.minimum(other_last, tf.gather(document_begin + sizes, other))

        spans = [first, cut, tf.where(is_random, other_first, cut), tf.where(is_random, other_last, last)]
        whole = is_random | ~alone  # a lone sentence of a lone document has nothing to go with
        pairs = pairs.write(round_number, tf.boolean_mask(tf.gather(begins, tf.stack(spans, axis=1)), whole))
        labels = labels.write(round_number, tf.boolean_mask(tf.cast(is_random, tf.int32), whole))
        position = tf.tensor_scatter_nd_update(position, strand[:, None], tf.where(is_random, cut, last))
        balance += _count(~is_random) - _count(is_random)
        return round_number + 1, position, balance, pairs, labels

    arrays = [
        tf.TensorArray(tf.int32, size=0, dynamic_size=True, infer_shape=False, element_shape=[None, *rest])
        for rest in ([4], [])
    ]
    *_, pairs, labels = tf.while_loop(
        lambda round_number, position, *_: tf.reduce_any(position < strand_end),
        next_round,
        (0, strand_begin, 0, *arrays),
    )
    pairs, labels = pairs.concat(), labels.concat()
    pairs = tf.reshape(pairs, [-1, 4])
    labels = tf.where(num_documents > 1, labels, -1)
    order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(labels)), seeds[1])
    return _truncated(tf.gather(pairs, order), budget, seeds[2]), tf.gather(labels, order)


def _strands(document_begin, sizes, limit):
    """documents' first sentences and sizes [D] -> document, first and end sentence of parts of about equal size [K].

    A part has at most `limit` sentences, so that one long document doesn't take as many rounds as it has pairs.
    """
    pieces = (sizes + limit - 1) // limit  # [D]
    document = tf.repeat(tf.range(tf.size(sizes)), pieces)  # [K]
    piece = tf.range(tf.size(document)) - tf.repeat(tf.cumsum(pieces, exclusive=True), pieces)
    size, pieces = tf.gather(sizes, document), tf.gather(pieces, document)
    begin = tf.gather(document_begin, document)
    return document, begin + begin_of_part(size, pieces, piece), begin + begin_of_part(size, pieces, piece + 1)


def begin_of_part(size, count, number):
    """sizes, of which each is cut in `count` equal parts, a part's number -> where it begins, int32."""
    product = tf.cast(number, tf.int64) * tf.cast(size, tf.int64)  # int32 would be too small for it
    return tf.cast(product // tf.cast(count, tf.int64), tf.int32)


def _truncated(pairs, budget, seed):
    """spans [P, 4] -> the same, cut to `budget` tokens: the longer side shrinks until both are equal, then both."""
    a_begin, a_end, b_begin, b_end = tf.unstack(pairs, axis=1)
    a_length, b_length = a_end - a_begin, b_end - b_begin
    excess = tf.maximum(a_length + b_length - budget, 0)
    level = tf.minimum(excess, tf.abs(a_length - b_length))  # what the longer side loses alone
    rest = excess - level
    a_loss = tf.where(a_length > b_length, level, 0) + rest // 2
    b_loss = excess - a_loss
    losses = tf.cast(tf.stack([a_loss, b_loss]), tf.float32)  # [2, P]
    front = tf.random.stateless_binomial(tf.shape(losses), seed, losses, tf.fill(tf.shape(losses), 0.5), tf.int32)
    return tf.stack(
        [a_begin + front[0], a_end - a_loss + front[0], b_begin + front[1], b_end - b_loss + front[1]], axis=1
    )


def _between(uniform, low, high):
    """numbers in [0, 1) -> integers in [low, high)."""
    return low + tf.cast(uniform * tf.cast(high - low, tf.float32), tf.int32)


def _count(flags):
    """bool [A] -> how many are True."""
    return tf.reduce_sum(tf.cast(flags, tf.int32))
